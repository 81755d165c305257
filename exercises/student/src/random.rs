//! `GET /random`: a random number, after a random delay. And one metric, the
//! example for all that you will write.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

/// The example: a metric is a value that you keep …
#[derive(Clone, Default)]
pub struct Random {
    drawn: Counter,
}

impl Random {
    /// … that the registry knows by name …
    pub fn register(registry: &mut Registry) -> Self {
        let random = Self::default();
        // The library adds `_total` to the name of every counter.
        registry.register(
            "random_numbers_drawn",
            "Random numbers drawn since the start",
            random.drawn.clone(),
        );
        random
    }
}

/// What you can ask for, so that you (and the checker) can see your metrics
/// move: `/random?delay_ms=300`, `/random?fail=503`, `/random?panic=true`.
#[derive(Deserialize)]
pub struct Params {
    delay_ms: Option<f64>,
    fail: Option<u16>,
    #[serde(default)]
    panic: bool,
}

/// The answer.
#[derive(Serialize)]
pub struct Answer {
    random: f64,
}

/// Answers `GET /random` and `GET /random/{name}`.
pub async fn random(
    State(random): State<Random>,
    Query(params): Query<Params>,
) -> Result<Json<Answer>, StatusCode> {
    // Errors are quick here, as they often are: nothing has been done yet.
    if let Some(status) = params.fail {
        return Err(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let delay_ms = params
        .delay_ms
        .unwrap_or_else(|| rand::random_range(10.0..200.0))
        .clamp(0.0, 60_000.0);
    tokio::time::sleep(Duration::from_secs_f64(delay_ms / 1000.0)).await;
    assert!(!params.panic, "you asked for it");
    // … and that you change where the thing happens that it counts.
    random.drawn.inc();
    Ok(Json(Answer {
        random: rand::random_range(0.0..100.0),
    }))
}
