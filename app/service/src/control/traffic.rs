//! `/control/traffic`: how much the service sends itself.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use golden_http::access::Allowed;
use golden_http::fields::{Fields, number};
use golden_http::problem::{Detail, Problem, ValidationError};

/// How much the service sends itself; an incident is not in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrafficState {
    /// Requests per second; 0 is none.
    #[schema(example = 5.0)]
    rate: f64,
}

/// How much the service sends itself.
#[utoipa::path(get, path = "/control/traffic", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The present rate", body = TrafficState),
    (status = 401, description = "The token is missing or wrong", body = Detail),
    (status = 403, description = "There is no control here", body = Detail),
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<TrafficState> {
    let rate = service.scenario.settings().traffic.per_second();
    Json(TrafficState { rate })
}

/// Changes how much the service sends itself.
#[utoipa::path(patch, path = "/control/traffic", tag = "control", security((), ("control_token" = [])),
    request_body = TrafficState,
    responses(
        (status = 200, description = "The new rate", body = TrafficState),
        (status = 400, description = "The body broke off", body = Detail),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "There is no control here", body = Detail),
        (status = 408, description = "The body did not arrive in time", body = Detail),
        (status = 413, description = "The body is too large", body = Detail),
        (status = 415, description = "The body is not declared as JSON", body = Detail),
        (status = 422, description = "The body is not right", body = ValidationError),
    ),
)]
pub async fn change(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<TrafficState>, Problem> {
    let rate = fields.take("rate", number);
    let rate = fields.require("rate", rate);
    fields.finish()?;
    let settings = service.scenario.change(|settings| {
        settings.traffic = rate.unwrap_or(settings.traffic);
        Ok::<_, Problem>(())
    })?;
    let rate = settings.traffic.per_second();
    tracing::info!(rate, "traffic changed");
    Ok(Json(TrafficState { rate }))
}
