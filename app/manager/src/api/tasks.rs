//! `/tasks`: what proplets are to run. `POST /tasks` starts a task at once, as
//! the document's manual test expects; where no proplet lives the next one that
//! comes gets it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rand::RngExt as _;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::selection::Parameters;
use super::{Manager, blocking};
use crate::clock::rfc3339;
use crate::history::Task;
use crate::tasks::TaskError;
use golden_http::access::Allowed;
use golden_http::body::Body;
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};
use proplet_schema::{Refusal, StartTask};

/// A task to be run.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the body; `StartTask` reads it")]
pub struct NewTask {
    /// Its id; one is made up without.
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
    /// fields; what is left out has the document's default.
    #[schema(value_type = Option<Object>)]
    monitoring_profile: Option<Value>,
    /// The only proplet that may run it.
    proplet_id: Option<String>,
    /// Kept, and not fetched (or `imageURL`).
    image_url: Option<String>,
}

/// A task: what was asked for, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// What has become of it: pending, starting, running, stopped, completed or
    /// failed.
    pub state: &'static str,
    /// The proplet that it was given to.
    pub proplet_id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was asked for, RFC 3339.
    pub created_at: String,
    /// When its state changed, RFC 3339.
    pub updated_at: String,
    /// What was asked for, as the proplet is told it: `name`, `daemon`,
    /// `workload`, `monitoring_profile`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub definition: Map<String, Value>,
}

/// A page of tasks, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct TasksPage {
    /// So many of the newest were left out.
    pub offset: u32,
    /// At most so many are here.
    pub limit: u32,
    /// So many there are.
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
            | TaskError::Active(_)
            | TaskError::Inactive(_)
            | TaskError::Definition(_) => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

/// Starts a task.
#[utoipa::path(post, path = "/tasks", tag = "tasks", security((), ("control_token" = [])),
    request_body = NewTask,
    responses(
        (status = 201, description = "The task, given to a proplet or waiting for one", body = TaskView),
        (status = 400, description = "The body broke off", body = Detail),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "Nothing can be changed here", body = Detail),
        (status = 408, description = "The body did not arrive in time", body = Detail),
        (status = 409, description = "There is a task of this id", body = Detail),
        (status = 413, description = "The body is too large", body = Detail),
        (status = 415, description = "The body is not declared as JSON", body = Detail),
        (status = 422, description = "The task is not right", body = ValidationError),
        (status = 503, description = "The history cannot be written", body = Detail),
    ),
)]
pub async fn create(
    _: Allowed,
    State(manager): State<Manager>,
    Body(body): Body,
) -> Result<(StatusCode, Json<TaskView>), Problem> {
    let start = parse(&body)?;
    let task = blocking(move || manager.tasks.create(&start)).await?;
    tracing::info!(task = task.id, state = task.state.as_str(), "task created");
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
    if let Value::Object(fields) = &mut value
        && !fields.contains_key("id")
        && !fields.contains_key("task_id")
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

/// The tasks that were asked for.
#[utoipa::path(get, path = "/tasks", tag = "tasks",
    params(
        ("offset" = Option<u32>, Query, description = "So many of the newest are left out; 0 without"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1000; 100 without"),
    ),
    responses(
        (status = 200, description = "The tasks", body = TasksPage),
        (status = 422, description = "A parameter is not right", body = ValidationError),
        (status = 503, description = "The history cannot be read", body = Detail),
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

/// One task.
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks",
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "The task", body = TaskView),
        (status = 404, description = "There is none", body = Detail),
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

/// Starts a task that has ended or was stopped once more.
#[utoipa::path(post, path = "/tasks/{id}/start", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "The task, given to a proplet or waiting for one", body = TaskView),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "Nothing can be changed here", body = Detail),
        (status = 404, description = "There is none", body = Detail),
        (status = 409, description = "It runs", body = Detail),
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

/// Stops a task.
#[utoipa::path(post, path = "/tasks/{id}/stop", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "The task; its proplet has been told", body = TaskView),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "Nothing can be changed here", body = Detail),
        (status = 404, description = "There is none", body = Detail),
        (status = 409, description = "It does not run", body = Detail),
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

/// Stops a task if need be, and forgets it; its samples stay.
#[utoipa::path(delete, path = "/tasks/{id}", tag = "tasks", security((), ("control_token" = [])),
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "The token is missing or wrong", body = Detail),
        (status = 403, description = "Nothing can be changed here", body = Detail),
        (status = 404, description = "There is none", body = Detail),
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
