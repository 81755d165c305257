//! `/control/incident`: starts and ends something that goes wrong, for
//! students to find by monitoring.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use crate::scenario::{RunningIncident, Settings};
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, text};
use golden_http::problem::{Invalid, Problem};
use simulation::{Incident, IncidentKind, Name};

/// The running incident; its kind unless it is hidden.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentState {
    /// Whether an incident is running.
    running: bool,
    /// Its kind; null without an incident and while it is hidden.
    #[schema(example = "latency")]
    kind: Option<&'static str>,
    /// What it was; only in the response that ends it.
    was: Option<String>,
}

/// The incident to start: give one of the two fields.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct IncidentStart {
    /// `latency`, `errors`, `traffic` or `saturation`.
    #[schema(example = "latency")]
    kind: Option<String>,
    /// Name from which a hidden kind and magnitude are drawn.
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

/// Show the running incident
#[utoipa::path(get, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The incident", body = IncidentState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<IncidentState> {
    Json(IncidentState::now(&service.scenario.settings()))
}

/// Start an incident, replacing a running one
#[utoipa::path(put, path = "/control/incident", tag = "control", security((), ("control_token" = [])),
    request_body = IncidentStart,
    responses(
        (status = 200, description = "The incident", body = IncidentState),
        access::Refused,
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn start(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<IncidentState>, Problem> {
    let kind = fields.take("kind", text::<IncidentKind>);
    let hidden = fields.take("hidden", text::<Name>);
    fields.finish()?;
    let running = match (kind, hidden) {
        (Some(kind), None) => RunningIncident {
            incident: Incident::new(kind),
            hidden: false,
        },
        (None, Some(name)) => RunningIncident {
            incident: Incident::hidden(&name, service.mystery_salt.expose()),
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

/// End the incident and reveal what it was
#[utoipa::path(delete, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The ended incident", body = IncidentState),
    access::Refused,
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
