//! `GET /proplets` and `/proplets/{id}`: who there is.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Manager;
use super::selection::Parameters;
use crate::clock::{self, rfc3339};
use crate::fleet::Present;
use golden_http::problem::{Detail, Problem, ValidationError};

/// A proplet.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proplet {
    /// Its name.
    pub id: String,
    /// Whether it lives: it said so lately, and its last will has not come.
    pub alive: bool,
    /// When it last sent anything, RFC 3339.
    pub last_seen: String,
    /// When it was first seen, RFC 3339.
    pub first_seen: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The domain that it publishes in.
    pub domain_id: String,
    /// The channel that it publishes in.
    pub channel_id: String,
    /// Tasks that it has reported lately.
    pub task_count: usize,
    /// What it told of itself at its start.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

/// A page of proplets, by name.
#[derive(Debug, Serialize, ToSchema)]
pub struct PropletsPage {
    /// So many were left out.
    pub offset: u32,
    /// At most so many are here.
    pub limit: u32,
    /// So many there are.
    pub total: usize,
    /// The proplets.
    pub proplets: Vec<Proplet>,
}

impl From<Present> for Proplet {
    fn from(present: Present) -> Self {
        let identity = present.identity;
        let metadata = identity.metadata.as_deref();
        Self {
            alive: present.alive,
            last_seen: rfc3339(present.seen),
            first_seen: rfc3339(identity.first_seen),
            namespace: identity.namespace,
            domain_id: identity.domain,
            channel_id: identity.channel,
            task_count: present.tasks,
            metadata: metadata.and_then(|text| serde_json::from_str(text).ok()),
            id: identity.name,
        }
    }
}

/// The proplets of the last hour.
#[utoipa::path(get, path = "/proplets", tag = "proplets",
    params(
        ("offset" = Option<u32>, Query, description = "So many are left out; 0 without"),
        ("limit" = Option<u32>, Query, description = "At most so many, up to 1000; 100 without"),
    ),
    responses(
        (status = 200, description = "The proplets", body = PropletsPage),
        (status = 422, description = "A parameter is not right", body = ValidationError),
    ),
)]
pub async fn list(
    State(manager): State<Manager>,
    mut parameters: Parameters,
) -> Result<Json<PropletsPage>, Problem> {
    let (offset, limit) = parameters.page();
    parameters.finish()?;
    let proplets = manager.fleet.proplets(clock::now());
    let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Json(PropletsPage {
        offset,
        limit,
        total: proplets.len(),
        proplets: proplets
            .into_iter()
            .skip(place(offset))
            .take(place(limit))
            .map(Proplet::from)
            .collect(),
    }))
}

/// One proplet.
#[utoipa::path(get, path = "/proplets/{id}", tag = "proplets",
    params(("id" = String, Path, description = "The proplet")),
    responses(
        (status = 200, description = "The proplet", body = Proplet),
        (status = 404, description = "It has not been seen in the last hour", body = Detail),
    ),
)]
pub async fn show(
    State(manager): State<Manager>,
    Path(name): Path<String>,
) -> Result<Json<Proplet>, Problem> {
    let present = manager.fleet.proplet(&name, clock::now());
    present.map(|present| Json(present.into())).ok_or_else(|| {
        let detail = "this proplet has not been seen in the last hour; GET /proplets lists them";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}
