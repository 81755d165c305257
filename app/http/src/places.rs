//! Places for connections: as many as the limit allows, and behind them a reserve for who
//! monitors. Whoever fills the limit, by not reading or by being many, so never makes
//! the service look dead: probes and scrapes are answered, anything else gets a 503.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::api::App;
use super::failures::{ConnectionFailures, FailureReason};
use super::problem::Problem;

/// Connections beyond the limit, each for one request.
pub const RESERVED_CONNECTIONS: usize = 16;

/// How long a reserved connection may last, so that nobody can hold the reserve. Longer
/// than a probe or a scrape waits for a service that still works.
const RESERVED_TIMEOUT: Duration = Duration::from_secs(2);

/// What is answered on a reserved connection.
const MONITORING: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Places {
    regular: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    failures: ConnectionFailures,
}

/// The place of one connection.
#[derive(Debug)]
pub(super) enum Place {
    Regular(OwnedSemaphorePermit),
    Reserved(OwnedSemaphorePermit),
}

impl Places {
    pub(super) fn new(limit: usize, failures: ConnectionFailures) -> Self {
        Self {
            regular: Arc::new(Semaphore::new(limit)),
            reserved: Arc::new(Semaphore::new(RESERVED_CONNECTIONS)),
            failures,
        }
    }

    /// The next place that is free.
    pub(super) async fn take(&self) -> Place {
        let [regular, reserved] =
            [&self.regular, &self.reserved].map(|places| Arc::clone(places).acquire_owned());
        tokio::select! {
            biased;
            permit = regular => Place::Regular(permit.expect("the semaphore is never closed")),
            permit = reserved => Place::Reserved(permit.expect("the semaphore is never closed")),
        }
    }

    /// A regular place instead of a reserved one, if one became free while the reserved
    /// one waited for a connection.
    pub(super) fn better(&self, place: Place) -> Place {
        match (place, Arc::clone(&self.regular).try_acquire_owned()) {
            (Place::Reserved(_), Ok(permit)) => Place::Regular(permit),
            (place, _) => place,
        }
    }

    /// What a reserved connection may ask.
    pub(super) fn monitoring(&self, app: &App) -> Router {
        let only_monitoring = from_fn_with_state(self.failures.clone(), only_monitoring);
        Router::new()
            .fallback_service(app.clone())
            .layer(only_monitoring)
    }
}

impl Place {
    pub(super) fn is_regular(&self) -> bool {
        matches!(self, Self::Regular(_))
    }

    /// Holds the place while a connection is served, within the time that the place has.
    pub(super) async fn hold(self, served: impl Future<Output = ()>) {
        match self {
            Self::Regular(_permit) => served.await,
            Self::Reserved(_permit) => {
                // Too late is as good as gone.
                let _ = tokio::time::timeout(RESERVED_TIMEOUT, served).await;
            }
        }
    }
}

async fn only_monitoring(
    State(failures): State<ConnectionFailures>,
    request: Request,
    next: Next,
) -> Response {
    if MONITORING.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    failures.count(FailureReason::ConnectionLimit);
    let full = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The connection limit is reached",
    );
    let mut response = full.into_response();
    let second = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, second);
    response
}
