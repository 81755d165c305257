//! `GET /tasks/{id}/trend`: where a task is going.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{Parameters, ReadFailure, TimeQuery};
use super::{Manager, blocking};
use crate::clock::{self, rfc3339};
use crate::history::Trend;
use golden_http::problem::{Detail, Problem};

/// Without `from`: the last hour.
const DEFAULT_RANGE: i64 = 3_600_000_000_000;

/// The trends of a task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskTrend {
    /// The task.
    pub task_id: String,
    /// The proplet that it runs on.
    pub proplet_id: String,
    /// Since when samples are taken, RFC 3339: `from`, or the task's last start.
    pub from: String,
    /// A straight line for each metric that has at least three samples.
    pub trends: Vec<Trend>,
}

/// Slopes of a task's metrics, and when memory meets its limit
#[utoipa::path(get, path = "/tasks/{id}/trend", tag = "history",
    params(
        ("id" = String, Path, description = "Task id; any task that was ever reported"),
        TimeQuery,
    ),
    responses(
        (status = 200, description = "The trends since `from` (default: an hour ago), or since the task's last start", body = TaskTrend),
        (status = 404, description = "No samples of it in this time", body = Detail),
        ReadFailure,
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    Path(task): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<TaskTrend>, Problem> {
    let (from, to) = parameters.times();
    parameters.finish()?;
    let from = match from {
        i64::MIN => clock::now().min(to).saturating_sub(DEFAULT_RANGE),
        from => from,
    };
    let id = task.clone();
    let trends = blocking(move || manager.history.trends(&id, from, to)).await?;
    let trends = trends.ok_or_else(|| {
        let detail = "no samples of this task in this time; GET /overview lists tasks";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })?;
    Ok(Json(TaskTrend {
        task_id: task,
        proplet_id: trends.proplet,
        from: rfc3339(trends.from),
        trends: trends.trends,
    }))
}
