//! `GET /tasks/{id}/metrics`, `/proplets/{id}/metrics` and
//! `/proplets/{id}/alive-history`: the history, as Propeller's manager answers.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::selection::Parameters;
use super::{Manager, blocking};
use crate::history::{AliveSample, Page, PropletSample, Range, TaskSample};
use golden_http::problem::{Detail, Problem, ValidationError};

/// A page of samples, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MetricsPage<T> {
    /// So many of the newest were left out.
    pub offset: u32,
    /// At most so many are here.
    pub limit: u32,
    /// So many match.
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

/// A page of signs of life, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AliveHistory {
    /// So many of the newest were left out.
    pub offset: u32,
    /// At most so many are here.
    pub limit: u32,
    /// So many match.
    pub total: u64,
    /// When the proplet said that it was alive, RFC 3339.
    #[schema(value_type = Vec<String>)]
    pub history: Vec<AliveSample>,
}

/// What a task reported.
#[utoipa::path(get, path = "/tasks/{id}/metrics", tag = "history",
    params(
        ("id" = String, Path, description = "The task; any that was ever reported"),
        ("offset" = Option<u32>, Query, description = "So many of the newest are left out; 0 without"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1000; 100 without"),
        ("from" = Option<String>, Query, description = "From this time on: RFC 3339 or seconds since 1970"),
        ("to" = Option<String>, Query, description = "Before this time"),
    ),
    responses(
        (status = 200, description = "The samples; none of an unknown task", body = MetricsPage<TaskSample>),
        (status = 422, description = "A parameter is not right", body = ValidationError),
        (status = 503, description = "The history cannot be read", body = Detail),
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

/// What a proplet reported of itself.
#[utoipa::path(get, path = "/proplets/{id}/metrics", tag = "history",
    params(
        ("id" = String, Path, description = "The proplet"),
        ("offset" = Option<u32>, Query, description = "So many of the newest are left out; 0 without"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1000; 100 without"),
        ("from" = Option<String>, Query, description = "From this time on: RFC 3339 or seconds since 1970"),
        ("to" = Option<String>, Query, description = "Before this time"),
    ),
    responses(
        (status = 200, description = "The samples; none of an unknown proplet", body = MetricsPage<PropletSample>),
        (status = 422, description = "A parameter is not right", body = ValidationError),
        (status = 503, description = "The history cannot be read", body = Detail),
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

/// When a proplet was alive.
#[utoipa::path(get, path = "/proplets/{id}/alive-history", tag = "history",
    params(
        ("id" = String, Path, description = "The proplet"),
        ("offset" = Option<u32>, Query, description = "So many of the newest are left out; 0 without"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1000; 100 without"),
        ("from" = Option<String>, Query, description = "From this time on: RFC 3339 or seconds since 1970"),
        ("to" = Option<String>, Query, description = "Before this time"),
    ),
    responses(
        (status = 200, description = "The times; none of an unknown proplet", body = AliveHistory),
        (status = 422, description = "A parameter is not right", body = ValidationError),
        (status = 503, description = "The history cannot be read", body = Detail),
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
