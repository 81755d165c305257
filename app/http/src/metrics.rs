//! `GET /metrics`: what Prometheus scrapes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use tokio::sync::Semaphore;

use super::problem::Problem;
use golden_metrics::exposition::Format;
use golden_metrics::gather;
use prometheus_client::registry::Registry;

/// Gatherings at once: each holds a model of all metrics, so that a crowd of scrapers would
/// hold as many. They are work for a processor, and two at a time keep nobody waiting.
static GATHERINGS: Semaphore = Semaphore::const_new(2);

/// Metrics for Prometheus, in the format that `Accept` negotiates
#[utoipa::path(get, path = "/metrics", tag = "monitoring", responses((
    status = 200,
    description = "Prometheus text 0.0.4, OpenMetrics 1.0 or Prometheus protobuf",
    content_type = "text/plain",
    body = String,
)))]
pub async fn metrics(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let accepts: Vec<&str> = accepts.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::negotiate(&accepts.join(","));
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept"),
    ];
    let _permit = GATHERINGS.acquire().await;
    // Half a millisecond of work: on a thread of its own, so that no request
    // waits behind it.
    let written = tokio::task::spawn_blocking(move || {
        gather(&registry).map(|families| format.encode(&families))
    })
    .await;
    match written {
        Ok(Ok(written)) => (headers, written).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "a collector failed");
            Problem::Panic.into_response()
        }
        // The collectors' panic, logged by the hook.
        Err(_) => Problem::Panic.into_response(),
    }
}
