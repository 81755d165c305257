//! `/control/faults`: error rate, panic rate, and the distributions of
//! delay and value.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Service;
use crate::scenario::Settings;
use golden_http::access::{self, Allowed};
use golden_http::body;
use golden_http::fields::{self, Fields, number, text};
use golden_http::problem::{Detail, Problem};

/// The injected faults, without those of an incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultsState {
    /// Share of requests that fail, from 0 to 1.
    #[schema(example = 0.01)]
    error_rate: f64,
    /// Share of requests whose handler panics, from 0 to 1.
    #[schema(example = 0.0)]
    panic_rate: f64,
    /// Distribution of the delays; null while a mystery hides it.
    #[schema(example = "lognormal(mean=120ms, cv=0.6)")]
    delay: Option<String>,
    /// Distribution of the values; null while a mystery hides it.
    #[schema(example = "normal(mean=50, sd=15)")]
    value: Option<String>,
    /// Name of the mystery that hides the distributions; null without one.
    mystery: Option<String>,
}

/// The faults to change; omitted fields keep their value.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `Fields` reads it")]
pub struct FaultsChange {
    /// Share of requests that fail, from 0 to 1.
    #[schema(example = 0.2)]
    error_rate: Option<f64>,
    /// Share of requests whose handler panics, from 0 to 1.
    #[schema(example = 0.0)]
    panic_rate: Option<f64>,
    /// Distribution of the delays.
    #[schema(example = "gamma(shape=3, scale=40ms)")]
    delay: Option<String>,
    /// Distribution of the values, from -1000000 to 1000000.
    #[schema(example = "uniform(0, 100)")]
    value: Option<String>,
}

impl From<Settings> for FaultsState {
    fn from(settings: Settings) -> Self {
        let shown = settings.mystery.is_none();
        Self {
            error_rate: settings.faults.error_rate.get(),
            panic_rate: settings.panic_rate.get(),
            delay: shown.then(|| settings.faults.delay.to_string()),
            value: shown.then(|| settings.faults.value.to_string()),
            mystery: settings
                .mystery
                .map(|sealed| sealed.mystery().name().to_owned()),
        }
    }
}

/// Show the injected faults
#[utoipa::path(get, path = "/control/faults", tag = "control", security((), ("control_token" = [])), responses(
    (status = 200, description = "The current faults", body = FaultsState),
    access::Refused,
))]
pub async fn show(_: Allowed, State(service): State<Service>) -> Json<FaultsState> {
    Json(service.scenario.settings().into())
}

/// Inject faults, from the next request on
#[utoipa::path(patch, path = "/control/faults", tag = "control", security((), ("control_token" = [])),
    request_body = FaultsChange,
    responses(
        (status = 200, description = "The new faults", body = FaultsState),
        access::Refused,
        (status = 409, description = "A mystery hides the distributions", body = Detail),
        body::Refused,
        fields::Refused,
    ),
)]
pub async fn change(
    _: Allowed,
    State(service): State<Service>,
    mut fields: Fields,
) -> Result<Json<FaultsState>, Problem> {
    let error_rate = fields.take("error_rate", number);
    let panic_rate = fields.take("panic_rate", number);
    let delay = fields.take("delay", text);
    let value = fields.take("value", text);
    fields.finish()?;
    let settings = service.scenario.change(|settings| {
        if settings.mystery.is_some() && (delay.is_some() || value.is_some()) {
            let detail =
                "a mystery hides the distributions of delay and value: DELETE /control/mystery first";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let faults = &mut settings.faults;
        faults.error_rate = error_rate.unwrap_or(faults.error_rate);
        settings.panic_rate = panic_rate.unwrap_or(settings.panic_rate);
        if let Some(delay) = delay {
            faults.delay = delay;
        }
        if let Some(value) = value {
            faults.value = value;
        }
        Ok(())
    })?;
    let state = FaultsState::from(settings);
    tracing::info!(
        error_rate = state.error_rate,
        panic_rate = state.panic_rate,
        delay = state.delay,
        value = state.value,
        "faults changed"
    );
    Ok(Json(state))
}
