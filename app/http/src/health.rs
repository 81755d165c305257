//! `GET /healthz` and `GET /readyz`: whether the process is alive, and whether
//! it accepts traffic. How well it does is in the metrics.

#![expect(clippy::unused_async, reason = "axum takes nothing else for a handler")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Detail, Problem};

/// Whether the service accepts traffic: from the start until its shutdown.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<AtomicBool>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Readiness {
    /// No longer accepts traffic.
    pub fn end(&self) {
        self.0.store(false, Relaxed);
    }
}

/// A passed health check.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Check that the process is alive
#[utoipa::path(get, path = "/healthz", tag = "probes",
    responses((status = 200, description = "Alive", body = Health)))]
pub async fn healthz() -> Json<Health> {
    OK
}

/// Check that the service accepts traffic
#[utoipa::path(get, path = "/readyz", tag = "probes", responses(
    (status = 200, description = "Ready", body = Health),
    (status = 503, description = "Shutting down", body = Detail),
))]
pub async fn readyz(State(readiness): State<Readiness>) -> Result<Json<Health>, Problem> {
    if readiness.0.load(Relaxed) {
        Ok(OK)
    } else {
        Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The service is shutting down",
        ))
    }
}
