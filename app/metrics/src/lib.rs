//! What Prometheus' Rust client lacks for a service that is to be measured
//! exactly: a lock-free [`Histogram`] that is classic and native at once, with
//! exemplars and created timestamps, and the three formats that a scrape may
//! ask for. Knows no HTTP, no socket, no role and no metric's meaning.
//!
//! A [`Registry`] gathers the families of everything that can [`Collect`]
//! them; [`exposition`] writes those.

pub mod exposition;
mod histogram;
mod registry;

pub use histogram::{Histogram, Layout};
pub use registry::{Collect, Description, Registry, histogram_series, model};
