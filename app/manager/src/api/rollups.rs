//! `GET /rollups` and `/proplets/{id}/rollups`: all tasks together, of all proplets or of one.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{DEFAULT_LIMIT, MAX_LIMIT, Parameters, ReadFailure, TimeQuery};
use super::{Manager, blocking};
use crate::clock;
use crate::history::Piece;
use golden_http::problem::Problem;

/// Totals now and over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rollups {
    /// By the latest samples.
    pub now: Now,
    /// The length of an interval, in seconds.
    pub step: u32,
    /// The intervals, the oldest first.
    pub rollups: Vec<Piece>,
}

/// All together, by the latest samples.
#[derive(Debug, Serialize, ToSchema)]
pub struct Now {
    /// Proplets that are alive.
    pub proplets_alive: usize,
    /// Proplets of the last hour.
    pub proplets: usize,
    /// Tasks with recent samples.
    pub tasks: usize,
    /// The sum of their CPU usage, in percent of one core.
    pub cpu_percent: f64,
    /// The sum of their memory, in bytes.
    pub memory_bytes: f64,
    /// The sum of their threads.
    pub thread_count: f64,
    /// The sum of their open descriptors.
    pub file_descriptor_count: f64,
}

/// Totals of all tasks, now and over time
#[utoipa::path(get, path = "/rollups", tag = "history",
    params(
        TimeQuery,
        ("step" = Option<u32>, Query, description = "Length of an interval in seconds, a multiple of 10 up to 86400 (default 60)"),
        ("limit" = Option<u32>, Query, description = "Maximum intervals to return, the newest, 0-1000 (default 100)"),
    ),
    responses(
        (status = 200, description = "Totals now and per interval; intervals without samples are omitted", body = Rollups),
        ReadFailure,
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<Rollups>, Problem> {
    let (from, to) = parameters.times();
    let limit = parameters.number("limit", 0, MAX_LIMIT, DEFAULT_LIMIT);
    let step = parameters.take("step", |text| {
        let step = text.parse().ok();
        step.filter(|step: &u32| (10..=86_400).contains(step) && step.is_multiple_of(10))
            .ok_or_else(|| "must be a multiple of 10 from 10 to 86400, in seconds".to_owned())
    });
    let step = step.unwrap_or(60);
    parameters.finish()?;
    let totals = manager.fleet.totals(clock::now());
    let rollups = move || manager.history.rollups(None, from, to, step, limit);
    let rollups = blocking(rollups).await?;
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

/// Totals of a proplet's tasks over time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PropletRollups {
    /// The length of an interval, in seconds.
    pub step: u32,
    /// The intervals, the oldest first.
    pub rollups: Vec<Piece>,
}

/// Totals of a proplet's tasks over time
#[utoipa::path(get, path = "/proplets/{id}/rollups", tag = "history",
    params(
        ("id" = String, Path, description = "Proplet id"),
        TimeQuery,
        ("step" = Option<u32>, Query, description = "Length of an interval in seconds, a multiple of 60 up to 86400 (default 60)"),
        ("limit" = Option<u32>, Query, description = "Maximum intervals to return, the newest, 0-1000 (default 100)"),
    ),
    responses(
        (status = 200, description = "Totals per interval; intervals without samples are omitted, and an unknown proplet has none", body = PropletRollups),
        ReadFailure,
    ),
)]
pub async fn of_proplet(
    State(manager): State<Manager>,
    Path(proplet): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<PropletRollups>, Problem> {
    let (from, to) = parameters.times();
    let limit = parameters.number("limit", 0, MAX_LIMIT, DEFAULT_LIMIT);
    let step = parameters.take("step", |text| {
        let step = text.parse().ok();
        step.filter(|step: &u32| (60..=86_400).contains(step) && step.is_multiple_of(60))
            .ok_or_else(|| "must be a multiple of 60 from 60 to 86400, in seconds".to_owned())
    });
    let step = step.unwrap_or(60);
    parameters.finish()?;
    let rollups = move || {
        manager
            .history
            .rollups(Some(&proplet), from, to, step, limit)
    };
    let rollups = blocking(rollups).await?;
    Ok(Json(PropletRollups { step, rollups }))
}
