//! `/control/incident`: something goes wrong, to be found by monitoring.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use crate::scenario::{RunningIncident, Settings};
use golden_http::access::Allowed;
use golden_http::fields::{Fields, name, text};
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};
use simulation::{Incident, IncidentKind};

/// Whether an incident runs, and which, unless it is hidden.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentState {
    /// Whether one runs.
    running: bool,
    /// Its kind; null while it is hidden.
    #[schema(example = "latency")]
    kind: Option<&'static str>,
    /// What it was: told when it ends.
    was: Option<String>,
}

/// Which incident to start: one of the two.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct IncidentStart {
    /// `latency`, `errors`, `traffic` or `saturation`.
    #[schema(example = "latency")]
    kind: Option<String>,
    /// A name from which kind and magnitude are drawn, and not shown.
    #[schema(example = "alice")]
    hidden: Option<String>,
}

impl IncidentState {
    fn now(settings: &Settings) -> Self {
        let running = settings.incident.as_ref();
        Self {
            running: running.is_some(),
            kind: running
                .filter(|running| !running.hidden)
                .map(|running| running.incident.kind().name()),
            was: None,
        }
    }
}

/// Whether an incident runs.
#[utoipa::path(get, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The incident", body = IncidentState),
    (status = 401, description = "The token is missing or wrong", body = Detail),
    (status = 403, description = "There is no control here", body = Detail),
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<IncidentState> {
    Json(IncidentState::now(&service.scenario.settings()))
}

/// Starts an incident, in place of one that runs.
#[utoipa::path(put, path = "/control/incident", tag = "control", security((), ("control_token" = [])),
    request_body = IncidentStart,
    responses(
        (status = 200, description = "The incident", body = IncidentState),
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
) -> Result<Json<IncidentState>, Problem> {
    let kind = fields.take("kind", text::<IncidentKind>);
    let hidden = fields.take("hidden", name);
    fields.finish()?;
    let running = match (kind, hidden) {
        (Some(kind), None) => RunningIncident {
            incident: Incident::new(kind),
            hidden: false,
        },
        (None, Some(name)) => RunningIncident {
            incident: Incident::hidden(&name, &service.mystery_salt),
            hidden: true,
        },
        _ => {
            let msg = "give either kind or hidden";
            return Err(Problem::Invalid(vec![Invalid::field(
                "kind", msg, "missing",
            )]));
        }
    };
    let settings = service.scenario.change(|settings| {
        settings.incident = Some(running);
        Ok::<_, Problem>(())
    })?;
    let state = IncidentState::now(&settings);
    tracing::info!(kind = state.kind, "incident started");
    Ok(Json(state))
}

/// Ends the incident and tells what it was.
#[utoipa::path(delete, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "What it was", body = IncidentState),
    (status = 401, description = "The token is missing or wrong", body = Detail),
    (status = 403, description = "There is no control here", body = Detail),
))]
pub async fn end(
    _: Allowed,
    State(service): State<Service>,
) -> Result<Json<IncidentState>, Problem> {
    let mut was = None;
    let settings = service.scenario.change(|settings| {
        was = settings
            .incident
            .take()
            .map(|running| running.incident.reveal());
        Ok::<_, Problem>(())
    })?;
    tracing::info!(was, "incident ended");
    Ok(Json(IncidentState {
        was,
        ..IncidentState::now(&settings)
    }))
}
