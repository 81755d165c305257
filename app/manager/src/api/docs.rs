//! `GET /openapi.json`: the API's description, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::{live, page, proplets, rollups, samples, tasks};
use golden_http::docs::{self as pages, ControlToken, OperationIds};
use golden_http::problem::{Detail, Invalid, ValidationError};
use golden_http::{health, metrics};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Golden Signals: manager",
        description = "Collects metrics from proplets and assigns tasks to them. GET /metrics is served on a separate port (default 9641)."
    ),
    paths(
        page::index,
        page::file,
        tasks::list,
        tasks::create,
        tasks::show,
        tasks::delete,
        tasks::start,
        tasks::stop,
        samples::of_task,
        samples::of_proplet,
        samples::alive,
        proplets::list,
        proplets::show,
        rollups::show,
        live::live,
        metrics::metrics,
        health::healthz,
        health::readyz,
        pages::index,
        pages::file,
        openapi,
    ),
    components(schemas(Detail, ValidationError, Invalid)),
    modifiers(&ControlToken, &OperationIds),
)]
struct Description;

/// The API's description.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description, as OpenAPI 3.1
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", responses(
    (status = 200, description = "The description", content_type = "application/json", body = serde_json::Value),
))]
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}
