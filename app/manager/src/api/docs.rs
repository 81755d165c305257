//! `GET /openapi.json`: the API's description, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::{live, overview, proplets, rollups, samples, tasks, trend};
use golden_http::docs::{ControlToken, OperationIds};
use golden_http::problem::{Detail, Invalid, ValidationError};
use golden_http::{health, metrics};

// `/docs` shows the endpoints in this order.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Golden Signals: manager",
        description = "Collects metrics from proplets and assigns tasks to them. GET /metrics is served on a separate port (default 9641)."
    ),
    paths(
        tasks::list,
        tasks::create,
        tasks::show,
        tasks::delete,
        tasks::start,
        tasks::stop,
        samples::of_task,
        trend::show,
        samples::of_proplet,
        samples::alive,
        proplets::list,
        proplets::show,
        rollups::show,
        rollups::of_proplet,
        overview::show,
        live::live,
        metrics::metrics,
        health::healthz,
        health::readyz,
    ),
    components(schemas(Detail, ValidationError, Invalid)),
    modifiers(&ControlToken, &OperationIds),
)]
struct Description;

/// The API's description.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// The API's description, as OpenAPI 3.1.
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}
