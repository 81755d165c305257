//! `/tasks`: the tasks that proplets run. `POST /tasks` starts a task at once, as
//! the document's manual test expects; if no proplet is alive, the next one gets
//! it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use rand::RngExt as _;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::selection::{PageQuery, Parameters, ReadFailure};
use super::{Manager, blocking};
use crate::clock::rfc3339;
use crate::history::Task;
use crate::tasks::TaskError;
use golden_http::access::{self, Allowed};
use golden_http::body::{self, Body};
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};
use proplet_schema::{Refusal, StartTask, Traceparent};

/// A task to be run.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `StartTask` reads it")]
pub struct NewTask {
    /// Its id (default: a random UUID).
    #[schema(example = "test-123")]
    id: Option<String>,
    /// Its name (or `functionName`), which says what it does unless `workload`
    /// does: `cpu` (or `compute`), `memory`, `disk`, `network`, `idle`.
    #[schema(example = "compute")]
    name: String,
    /// What it does: `kind` and its parameters.
    #[schema(value_type = Option<Object>)]
    workload: Option<Value>,
    /// Whether it runs until it is stopped.
    daemon: Option<bool>,
    /// How it is monitored (or `monitoringProfile`): a profile's name, or its
    /// fields; omitted ones have the document's defaults.
    #[schema(value_type = Option<Object>)]
    monitoring_profile: Option<Value>,
    /// The only proplet that may run it.
    proplet_id: Option<String>,
    /// Stored, but never fetched (or `imageURL`).
    image_url: Option<String>,
    /// The trace that it belongs to, in W3C's form (default: the request's own header
    /// `traceparent`, if it has one). It is in its messages, in log lines and exemplars.
    #[schema(example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    traceparent: Option<String>,
}

/// A task: its definition and its state.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// Its state: pending, starting, running, stopped, completed or
    /// failed.
    pub state: &'static str,
    /// The proplet that it is assigned to.
    pub proplet_id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When its state changed, RFC 3339.
    pub updated_at: String,
    /// Its definition as the proplet receives it: `name`, `daemon`,
    /// `workload`, `monitoring_profile`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub definition: Map<String, Value>,
}

/// A page of tasks, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct TasksPage {
    /// Number of newest items skipped.
    pub offset: u32,
    /// Maximum items in this answer.
    pub limit: u32,
    /// Number of tasks.
    pub total: u64,
    /// The tasks.
    pub tasks: Vec<TaskView>,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let definition = serde_json::from_str(&task.definition);
        let mut definition: Map<String, Value> = definition.unwrap_or_default();
        // They stand beside it.
        definition.remove("id");
        let wanted = definition.remove("proplet_id");
        let wanted = wanted.and_then(|name| name.as_str().map(str::to_owned));
        Self {
            id: task.id,
            state: task.state.as_str(),
            proplet_id: task.proplet.or(wanted),
            error: task.error,
            created_at: rfc3339(task.created),
            updated_at: rfc3339(task.changed),
            definition,
        }
    }
}

impl From<TaskError> for Problem {
    fn from(error: TaskError) -> Self {
        let status = match error {
            TaskError::History(error) => return error.into(),
            TaskError::Unknown => StatusCode::NOT_FOUND,
            TaskError::Exists
            | TaskError::Full
            | TaskError::Active(_)
            | TaskError::Inactive(_)
            | TaskError::Definition(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

/// Start a new task
#[utoipa::path(post, path = "/tasks", tag = "tasks", security((), ("control_token" = [])),
    request_body = NewTask,
    responses(
        (status = 201, description = "The task, assigned to a proplet or pending", body = TaskView),
        access::Refused,
        (status = 409, description = "A task with this id exists, or there are 10,000", body = Detail),
        body::Refused,
        (status = 422, description = "The task is invalid", body = ValidationError),
        (status = 503, description = "The history cannot be written", body = Detail),
    ),
)]
pub async fn create(
    _: Allowed,
    State(manager): State<Manager>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let mut start = parse(&body)?;
    if start.traceparent.is_none() {
        let header = headers
            .get("traceparent")
            .and_then(|header| header.to_str().ok());
        // One that is none is ignored, as W3C asks.
        let parsed = header.map(|header| Traceparent::parse("traceparent", header));
        start.traceparent = parsed.and_then(Result::ok);
    }
    let trace_id = start.traceparent.as_ref().map(Traceparent::trace_id);
    let trace_id = trace_id.map(str::to_owned);
    let task = blocking(move || manager.tasks.create(&start)).await?;
    tracing::info!(
        task = task.id,
        trace_id,
        state = task.state.as_str(),
        "task created"
    );
    Ok((StatusCode::CREATED, Json(task.into())))
}

fn parse(body: &[u8]) -> Result<StartTask, Problem> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::Invalid(vec![Invalid {
            loc: vec!["body".to_owned()],
            msg: format!("is not JSON: {error}"),
            kind: "json_invalid",
        }])
    })?;
    let named = |fields: &Map<String, Value>| {
        let ids = ["id", "task_id"].iter().filter_map(|key| fields.get(*key));
        ids.into_iter().any(|id| !id.is_null() && id != "")
    };
    if let Value::Object(fields) = &mut value
        && !named(fields)
    {
        fields.insert("id".to_owned(), json!(random_id()));
    }
    StartTask::from_json(&value).map_err(|refusal| {
        let Refusal {
            field,
            value,
            remedy,
        } = refusal;
        let msg = format!("{remedy}; found {value}");
        Problem::Invalid(vec![Invalid::field(&field, msg, "value_error")])
    })
}

