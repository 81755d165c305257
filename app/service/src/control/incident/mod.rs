//! `/control/incident`: something that goes wrong, for students to find by monitoring.
//! Started openly, or armed as a game: then nobody is told what, when, or whether at all.

mod state;

use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use utoipa::ToSchema;

pub use self::state::{GameState, IncidentState, MarksState, Revealed};
use crate::Service;
use crate::incident::game::{Answer, Refusal};
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, text};
use golden_http::problem::{Detail, Invalid, Problem};
use simulation::incident::marks::{Diagnosis, Mechanism};
use simulation::incident::truth::Truth;
use simulation::incident::{Component, Scope, Signal, Word};
use simulation::{Incident, IncidentKind, Name};

/// Maximum characters of a query that is evidence.
const MAX_EVIDENCE_CHARACTERS: usize = 1_000;

/// The incident to start: give one of `kind` and `hidden`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct IncidentStart {
    /// Kind of an incident to start at once and openly.
    #[schema(example = "slow-tail")]
    kind: Option<String>,
    /// Name of a game to arm.
    #[schema(example = "alice")]
    hidden: Option<String>,
    /// Level of the game's incident, from 1 to 3 (default: any).
    #[schema(example = 2)]
    level: Option<u8>,
    /// Length of the game, from 10s to 2h (default 20m).
    #[schema(example = "20m")]
    window: Option<String>,
}

/// The answer to a game. What is left out earns nothing.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct IncidentDiagnosis {
    /// Kind of the incident, or `nothing`.
    #[schema(example = "slow-tail")]
    mechanism: String,
    /// Since when, in seconds since the Unix epoch, or as in RFC 3339.
    #[schema(example = "2026-11-28T09:41:00Z")]
    since: Option<String>,
    /// `traffic`, `latency`, `errors`, `saturation` or `monitoring`.
    #[schema(example = "latency")]
    signal: Option<String>,
    /// `clients`, `handler`, `dependency`, `cache`, `admission`, `process` or `metrics`.
    #[schema(example = "handler")]
    component: Option<String>,
    /// `all`, `some` or `nobody`.
    #[schema(example = "some")]
    scope: Option<String>,
    /// From 1 to 3.
    #[schema(example = 1)]
    level: Option<u8>,
    /// PromQL whose one series tells the incident from the quiet time.
    #[schema(
        example = "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))"
    )]
    evidence: Option<String>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::CONFLICT, refusal.to_string())
    }
}

/// Show the incident, or how far the game has come
#[utoipa::path(get, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The incident", body = IncidentState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<IncidentState> {
    if let Some(game) = &*service.game() {
        return Json(game.into());
    }
    let settings = service.scenario.settings();
    // What a game has hidden is in force for a moment longer than the game is on.
    let open = settings.incident.filter(|running| !running.hidden);
    let kind = open.map(|running| running.incident.kind().name());
    Json(IncidentState {
        state: if kind.is_some() { "running" } else { "idle" },
        kind,
        ..IncidentState::default()
    })
}

/// Start an incident openly, replacing a running one, or arm a game
#[utoipa::path(put, path = "/control/incident", tag = "control", security((), ("control_token" = [])),
    request_body = IncidentStart,
    responses(
        (status = 200, description = "The incident", body = IncidentState),
        access::Refused,
        (status = 409, description = "A game is on", body = Detail),
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
    let level = fields.take("level", level);
    let window = fields.take("window", window);
    fields.finish()?;
    match (kind, hidden) {
        (Some(kind), None) if level.is_none() && window.is_none() => {
            service.start_incident(Incident::new(kind))?;
            tracing::info!(kind = kind.name(), "incident started");
            Ok(Json(IncidentState {
                state: "running",
                kind: Some(kind.name()),
                ..IncidentState::default()
            }))
        }
        (None, Some(name)) => {
            let window = window.unwrap_or(Truth::USUAL_WINDOW);
            let game = service.arm(name, level, window)?;
            tracing::info!(name = game.name(), seal = game.seal(), "incident armed");
            Ok(Json((&game).into()))
        }
        (Some(_), None) => {
            let msg = "level and window are those of a game: give them with hidden";
            Err(Problem::Invalid(vec![Invalid::field(
                "kind",
                msg,
                "value_error",
            )]))
        }
        _ => {
            let msg = "give either kind or hidden";
            Err(Problem::Invalid(vec![Invalid::field(
                "kind", msg, "missing",
            )]))
        }
    }
}

