//! `GET /overview`: every proplet and task at once, with the recent past of each, as the
//! page shows them.

use std::collections::HashSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::proplets::Proplet;
use super::selection::{Parameters, ReadFailure};
use super::{Manager, blocking};
use crate::clock::{self, rfc3339};
use crate::fleet::Fleet;
use crate::history::{HistoryError, Lines, Recent, Task, TaskSample};
use golden_http::problem::Problem;

/// Proplets in an answer, by name.
const MAX_PROPLETS: usize = 1_000;

/// The last sample of a task is taken at its end; its proplet's clock may be ahead, and
/// ending takes a while. In nanoseconds.
const LAST_SAMPLE_WITHIN: i64 = 70_000_000_000;

/// Tasks in an answer, at most and by default.
const MAX_TASKS: u32 = 500;
const DEFAULT_TASKS: u32 = 200;

/// Every proplet and task.
#[derive(Debug, Serialize, ToSchema)]
pub struct Overview {
    /// Start of the past that is shown, RFC 3339.
    pub from: String,
    /// Its end: now.
    pub to: String,
    /// Whether the manager is connected to its broker: without, it hears of nobody.
    pub broker_connected: bool,
    /// Number of proplets of the last hour.
    pub total_proplets: usize,
    /// Number of tasks with samples in this time, whether they are in the answer or not.
    pub total_tasks: u64,
    /// The proplets of the last hour, by name, at most 1000.
    pub proplets: Vec<Proplet>,
    /// The tasks with samples in this time, those with the newest first, and behind them
    /// tasks that were asked for and have none.
    pub tasks: Vec<TaskOverview>,
}

/// A task.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskOverview {
    /// Its id.
    pub task_id: String,
    /// The proplet that it runs on, or is to.
    pub proplet_id: Option<String>,
    /// As of `/tasks/{id}`, where it was asked for by way of the API: only those can be
    /// started and stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// How it ended, if it did within the last hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Its last sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub sample: Option<TaskSample>,
    /// Seconds between its two last samples; 0 of a single one.
    pub interval_seconds: f64,
    /// Its past.
    pub lines: Lines,
}

/// How a task ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ended {
    /// When, RFC 3339.
    pub at: String,
    /// What its proplet says of it: `completed`, `stopped`, `ended`.
    pub results: String,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Every proplet and task, with its recent past
#[utoipa::path(get, path = "/overview", tag = "history",
    params(
        ("minutes" = Option<u32>, Query, description = "Length of the past, 1-1440 (default 10)"),
        ("limit" = Option<u32>, Query, description = "Maximum tasks to return, 0-500 (default 200)"),
    ),
    responses(
        (status = 200, description = "Proplets and tasks", body = Overview),
        ReadFailure,
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<Overview>, Problem> {
    let minutes = parameters.number("minutes", 1, 1_440, 10);
    let limit = parameters.number("limit", 0, MAX_TASKS, DEFAULT_TASKS);
    parameters.finish()?;
    let to = clock::now();
    let from = to.saturating_sub(i64::from(minutes) * 60_000_000_000);
    let broker_connected = manager.broker.statistics().connected;
    let (total_proplets, proplets) = manager.fleet.page(to, 0, MAX_PROPLETS);
    let tasks = blocking(move || {
        let (total, recent) = manager.history.recent(from, to, limit)?;
        let asked_for = manager.tasks.list(0, limit)?.items;
        let tasks = tasks(&manager.fleet, recent, &asked_for, limit);
        Ok::<_, HistoryError>((total, tasks))
    });
    let (total_tasks, tasks) = tasks.await?;
    Ok(Json(Overview {
        from: rfc3339(from),
        to: rfc3339(to),
        broker_connected,
        total_proplets,
        total_tasks,
        proplets: proplets.into_iter().map(Proplet::from).collect(),
        tasks,
    }))
}

fn tasks(fleet: &Fleet, recent: Vec<Recent>, asked_for: &[Task], limit: u32) -> Vec<TaskOverview> {
    let asked = |id: &str, proplet: &str| {
        let mut tasks = asked_for.iter().filter(|task| task.id == id);
        tasks.find(|task| task.proplet.as_deref().is_none_or(|of| of == proplet))
    };
    let ended_of = |proplet: &str, id: &str, task: Option<&Task>, sampled: Option<i64>| {
        let end = fleet.end(proplet, id);
        // A command to stop may never have reached its proplet: what goes on being
        // sampled has not ended, whatever was asked for.
        let goes_on = |task: &Task| {
            sampled.is_some_and(|at| at.saturating_sub(task.changed) > LAST_SAMPLE_WITHIN)
        };
        let of_history = task.filter(|task| task.has_ended() && !goes_on(task));
        end.map(|end| Ended {
            at: rfc3339(end.at),
            results: end.results,
            error: end.error,
        })
        .or_else(|| {
            of_history.map(|task| Ended {
                at: rfc3339(task.changed),
                results: task.state.as_str().to_owned(),
                error: task.error.clone(),
            })
        })
    };
    let mut shown: HashSet<&str> = HashSet::new();
    let mut all = Vec::new();
    for task in recent {
        let (id, proplet) = (&*task.sample.task_id, &*task.sample.proplet_id);
        let known = asked(id, proplet);
        shown.extend(known.map(|task| task.id.as_str()));
        let interval = Duration::from_nanos(u64::try_from(task.interval).unwrap_or(0));
        all.push(TaskOverview {
            task_id: id.to_owned(),
            proplet_id: Some(proplet.to_owned()),
            state: known.map(|task| task.state.as_str()),
            ended: ended_of(proplet, id, known, Some(task.sample.at)),
            interval_seconds: interval.as_secs_f64(),
            lines: task.lines,
            sample: Some(task.sample),
        });
    }
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let others = asked_for
        .iter()
        .filter(|task| !shown.contains(&*task.id))
        .take(room.saturating_sub(all.len()))
        .map(|task| TaskOverview {
            task_id: task.id.clone(),
            proplet_id: task.proplet.clone(),
            state: Some(task.state.as_str()),
            ended: ended_of(
                task.proplet.as_deref().unwrap_or(""),
                &task.id,
                Some(task),
                None,
            ),
            interval_seconds: 0.0,
            lines: Lines::default(),
            sample: None,
        });
    all.extend(others);
    all
}
