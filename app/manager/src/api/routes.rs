//! All routes, on one screen.

use axum::routing::{get, post};

use super::{Manager, docs, live, overview, page, proplets, rollups, samples, tasks, trend};
use golden_http::api::{Api, App};
use golden_http::requests::Requests;
use golden_http::{docs as pages, health, metrics};

/// The API.
pub fn router(manager: &Manager, requests: &Requests) -> App {
    Api::new(docs::description(), requests)
        .route("/tasks", get(tasks::list).merge(post(tasks::create)))
        .route("/tasks/{id}", get(tasks::show).delete(tasks::delete))
        .route("/tasks/{id}/start", post(tasks::start))
        .route("/tasks/{id}/stop", post(tasks::stop))
        .route("/tasks/{id}/metrics", get(samples::of_task))
        .route("/tasks/{id}/trend", get(trend::show))
        .route("/proplets", get(proplets::list))
        .route("/proplets/{id}", get(proplets::show))
        .route("/proplets/{id}/metrics", get(samples::of_proplet))
        .route("/proplets/{id}/alive-history", get(samples::alive))
        .route("/proplets/{id}/rollups", get(rollups::of_proplet))
        .route("/rollups", get(rollups::show))
        .route("/overview", get(overview::show))
        .route("/live", get(live::live))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .asset("/", get(page::index), &[200, 304])
        .asset("/page/{file}", get(page::file), &[200, 304, 404])
        .asset("/docs", get(pages::index), &[307])
        .asset("/docs/{file}", get(pages::file), &[200, 404])
        .asset("/openapi.json", get(docs::openapi), &[200])
        .readable(manager.access.clone())
        .finish(manager)
}

/// What Prometheus scrapes, on a port of its own.
pub fn exposition(manager: &Manager, requests: &Requests) -> App {
    Api::new(docs::description(), requests)
        .route("/metrics", get(metrics::metrics))
        .finish(manager)
}
