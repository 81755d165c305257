//! What both twins are: the routes of the teaching service with its answer to
//! `/random`, and the start that the benchmarks rely on.

use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

/// The service's own allocator: what is compared are instruments.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Serialize)]
struct Random {
    random: f64,
}

// Drawn as anybody would who wanted a number and no distribution.
async fn random() -> Json<Random> {
    Json(Random {
        random: rand::random_range(0.0..100.0),
    })
}

/// Longer than anybody measures: who asks is in flight.
async fn slow() -> Json<Random> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    random().await
}

async fn ok() -> &'static str {
    "ok"
}

/// Every route of the service but `/metrics`, so that finding one costs the same.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/random", get(random))
        .route("/slow", get(slow))
        .route("/", get(ok))
        .route("/page/{file}", get(ok))
        .route("/live", get(ok))
        .route("/healthz", get(ok))
        .route("/readyz", get(ok))
        .route("/docs", get(ok))
        .route("/docs/{file}", get(ok))
        .route("/openapi.json", get(ok))
        .route("/alerts", get(ok).post(ok))
        .route("/control/faults", get(ok).patch(ok))
        .route("/control/traffic", get(ok).patch(ok))
        .route("/control/mystery", get(ok).put(ok).delete(ok))
        .route("/control/incident", get(ok).put(ok).delete(ok))
}

/// Serves on a free port of the loopback and writes its address, alone on a line, to standard output.
pub(crate) async fn serve(routes: Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, routes).await
}
