//! All routes, on one screen. Which statuses a route may answer, of which some have
//! their series from the start, is read from the API's description in `docs`; assets,
//! which it leaves out, state theirs here.

use axum::routing::{get, patch, post, put};

use super::{Service, control, docs, incident, live, page, random, runbook};
use golden_http::api::{Api, App};
use golden_http::requests::Requests;
use golden_http::{docs as pages, health};
use model::{control as model_control, feedback, predict};

/// The whole API.
pub fn router(service: &Service, requests: &Requests) -> App {
    Api::new(docs::description(), requests)
        .work("/random", get(random::random), service.request_timeout)
        .route("/predict", post(predict::predict))
        .route("/feedback", post(feedback::feedback))
        .route("/live", get(live::stream::live))
        .route("/metrics", get(incident::scrapes::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route(
            "/control/faults",
            get(control::faults::show).merge(patch(control::faults::change)),
        )
        .route(
            "/control/traffic",
            get(control::traffic::show).merge(patch(control::traffic::change)),
        )
        .route(
            "/control/mystery",
            get(control::mystery::show)
                .merge(put(control::mystery::start))
                .delete(control::mystery::end),
        )
        .route(
            "/control/incident",
            get(control::incident::show)
                .merge(put(control::incident::start))
                .delete(control::incident::end),
        )
        .route(
            "/control/model",
            get(model_control::show).merge(patch(model_control::change)),
        )
        .route(
            "/control/model/mystery",
            get(model_control::mystery::show)
                .merge(put(model_control::mystery::start))
                .delete(model_control::mystery::end),
        )
        .route(
            "/control/incident/declare",
            post(control::incident::declare),
        )
        .route(
            "/control/incident/diagnose",
            post(control::incident::diagnose),
        )
        .asset("/", get(page::index), &[200, 304])
        .asset("/page/{file}", get(page::file), &[200, 304, 404])
        .asset("/runbook", get(runbook::runbook), &[200, 304])
        .asset("/docs", get(pages::index), &[307])
        .asset("/docs/{file}", get(pages::file), &[200, 404])
        .asset("/openapi.json", get(docs::openapi), &[200])
        .finish(service)
}
