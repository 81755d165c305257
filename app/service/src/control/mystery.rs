//! `/control/mystery`: hides the laws of delay and value behind a name.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use crate::scenario::Settings;
use golden_http::access::Allowed;
use golden_http::fields::{Fields, name};
use golden_http::problem::{Detail, Problem, ValidationError};
use simulation::Mystery;

/// Which mystery runs. The laws are never in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MysteryState {
    /// What the laws are drawn from; null without a mystery.
    name: Option<String>,
    /// The SHA-256 of the laws' text, by which they can be proven later.
    commitment: Option<String>,
}

/// Which mystery to start.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct MysteryStart {
    /// What the laws are drawn from.
    #[schema(example = "alice")]
    name: String,
}

impl From<Settings> for MysteryState {
    fn from(settings: Settings) -> Self {
        let mystery = settings.mystery;
        Self {
            name: mystery.as_ref().map(|mystery| mystery.name().to_owned()),
            commitment: mystery.as_ref().map(Mystery::commitment),
        }
    }
}

/// Which mystery runs.
#[utoipa::path(get, path = "/control/mystery", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The mystery, without its laws", body = MysteryState),
    (status = 401, description = "The token is missing or wrong", body = Detail),
    (status = 403, description = "There is no control here", body = Detail),
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<MysteryState> {
    Json(service.scenario.settings().into())
}

/// Starts a mystery, in place of one that runs.
#[utoipa::path(put, path = "/control/mystery", tag = "control", security((), ("control_token" = [])),
    request_body = MysteryStart,
    responses(
        (status = 200, description = "The mystery, without its laws", body = MysteryState),
        (status = 400, description = "The body broke off", body = Detail),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "There is no control here", body = Detail),
        (status = 408, description = "The body did not arrive in time", body = Detail),
        (status = 413, description = "The body is too large", body = Detail),
        (status = 415, description = "The body is not declared as JSON", body = Detail),
        (status = 422, description = "The body is not right", body = ValidationError),
    ),
)]
pub async fn start(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<MysteryState>, Problem> {
    let name = fields.take("name", name);
    let name = fields.require("name", name);
    fields.finish()?;
    let settings = service.scenario.change(|settings| {
        settings.mystery = name.map(|name| Mystery::new(&name, &service.mystery_salt));
        Ok::<_, Problem>(())
    })?;
    let state = MysteryState::from(settings);
    tracing::info!(name = state.name, "mystery started");
    Ok(Json(state))
}

/// Ends the mystery: the configured laws hold again.
#[utoipa::path(delete, path = "/control/mystery", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "No mystery", body = MysteryState),
    (status = 401, description = "The token is missing or wrong", body = Detail),
    (status = 403, description = "There is no control here", body = Detail),
))]
pub async fn end(
    _: Allowed,
    State(service): State<Service>,
) -> Result<Json<MysteryState>, Problem> {
    let settings = service.scenario.change(|settings| {
        settings.mystery = None;
        Ok::<_, Problem>(())
    })?;
    tracing::info!("mystery ended");
    Ok(Json(settings.into()))
}
