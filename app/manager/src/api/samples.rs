//! `GET /tasks/{id}/metrics`, `/proplets/{id}/metrics` and
//! `/proplets/{id}/alive-history`: the history, as Propeller's manager answers.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{PageQuery, Parameters, ReadFailure, TimeQuery};
use super::{Manager, blocking};
use crate::history::{AliveSample, Page, PropletSample, Range, TaskSample};
use golden_http::problem::Problem;

/// A page of samples, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsPage<T> {
    /// Number of newest items skipped.
    pub offset: u32,
    /// Maximum items in this answer.
    pub limit: u32,
    /// Number of matching items.
    pub total: u64,
    /// The samples.
    pub metrics: Vec<T>,
}

impl<T> MetricsPage<T> {
    fn new(range: Range, page: Page<T>) -> Self {
        Self {
            offset: range.offset,
            limit: range.limit,
            total: page.total,
            metrics: page.items,
        }
    }
}

/// A page of liveness messages, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AliveHistory {
    /// Number of newest items skipped.
    pub offset: u32,
    /// Maximum items in this answer.
    pub limit: u32,
    /// Number of matching items.
    pub total: u64,
    /// Times of the liveness messages, RFC 3339.
    #[schema(value_type = Vec<String>)]
    pub history: Vec<AliveSample>,
}

/// Samples of a task
#[utoipa::path(get, path = "/tasks/{id}/metrics", tag = "history",
    params(
        ("id" = String, Path, description = "Task id; any task that was ever reported"),
        PageQuery,
        TimeQuery,
    ),
    responses(
        (status = 200, description = "The samples; empty for an unknown task", body = MetricsPage<TaskSample>),
        ReadFailure,
    ),
)]
pub async fn of_task(
    State(manager): State<Manager>,
    Path(task): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<MetricsPage<TaskSample>>, Problem> {
    let range = parameters.range();
    parameters.finish()?;
    let page = blocking(move || manager.history.task_samples(&task, range)).await?;
    Ok(Json(MetricsPage::new(range, page)))
}

/// Samples of a proplet itself
#[utoipa::path(get, path = "/proplets/{id}/metrics", tag = "history",
    params(
        ("id" = String, Path, description = "Proplet id"),
        PageQuery,
        TimeQuery,
    ),
    responses(
        (status = 200, description = "The samples; empty for an unknown proplet", body = MetricsPage<PropletSample>),
        ReadFailure,
    ),
)]
pub async fn of_proplet(
    State(manager): State<Manager>,
    Path(proplet): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<MetricsPage<PropletSample>>, Problem> {
    let range = parameters.range();
    parameters.finish()?;
    let page = blocking(move || manager.history.proplet_samples(&proplet, range)).await?;
    Ok(Json(MetricsPage::new(range, page)))
}

/// Liveness history of a proplet
#[utoipa::path(get, path = "/proplets/{id}/alive-history", tag = "history",
    params(
        ("id" = String, Path, description = "Proplet id"),
        PageQuery,
        TimeQuery,
    ),
    responses(
        (status = 200, description = "The times; empty for an unknown proplet", body = AliveHistory),
        ReadFailure,
    ),
)]
pub async fn alive(
    State(manager): State<Manager>,
    Path(proplet): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<AliveHistory>, Problem> {
    let range = parameters.range();
    parameters.finish()?;
    let page = blocking(move || manager.history.alive_samples(&proplet, range)).await?;
    Ok(Json(AliveHistory {
        offset: range.offset,
        limit: range.limit,
        total: page.total,
        history: page.items,
    }))
}
