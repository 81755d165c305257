//! `GET /proplets` and `/proplets/{id}`: the known proplets.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Manager;
use super::selection::Parameters;
use crate::clock::{self, rfc3339};
use crate::fleet::PropletView;
use golden_http::problem::{Detail, Problem, ValidationError};

/// A proplet.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proplet {
    /// Its name.
    pub id: String,
    /// Whether it is alive: a liveness message came within the timeout, and its last
    /// will did not.
    pub alive: bool,
    /// Time of its last message, RFC 3339.
    pub last_seen: String,
    /// When it was first seen, RFC 3339.
    pub first_seen: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The domain that it publishes in.
    pub domain_id: String,
    /// The channel that it publishes in.
    pub channel_id: String,
    /// Number of its tasks with recent samples.
    pub task_count: usize,
    /// Their CPU usage by their latest samples, in percent of one core.
    pub task_cpu_percent: f64,
    /// Their resident memory likewise, in bytes.
    pub task_memory_bytes: u64,
    /// The metadata that it published when it started.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

/// A page of proplets, by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PropletsPage {
    /// Number of items skipped.
    pub offset: u32,
    /// Maximum items in this answer.
    pub limit: u32,
    /// Number of proplets.
    pub total: usize,
    /// The proplets.
    pub proplets: Vec<Proplet>,
}

impl From<PropletView> for Proplet {
    fn from(view: PropletView) -> Self {
        let identity = view.identity;
        let metadata = identity.metadata.as_deref();
        Self {
            alive: view.alive,
            last_seen: rfc3339(view.seen),
            first_seen: rfc3339(identity.first_seen),
            namespace: identity.namespace,
            domain_id: identity.domain,
            channel_id: identity.channel,
            task_count: view.tasks,
            task_cpu_percent: view.cpu_percent,
            task_memory_bytes: view.memory_bytes,
            metadata: metadata.and_then(|text| serde_json::from_str(text).ok()),
            id: identity.name,
        }
    }
}

/// Proplets of the last hour
#[utoipa::path(get, path = "/proplets", tag = "proplets",
    params(
        ("offset" = Option<u32>, Query, description = "Number of items to skip (default 0)"),
        ("limit" = Option<u32>, Query, description = "Maximum items to return, 0-1000 (default 100)"),
    ),
    responses(
        (status = 200, description = "The proplets", body = PropletsPage),
        (status = 422, description = "A parameter is invalid", body = ValidationError),
    ),
)]
pub async fn list(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<PropletsPage>, Problem> {
    let (offset, limit) = parameters.page();
    parameters.finish()?;
    let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (total, proplets) = manager
        .fleet
        .page(clock::now(), place(offset), place(limit));
    Ok(Json(PropletsPage {
        offset,
        limit,
        total,
        proplets: proplets.into_iter().map(Proplet::from).collect(),
    }))
}

/// One proplet
#[utoipa::path(get, path = "/proplets/{id}", tag = "proplets",
    params(("id" = String, Path, description = "Proplet id")),
    responses(
        (status = 200, description = "The proplet", body = Proplet),
        (status = 404, description = "No message from it in the last hour", body = Detail),
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    Path(name): Path<String>,
) -> Result<Json<Proplet>, Problem> {
    let present = manager.fleet.proplet(&name, clock::now());
    present.map(|present| Json(present.into())).ok_or_else(|| {
        let detail = "no such proplet in the last hour; GET /proplets lists them";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}