/// A random UUID (RFC 9562, version 4).
fn random_id() -> String {
    let random: u128 = rand::rng().random();
    let marked = random & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let digits = format!("{marked:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    parts.join("-")
}

/// List tasks, the newest first
#[utoipa::path(get, path = "/tasks", tag = "tasks",
    params(
        PageQuery,
    ),
    responses(
        (status = 200, description = "The tasks", body = TasksPage),
        ReadFailure,
    ),
)]
pub async fn list(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<TasksPage>, Problem> {
    let (offset, limit) = parameters.page();
    parameters.finish()?;
    let page = blocking(move || manager.tasks.list(offset, limit)).await?;
    Ok(Json(TasksPage {
        offset,
        limit,
        total: page.total,
        tasks: page.items.into_iter().map(TaskView::from).collect(),
    }))
}

/// One task
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks",
    params(("id" = String, Path, description = "Task id")),
    responses(
        (status = 200, description = "The task", body = TaskView),
        (status = 404, description = "No such task", body = Detail),
        (status = 503, description = "The history cannot be read", body = Detail),
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    let task = blocking(move || manager.tasks.get(&id)).await?;
    Ok(Json(task.into()))
}

/// Start a task again that ended or was stopped
#[utoipa::path(post, path = "/tasks/{id}/start", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "Task id")),
    responses(
        (status = 200, description = "The task, assigned to a proplet or pending", body = TaskView),
        access::Refused,
        (status = 404, description = "No such task", body = Detail),
        (status = 409, description = "The task is running", body = Detail),
        (status = 503, description = "The history cannot be written", body = Detail),
    ),
)]
pub async fn start(
    _: Allowed,
    State(manager): State<Manager>,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    let task = blocking(move || manager.tasks.start(&id)).await?;
    tracing::info!(task = task.id, "task started");
    Ok(Json(task.into()))
}

/// Stop a task
#[utoipa::path(post, path = "/tasks/{id}/stop", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "Task id")),
    responses(
        (status = 200, description = "The task; its proplet was asked to stop it", body = TaskView),
        access::Refused,
        (status = 404, description = "No such task", body = Detail),
        (status = 409, description = "The task is not running", body = Detail),
        (status = 503, description = "The history cannot be written", body = Detail),
    ),
)]
pub async fn stop(
    _: Allowed,
    State(manager): State<Manager>,
    Path(id): Path<String>,
) -> Result<Json<TaskView>, Problem> {
    let task = blocking(move || manager.tasks.stop(&id)).await?;
    tracing::info!(task = task.id, "task stopped");
    Ok(Json(task.into()))
}

/// Stop a task if needed and delete it; its samples remain
#[utoipa::path(delete, path = "/tasks/{id}", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "Task id")),
    responses(
        (status = 204, description = "Deleted"),
        access::Refused,
        (status = 404, description = "No such task", body = Detail),
        (status = 503, description = "The history cannot be written", body = Detail),
    ),
)]
pub async fn delete(
    _: Allowed,
    State(manager): State<Manager>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    blocking(move || {
        manager
            .tasks
            .delete(&id)
            .inspect(|()| tracing::info!(task = id, "task deleted"))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    #[test]
    fn random_ids_are_uuids() {
        let id = super::random_id();
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, super::random_id());
    }
}
