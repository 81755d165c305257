//! `/control/model`: what is wrong with the model, for whom, from when on.

#![expect(clippy::unused_async, reason = "axum takes nothing else for a handler")]

pub mod mystery;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, number, text};
use golden_http::problem::{Detail, Problem};
use serde::Serialize;
use serde_json::Value;
use simulation::Probability;
use utoipa::ToSchema;

use crate::fault::Fault;
use crate::predictor::Predictor;
use crate::scenario::Scenario;
use crate::segment::Segment;

/// The fault of the model. While a mystery hides it, its name is all that is not null.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ModelState {
    /// none; the model absent, slow, failing, nan; its features stale, missing, in another
    /// unit (fraction, micrograms) or of other wines (tilt(-0.6)); answers of other wines
    /// (stuck); another taste (concept).
    #[schema(example = "tilt(-0.6)")]
    scenario: Option<String>,
    /// Those whom it meets: web, app or partner; null for all.
    #[schema(example = "partner")]
    segment: Option<&'static str>,
    /// Share of their requests that it meets at last, from 0 to 1.
    #[schema(example = 1.0)]
    share: Option<f64>,
    /// The share that it meets now.
    #[schema(example = 0.4)]
    strength: Option<f64>,
    /// Time until it begins.
    #[schema(example = "0s")]
    begins_in: Option<String>,
    /// Time in which the share grows from 0.
    #[schema(example = "1m")]
    ramp: Option<String>,
    /// Name of the mystery that hides it.
    mystery: Option<String>,
}

/// The fault to begin; omitted fields keep their value, but `begins_in`, which is now.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct ModelChange {
    /// See `GET`.
    #[schema(example = "tilt(-0.6)")]
    scenario: Option<String>,
    /// Those whom it meets: web, app or partner; null for all.
    #[schema(example = "partner")]
    segment: Option<String>,
    /// Share of their requests that it meets at last, from 0 to 1.
    #[schema(example = 1.0)]
    share: Option<f64>,
    /// Time until it begins.
    #[schema(example = "30s")]
    begins_in: Option<String>,
    /// Time in which the share grows from 0.
    #[schema(example = "1m")]
    ramp: Option<String>,
}

impl From<&Fault> for ModelState {
    fn from(fault: &Fault) -> Self {
        if let Some(mystery) = &fault.mystery {
            return Self {
                mystery: Some(mystery.name().to_owned()),
                ..Self::default()
            };
        }
        let now = Instant::now();
        let begins_in = fault.begins.saturating_duration_since(now);
        let whole = |duration: Duration| {
            let seconds = duration.as_secs_f64().ceil();
            humantime::format_duration(Duration::from_secs_f64(seconds)).to_string()
        };
        Self {
            scenario: Some(fault.scenario.to_string()),
            segment: fault.segment.map(Segment::name),
            share: Some(fault.share),
            strength: Some(fault.strength(now)),
            begins_in: Some(whole(begins_in)),
            ramp: Some(whole(fault.ramp)),
            mystery: None,
        }
    }
}

/// Show the fault of the model
#[utoipa::path(get, path = "/control/model", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The current fault", body = ModelState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(predictor): State<Arc<Predictor>>) -> Json<ModelState> {
    Json((&predictor.fault()).into())
}

/// Break the model, or repair it
#[utoipa::path(patch, path = "/control/model", tag = "control", security((), ("control_token" = [])),
    request_body = ModelChange,
    responses(
        (status = 200, description = "The new fault", body = ModelState),
        access::Refused,
        (status = 409, description = "A mystery is on", body = Detail),
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn change(
    _: Allowed,
    State(predictor): State<Arc<Predictor>>,
    mut fields: Fields,
) -> Result<Json<ModelState>, Problem> {
    let scenario = fields.take("scenario", text::<Scenario>);
    let segment = fields.take("segment", segment);
    let share = fields.take("share", number::<Probability>);
    let begins_in = fields.take("begins_in", duration);
    let ramp = fields.take("ramp", duration);
    fields.finish()?;
    let fault = predictor.change_fault(|before, population| {
        if before.mystery.is_some() {
            return Err(Problem::new(StatusCode::CONFLICT, MYSTERY_IS_ON));
        }
        Ok(Fault {
            segment: segment.unwrap_or(before.segment),
            share: share.map_or(before.share, Probability::get),
            begins: Instant::now() + begins_in.unwrap_or_default(),
            ramp: ramp.unwrap_or(before.ramp),
            ..Fault::new(scenario.unwrap_or(before.scenario), population)
        })
    })?;
    let state = ModelState::from(&fault);
    tracing::info!(
        scenario = state.scenario,
        segment = state.segment,
        share = state.share,
        begins_in = state.begins_in,
        ramp = state.ramp,
        "fault of the model changed"
    );
    Ok(Json(state))
}

/// What is hidden cannot be changed without telling it.
const MYSTERY_IS_ON: &str =
    "a mystery is on: end it with DELETE /control/model/mystery, and reveal it with ?reveal=true";

fn segment(value: &Value) -> Result<Option<Segment>, String> {
    if value.is_null() {
        return Ok(None);
    }
    text::<Segment>(value).map(Some)
}

fn duration(value: &Value) -> Result<Duration, String> {
    let text = value.as_str();
    let text = text.ok_or_else(|| "must be a duration as a string, like \"30s\"".to_owned())?;
    command_line::flags::duration(text)
}
