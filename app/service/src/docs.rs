//! `GET /openapi.json`: the API's description, generated from the code.

use axum::Json;
use utoipa::OpenApi;

use super::{control, incident, live, random};
use golden_http::docs::{ControlToken, OperationIds};
use golden_http::health;
use golden_http::problem::{Detail, Invalid, ValidationError};
use model::{control as model_control, feedback, predict};

// `/docs` shows the endpoints in this order.
#[derive(OpenApi)]
#[openapi(
    info(title = "Golden Signals", description = "Returns random numbers after random delays, and predicts whether a wine is good, with the four golden signals to watch it by."),
    paths(
        random::random,
        predict::predict,
        feedback::feedback,
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
        model_control::show,
        model_control::change,
        model_control::mystery::show,
        model_control::mystery::start,
        model_control::mystery::end,
        control::incident::declare,
        control::incident::diagnose,
        live::stream::live,
        incident::scrapes::metrics,
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
