//! `/control/…`: changes what the service pretends while it runs.
//!
//! What is set here affects `/random` and the generated traffic and nothing else:
//! metrics, probes, pages and `/control` itself keep working, so that a fault can
//! be watched, and undone, while it is on. Each change is logged. Of the incidents, those
//! that are about metrics or the whole process affect those too, and what a game does by
//! itself is not logged.

pub mod faults;
pub mod incident;
pub mod mystery;
pub mod traffic;
