//! `GET /openapi.json`: the API's description, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::{delivery, stream};
use golden_http::docs::OperationIds;
use golden_http::problem::{Detail, Invalid, ValidationError};
use golden_http::{health, metrics};

// `/docs` shows the endpoints in this order.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Golden Signals: pager",
        description = "Receives alerts from Alertmanager and Grafana, and raises an alert of its own when it hears nothing from Prometheus."
    ),
    paths(
        delivery::list,
        delivery::deliver,
        delivery::history,
        stream::live,
        metrics::metrics,
        health::healthz,
        health::readyz,
    ),
    components(schemas(Detail, ValidationError, Invalid)),
    modifiers(&OperationIds),
)]
struct Description;

/// The API's description.
pub(super) fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// The API's description, as OpenAPI 3.1.
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}
