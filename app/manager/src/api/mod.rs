//! The manager's HTTP API: one subject a file, all routes on one screen
//! ([`routes`]). Whatever changes something asks for [`Allowed`]; the rest
//! anybody may read.
//!
//! [`Allowed`]: golden_http::access::Allowed

pub mod docs;
pub mod live;
pub mod page;
pub mod proplets;
pub mod rollups;
pub mod routes;
pub mod samples;
mod selection;
pub mod tasks;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::http::StatusCode;

use super::fleet::Fleet;
use super::history::{History, HistoryError};
use super::live::Live;
use super::tasks::Tasks;
use golden_http::access::Access;
use golden_http::body::BodyTimeout;
use golden_http::health::Readiness;
use golden_http::problem::Problem;
use golden_metrics::Registry;

/// What the endpoints share.
#[derive(Clone)]
pub struct Manager(pub(super) Arc<Parts>);

/// The parts of a [`Manager`].
pub struct Parts {
    pub(super) access: Access,
    pub(super) body_timeout: Duration,
    pub(super) fleet: Arc<Fleet>,
    pub(super) history: History,
    pub(super) live: Arc<Live>,
    pub(super) readiness: Readiness,
    pub(super) registry: Arc<Registry>,
    pub(super) tasks: Arc<Tasks>,
}

impl Deref for Manager {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Manager> for Access {
    fn from_ref(manager: &Manager) -> Self {
        manager.access.clone()
    }
}

impl FromRef<Manager> for BodyTimeout {
    fn from_ref(manager: &Manager) -> Self {
        Self(manager.body_timeout)
    }
}

impl FromRef<Manager> for Readiness {
    fn from_ref(manager: &Manager) -> Self {
        manager.readiness.clone()
    }
}

impl FromRef<Manager> for Arc<Registry> {
    fn from_ref(manager: &Manager) -> Self {
        Arc::clone(&manager.registry)
    }
}

impl FromRef<Manager> for Arc<Live> {
    fn from_ref(manager: &Manager) -> Self {
        Arc::clone(&manager.live)
    }
}

/// Runs something that waits for the disk, where it keeps nobody else waiting.
async fn blocking<T: Send + 'static, E: Into<Problem> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Into::into),
        // Its panic, logged by the hook.
        Err(_) => Err(Problem::Panic),
    }
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        tracing::error!(%error, "the history failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}
