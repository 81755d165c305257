//! `GET /rollups`: all tasks of all proplets together.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{DEFAULT_LIMIT, MOST, Parameters};
use super::{Manager, blocking};
use crate::clock;
use crate::history::Piece;
use golden_http::problem::{Detail, Problem, ValidationError};

/// What is now and what was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rollups {
    /// By the latest samples.
    pub now: Now,
    /// The length of a piece, in seconds.
    pub step: u32,
    /// The pieces, in the order of time.
    pub rollups: Vec<Piece>,
}

/// All together, by the latest samples.
#[derive(Debug, Serialize, ToSchema)]
pub struct Now {
    /// Proplets that live.
    pub proplets_alive: usize,
    /// Proplets of the last hour.
    pub proplets: usize,
    /// Tasks that were reported lately.
    pub tasks: usize,
    /// The sum of their processor use, in percent of one core.
    pub cpu_percent: f64,
    /// The sum of their memory, in bytes.
    pub memory_bytes: f64,
    /// The sum of their threads.
    pub thread_count: f64,
    /// The sum of their open descriptors.
    pub file_descriptor_count: f64,
}

/// All tasks of all proplets together, now and over time.
#[utoipa::path(get, path = "/rollups", tag = "history",
    params(
        ("from" = Option<String>, Query, description = "From this time on: RFC 3339 or seconds since 1970"),
        ("to" = Option<String>, Query, description = "Before this time"),
        ("step" = Option<u32>, Query, description = "Seconds of a piece, a multiple of 10 up to 86400; 60 without"),
        ("limit" = Option<u32>, Query, description = "At most so many of the newest pieces, up to 1000; 100 without"),
    ),
    responses(
        (status = 200, description = "The sums; pieces without samples are left out", body = Rollups),
        (status = 422, description = "A parameter is not right", body = ValidationError),
        (status = 503, description = "The history cannot be read", body = Detail),
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<Rollups>, Problem> {
    let (from, to) = parameters.times();
    let limit = parameters.number("limit", 0, MOST, DEFAULT_LIMIT);
    let step = parameters.take("step", |text| {
        let step = text.parse().ok();
        step.filter(|step: &u32| (10..=86_400).contains(step) && step.is_multiple_of(10))
            .ok_or_else(|| "must be a multiple of 10 from 10 to 86400, in seconds".to_owned())
    });
    let step = step.unwrap_or(60);
    parameters.finish()?;
    let totals = manager.fleet.totals(clock::now());
    let rollups = blocking(move || manager.history.rollups(from, to, step, limit)).await?;
    Ok(Json(Rollups {
        now: Now {
            proplets_alive: totals.proplets_alive,
            proplets: totals.proplets,
            tasks: totals.tasks,
            cpu_percent: totals.cpu_percent,
            memory_bytes: totals.memory_bytes,
            thread_count: totals.threads,
            file_descriptor_count: totals.file_descriptors,
        },
        step,
        rollups,
    }))
}
