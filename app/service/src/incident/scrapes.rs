//! `GET /metrics`, and how a scrape can be lost or late.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::Service;
use golden_http::metrics;
use golden_http::problem::{Detail, Problem};

/// How late a late answer is: within the timeout of any scrape.
const LATE: Duration = Duration::from_millis(1_500);

/// What becomes of scrapes.
#[derive(Debug, Default)]
pub(crate) struct Scrapes {
    /// Percent of them that get no metrics.
    lost: AtomicU32,
    /// Whether the next one is answered late.
    late: AtomicBool,
}

impl Scrapes {
    /// Loses so many percent from now on.
    pub(super) fn lose(&self, percent: u32) {
        self.lost.store(percent, Relaxed);
    }

    /// Answers the next one late.
    pub(super) fn delay_one(&self) {
        self.late.store(true, Relaxed);
    }
}

/// Metrics for Prometheus, in the format that `Accept` negotiates
#[utoipa::path(get, path = "/metrics", tag = "monitoring", responses(
    (
        status = 200,
        description = "Prometheus text 0.0.4, OpenMetrics 1.0 or Prometheus protobuf",
        content_type = "text/plain",
        body = String,
    ),
    (status = 503, description = "An incident keeps the metrics from being read", body = Detail),
))]
pub async fn metrics(State(service): State<Service>, headers: HeaderMap) -> Response {
    let lost = service.scrapes.lost.load(Relaxed);
    if lost > 0 && rand::random_range(0..100) < lost {
        let detail = "the metrics cannot be read";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    }
    if service.scrapes.late.swap(false, Relaxed) {
        tokio::time::sleep(LATE).await;
    }
    metrics::metrics(State(service.registry.clone()), headers).await
}
