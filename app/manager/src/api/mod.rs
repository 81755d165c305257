//! The manager's HTTP API: one resource per file, all routes in [`routes`].
//! Requests that change something need [`Allowed`]; reading is open, but on loopback
//! not under another machine's name.
//!
//! [`Allowed`]: golden_http::access::Allowed

pub mod docs;
pub mod live;
pub mod overview;
pub mod page;
pub mod proplets;
pub mod rollups;
pub mod routes;
pub mod samples;
mod selection;
pub mod tasks;
pub mod trend;

use axum::http::StatusCode;

use super::history::HistoryError;
use super::state::Manager;
use golden_http::problem::Problem;

/// Runs blocking work, such as disk access, on a thread that may block.
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
        tracing::error!(%error, "history access failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}
