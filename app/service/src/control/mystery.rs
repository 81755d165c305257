//! `/control/mystery`: hides the distributions of delay and value behind
//! a name.

use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use crate::scenario::Settings;
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, flag, text};
use golden_http::problem::Problem;
use simulation::{Mystery, Name, Sealed};

/// The active mystery. Never contains the distributions.
#[derive(Debug, Serialize, ToSchema)]
pub struct MysteryState {
    /// Name that the distributions are drawn from; null without a mystery.
    name: Option<String>,
    /// SHA-256 of name, nonce and distributions, which proves later that they were not
    /// changed; null without a mystery.
    commitment: Option<String>,
    /// Name, nonce and distributions of the ended mystery, whose SHA-256 is the
    /// commitment; only in the response that ends and reveals it.
    was: Option<String>,
}

/// The mystery to start.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct MysteryStart {
    /// Name that the distributions are drawn from.
    #[schema(example = "alice")]
    name: String,
}

impl From<Settings> for MysteryState {
    fn from(settings: Settings) -> Self {
        let mystery = settings.mystery;
        Self {
            name: mystery
                .as_ref()
                .map(|sealed| sealed.mystery().name().to_owned()),
            commitment: mystery.as_ref().map(Sealed::commitment),
            was: None,
        }
    }
}

/// Show the active mystery
#[utoipa::path(get, path = "/control/mystery", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The mystery, without its distributions", body = MysteryState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<MysteryState> {
    Json(service.scenario.settings().into())
}

/// Start a mystery, replacing an active one
#[utoipa::path(put, path = "/control/mystery", tag = "control", security((), ("control_token" = [])),
    request_body = MysteryStart,
    responses(
        (status = 200, description = "The mystery, without its distributions", body = MysteryState),
        access::Refused,
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn start(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<MysteryState>, Problem> {
    let name = fields.take("name", text::<Name>);
    let name = fields.require("name", name);
    fields.finish()?;
    let settings = service.scenario.change(|settings| {
        settings.mystery =
            name.map(|name| Mystery::new(&name, service.mystery_salt.expose()).seal());
        Ok::<_, Problem>(())
    })?;
    let state = MysteryState::from(settings);
    tracing::info!(name = state.name, "mystery started");
    Ok(Json(state))
}

/// End the mystery: the configured distributions apply again
#[utoipa::path(delete, path = "/control/mystery", tag = "control", security((), ("control_token" = [])),
    params(("reveal" = Option<bool>, Query, description = "Whether to reveal what it was (default false)")),
    responses(
        (status = 200, description = "No mystery; what it was, if it is revealed", body = MysteryState),
        access::Refused,
        fields::Refused,
    ),
)]
pub async fn end(
    _: Allowed,
    State(service): State<Service>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<MysteryState>, Problem> {
    let reveal = flag(&query, "reveal")?;
    let mut ended = None;
    let settings = service.scenario.change(|settings| {
        ended = settings.mystery.take();
        Ok::<_, Problem>(())
    })?;
    tracing::info!(reveal, "mystery ended");
    Ok(Json(MysteryState {
        was: ended.filter(|_| reveal).map(|sealed| sealed.opening()),
        ..settings.into()
    }))
}