/// Declare that something is wrong
#[utoipa::path(post, path = "/control/incident/declare", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The game", body = IncidentState),
    access::Refused,
    (status = 409, description = "No game is on, or it is declared already", body = Detail),
))]
pub async fn declare(
    _: Allowed,
    State(service): State<Service>,
) -> Result<Json<IncidentState>, Problem> {
    let game = service.declare()?;
    tracing::info!("incident declared");
    Ok(Json((&game).into()))
}

/// Answer what is wrong, once; `nothing` is an answer
#[utoipa::path(post, path = "/control/incident/diagnose", tag = "control", security((), ("control_token" = [])),
    request_body = IncidentDiagnosis,
    responses(
        (status = 200, description = "The game", body = IncidentState),
        access::Refused,
        (status = 409, description = "No game is on, or it is diagnosed already", body = Detail),
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn diagnose(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<IncidentState>, Problem> {
    let mechanism = fields.take("mechanism", text::<Mechanism>);
    let mechanism = fields.require("mechanism", mechanism);
    let since = fields.take("since", seconds);
    let signal = fields.take("signal", word::<Signal>);
    let component = fields.take("component", word::<Component>);
    let scope = fields.take("scope", word::<Scope>);
    let level = fields.take("level", level);
    let evidence = fields.take("evidence", query);
    fields.finish()?;
    let game = service.diagnose(|game| Answer {
        diagnosis: Diagnosis {
            mechanism,
            since: since.map(|at| game.after(at)),
            signal,
            component,
            scope,
            level,
        },
        evidence,
    })?;
    tracing::info!("incident diagnosed");
    Ok(Json((&game).into()))
}

/// End the incident and reveal what it was
#[utoipa::path(delete, path = "/control/incident", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The ended incident", body = IncidentState),
    access::Refused,
))]
pub async fn end(_: Allowed, State(service): State<Service>) -> Json<IncidentState> {
    let (game, was) = service.end_incident();
    let ended = IncidentState {
        state: "idle",
        ..IncidentState::default()
    };
    let Some(game) = game else {
        let was = was.map(|incident| incident.reveal());
        tracing::info!(was, "incident ended");
        return Json(IncidentState { was, ..ended });
    };
    // Whoever asked is told; the log is read by others, too.
    tracing::info!(seal = game.seal(), "incident revealed");
    Json(IncidentState {
        game: Some((&game).into()),
        revealed: Some((&game).into()),
        ..ended
    })
}

fn level(value: &Value) -> Result<u8, String> {
    let level = value.as_u64().and_then(|level| u8::try_from(level).ok());
    let level = level.filter(|level| (1..=3).contains(level));
    level.ok_or_else(|| "must be 1, 2 or 3".to_owned())
}

fn window(value: &Value) -> Result<Duration, String> {
    let text = value.as_str().unwrap_or_default();
    let window = humantime::parse_duration(text).ok();
    let window = window.filter(|window| Truth::WINDOW.contains(window));
    window.ok_or_else(|| "must be a time from 10s to 2h with its unit, like 20m".to_owned())
}

fn word<W: Word>(value: &Value) -> Result<W, String> {
    let word = value.as_str().and_then(W::read);
    word.ok_or_else(|| format!("must be one of {}", W::choices()))
}

/// Seconds since the Unix epoch.
fn seconds(value: &Value) -> Result<f64, String> {
    let number = value.as_f64().filter(|seconds| *seconds >= 0.0);
    let written = || {
        let time = humantime::parse_rfc3339(value.as_str()?.trim()).ok()?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(since.as_secs_f64())
    };
    number.or_else(written).ok_or_else(|| {
        "must be seconds since the Unix epoch, or a time like 2026-11-28T09:41:00Z".to_owned()
    })
}

fn query(value: &Value) -> Result<String, String> {
    let query = value
        .as_str()
        .map(str::trim)
        .filter(|query| !query.is_empty() && query.chars().count() <= MAX_EVIDENCE_CHARACTERS);
    let msg = || format!("must be PromQL of 1 to {MAX_EVIDENCE_CHARACTERS} characters");
    query.map(ToOwned::to_owned).ok_or_else(msg)
}
