//! `/control/traffic`: the rate of the requests that the service sends itself.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, number};
use golden_http::problem::Problem;

/// Rate of the traffic that the service sends itself, without an incident's.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrafficState {
    /// Requests per second; 0 sends none.
    #[schema(example = 5.0)]
    rate: f64,
}

/// Show the rate of the generated traffic
#[utoipa::path(get, path = "/control/traffic", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The current rate", body = TrafficState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<TrafficState> {
    let rate = service.scenario.settings().traffic.per_second();
    Json(TrafficState { rate })
}

/// Change the rate of the generated traffic
#[utoipa::path(patch, path = "/control/traffic", tag = "control", security((), ("control_token" = [])),
    request_body = TrafficState,
    responses(
        (status = 200, description = "The new rate", body = TrafficState),
        access::Refused,
        body::Refused,
        fields::Refused,
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
