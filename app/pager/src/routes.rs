//! All routes, on one screen.

use axum::routing::{get, post};

use super::{Role, delivery, docs, page, stream};
use golden_http::api::{Api, App};
use golden_http::requests::Requests;
use golden_http::{docs as pages, health, metrics};

/// The whole API.
pub(super) fn router(role: &Role, requests: &Requests) -> App {
    Api::new(docs::description(), requests)
        .route(
            "/alerts",
            get(delivery::list).merge(post(delivery::deliver)),
        )
        .route("/history", get(delivery::history))
        .route("/live", get(stream::live))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .asset("/", get(page::index), &[200, 304])
        .asset("/page/{file}", get(page::file), &[200, 304, 404])
        .asset("/docs", get(pages::index), &[307])
        .asset("/docs/{file}", get(pages::file), &[200, 404])
        .asset("/openapi.json", get(docs::openapi), &[200])
        .finish(role)
}
