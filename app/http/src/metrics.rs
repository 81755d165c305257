//! `GET /metrics`: what Prometheus scrapes.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use tokio::sync::Semaphore;

use super::gzip;
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
    let gzip = gzip::is_accepted(&headers);
    let permit = GATHERINGS.acquire().await;
    // On a thread that may block: collectors read files, and with many series the rest
    // takes its time too. No request waits behind it.
    let written = tokio::task::spawn_blocking(move || {
        // Held by the work, which goes on when its client goes away.
        let _permit = permit;
        let families = gather(&registry)?;
        let written = format.encode(&families);
        Ok(if gzip {
            gzip::compress(&written)
        } else {
            written
        })
    })
    .await;
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept, accept-encoding"),
    ];
    let coding = gzip.then_some([(header::CONTENT_ENCODING, "gzip")]);
    match written {
        Ok(Ok(written)) => (headers, coding, written).into_response(),
        Ok(Err(fmt::Error)) => {
            tracing::error!("a collector failed");
            Problem::Panic.into_response()
        }
        // The collectors' panic, logged by the hook.
        Err(_) => Problem::Panic.into_response(),
    }
}
