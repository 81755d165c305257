//! `GET /metrics`: what Prometheus scrapes.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use super::Service;
use crate::signals::exposition::Format;

/// All metrics, in the format that `Accept` asks for.
#[utoipa::path(get, path = "/metrics", tag = "monitoring", responses((
    status = 200,
    description = "Prometheus text 0.0.4, OpenMetrics 1.0 or Prometheus protobuf",
    content_type = "text/plain",
    body = String,
)))]
pub async fn metrics(State(service): State<Service>, headers: HeaderMap) -> impl IntoResponse {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let accepts: Vec<&str> = accepts.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::negotiate(&accepts.join(","));
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::VARY, "accept"),
    ];
    (headers, format.write(&service.registry))
}
