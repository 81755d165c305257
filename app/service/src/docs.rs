//! `GET /openapi.json`: the API's description, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::{alerts, control, live, page, random};
use golden_http::docs::{self as pages, ControlToken, OperationIds};
use golden_http::problem::{Detail, Invalid, ValidationError};
use golden_http::{health, metrics};

#[derive(OpenApi)]
#[openapi(
    info(title = "Golden Signals", description = "A service whose four golden signals can be trusted."),
    paths(
        random::random,
        page::index,
        page::file,
        live::stream::live,
        metrics::metrics,
        health::healthz,
        health::readyz,
        pages::index,
        pages::file,
        openapi,
        alerts::list,
        alerts::deliver,
        control::faults::show,
        control::faults::change,
        control::traffic::show,
        control::traffic::change,
        control::mystery::show,
        control::mystery::start,
        control::mystery::end,
        control::incident::show,
        control::incident::start,
        control::incident::end,
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
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", responses(
    (status = 200, description = "The description", content_type = "application/json", body = serde_json::Value),
))]
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}
