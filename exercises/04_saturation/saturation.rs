//! Exercise 4, saturation: how full is the service?

use std::sync::atomic::AtomicU64;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// So many requests at once is what this service is built for.
pub const LIMIT: i64 = 20;

/// The label of `saturation_ratio`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    pub resource: &'static str,
}

/// Requests that have begun and not ended, and how full that makes us.
#[derive(Clone, Default)]
pub struct Saturation {
    pub in_flight: Gauge,
    pub ratio: Family<Labels, Gauge<f64, AtomicU64>>,
}

impl Saturation {
    /// Makes the gauges known.
    pub fn register(registry: &mut Registry) -> Self {
        let saturation = Self::default();
        // TODO 1: register `in_flight` as `http_requests_in_flight`
        // and `ratio` as `saturation_ratio`.
        saturation
    }

    /// Called before every scrape.
    pub fn before_scrape(&self) {
        // TODO 2: set the ratio of the resource "concurrency": 0 is idle, 1 is full.
    }
}

/// Runs around every request.
pub async fn watch(State(saturation): State<Saturation>, request: Request, next: Next) -> Response {
    // TODO 3: one more request is in flight now, and one less when this ends. It
    // may end without coming to the last line!
    next.run(request).await
}
