//! Exercise 2, latency: how long do the answers take?

use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::errors::outcome;
use crate::route::route_of;

/// Upper bounds of the buckets, in seconds.
// TODO 1: choose them for a service that takes 10 ms to 1 s and promises 0.5 s.
pub const BUCKETS: [f64; 2] = [1.0, 10.0];

/// The labels of `http_request_duration_seconds`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    pub method: String,
    pub route: String,
    /// How it ended: what `outcome(response.status())` says. You write that in
    /// exercise 3; until then everything is a success.
    pub outcome: &'static str,
}

/// A histogram for each set of labels.
#[derive(Clone)]
pub struct Latency {
    pub durations: Family<Labels, Histogram, fn() -> Histogram>,
}

impl Latency {
    /// Makes the histogram known.
    pub fn register(registry: &mut Registry) -> Self {
        let latency = Self {
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        // TODO 2: register `latency.durations` as `http_request_duration_seconds`.
        latency
    }
}

/// Runs around every request.
pub async fn measure(State(latency): State<Latency>, request: Request, next: Next) -> Response {
    // TODO 3: measure how long `next.run` takes, and observe it in seconds.
    next.run(request).await
}
