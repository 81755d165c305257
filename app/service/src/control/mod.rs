//! `/control/…`: changes what the service pretends while it runs.
//!
//! What is set here bends `/random` and the generated traffic and nothing else:
//! metrics, probes, pages and the control itself stay whole, so that a fault can
//! be watched, and undone, while it is on. Each change is logged.

pub mod faults;
pub mod incident;
pub mod mystery;
pub mod traffic;
