//! All routes, on one screen. Which statuses a route may answer, and so which
//! series exist from the start, is read from the API's description in `docs`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodRouter, any, get, patch, post, put};
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation as Described;

use super::layers::{around_every_route, method_not_allowed, not_found};
use super::{Service, alerts, control, docs, health, live, metrics, page, random};
use crate::signals::layer::SignalsLayer;
use crate::signals::requests::{Operation, Requests, UNMATCHED};

/// The whole API.
pub fn router(service: &Service, requests: &Requests) -> Router {
    let api = Api {
        router: Router::new(),
        description: docs::description(),
        requests,
    };
    api.work("/random", get(random::random), service.request_timeout)
        .route("/", get(page::index))
        .route("/page/{file}", get(page::file))
        .route("/live", get(live::stream::live))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/docs", get(docs::index))
        .route("/docs/{file}", get(docs::file))
        .route("/openapi.json", get(docs::openapi))
        .route("/alerts", get(alerts::list).merge(post(alerts::deliver)))
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
        .finish(service)
}

struct Api<'a> {
    router: Router<Service>,
    description: OpenApi,
    requests: &'a Requests,
}

impl Api<'_> {
    /// A route that does work, and may take so long for it.
    fn work(self, path: &str, handler: MethodRouter<Service>, deadline: Duration) -> Self {
        self.add(path, handler, Some(deadline))
    }

    /// A route that must always answer.
    fn route(self, path: &str, handler: MethodRouter<Service>) -> Self {
        self.add(path, handler, None)
    }

    fn add(
        mut self,
        path: &str,
        handler: MethodRouter<Service>,
        deadline: Option<Duration>,
    ) -> Self {
        let operations = self.operations(path);
        let signals = SignalsLayer::new(
            self.requests.route(path, &operations),
            self.requests.unmatched(),
        );
        let handler = handler.fallback(method_not_allowed);
        self.router = self
            .router
            .route(path, around_every_route(handler, path, signals, deadline));
        self
    }

    /// What the description says of a path. HEAD is served wherever GET is.
    fn operations(&self, path: &str) -> Vec<Operation> {
        let item = self.description.paths.paths.get(path);
        let item = item.unwrap_or_else(|| panic!("{path} is routed but not described"));
        [
            (Method::GET, &item.get),
            (Method::HEAD, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ]
        .into_iter()
        .filter_map(|(method, described)| {
            let statuses = statuses(described.as_ref()?);
            Some(Operation { method, statuses })
        })
        .collect()
    }

    fn finish(self, service: &Service) -> Router {
        let unmatched = self.requests.unmatched();
        let signals = SignalsLayer::new(Arc::clone(&unmatched), unmatched);
        let fallback = around_every_route(any(not_found), UNMATCHED, signals, None);
        self.router
            .fallback_service(fallback.with_state(service.clone()))
            .with_state(service.clone())
    }
}

fn statuses(described: &Described) -> Vec<u16> {
    let statuses = described.responses.responses.keys();
    statuses.filter_map(|status| status.parse().ok()).collect()
}
