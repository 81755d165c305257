//! The four golden signals: what is counted, when it starts and ends, how it
//! is exposed. Knows no role, no route's meaning and no socket.
//!
//! - Traffic and errors: [`requests`], counted by status.
//! - Latency: the same module's durations, in a [`Histogram`] that is classic
//!   and native at once.
//! - [`saturation`]: how full each constrained resource is.
//! - [`process`]: Prometheus' standard process metrics.
//!
//! [`layer`] defines when a request starts and when it ends. A [`Registry`]
//! gathers everything for [`exposition`], which writes the three formats that
//! a scrape may ask for.

pub mod buckets;
mod build_info;
pub mod cgroup;
pub mod exposition;
mod histogram;
mod labels;
pub mod layer;
pub mod process;
mod random_value;
mod registry;
pub mod requests;
pub mod saturation;
mod trace_context;

pub use build_info::BuildInfo;
pub use histogram::{Histogram, Layout};
pub use labels::{CLIENT_CLOSED_REQUEST, FailureCause};
pub use random_value::RandomValue;
pub use registry::{Collect, Description, Registry, histogram_series, model};
pub use trace_context::{InvalidTraceparent, TraceContext};
