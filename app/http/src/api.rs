//! The routes of a role, with the layer around all of them. Which statuses a route may
//! answer, of which some have their series from the start, is read from the API's
//! description; what is not part of the API says it where it is routed.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::routing::MethodRouter;
use tower::Layer as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation as Described;

use super::access::Access;
use super::problem::Problem;
use crate::layer::{Signals, SignalsLayer};
use crate::requests::{FromTheStart, Operation, Requests};
use crate::routes::Routes;

/// The routes of a role, all of them measured.
pub type App = Signals<Router>;

/// Collects the routes of a role whose endpoints share `S`.
pub struct Api<'a, S> {
    router: Router<S>,
    routes: Routes,
    description: OpenApi,
    requests: &'a Requests,
}

impl<'a, S> Api<'a, S>
where
    S: Clone + Send + Sync + 'static,
{
    /// No route yet. Each that is added must stand in `description`.
    #[must_use]
    pub fn new(description: OpenApi, requests: &'a Requests) -> Self {
        Self {
            router: Router::new(),
            routes: Routes::new(requests),
            description,
            requests,
        }
    }

    /// A route that does work and has a deadline for it.
    ///
    /// # Panics
    ///
    /// If the description does not know the path.
    #[must_use]
    pub fn work(self, path: &'static str, handler: MethodRouter<S>, deadline: Duration) -> Self {
        let operations = self.described(path);
        self.add(path, handler, &operations, Some(deadline))
    }

    /// A route that must always answer.
    ///
    /// # Panics
    ///
    /// If the description does not know the path.
    #[must_use]
    pub fn route(self, path: &'static str, handler: MethodRouter<S>) -> Self {
        let operations = self.described(path);
        self.add(path, handler, &operations, None)
    }

    /// A page, one of its files, or the description itself: a GET that the
    /// description leaves out, since nobody calls it as an API. It answers one
    /// of these statuses.
    #[must_use]
    pub fn asset(self, path: &'static str, handler: MethodRouter<S>, statuses: &[u16]) -> Self {
        let operations = [Method::GET, Method::HEAD].map(|method| Operation {
            method,
            statuses: statuses.to_vec(),
        });
        self.add(path, handler, &operations, None)
    }

    fn add(
        mut self,
        path: &'static str,
        handler: MethodRouter<S>,
        operations: &[Operation],
        deadline: Option<Duration>,
    ) -> Self {
        // Only what does work has a deadline.
        let from_the_start = match deadline {
            Some(_) => FromTheStart::Everything,
            None => FromTheStart::Successes,
        };
        let signals = self.requests.route(path, operations, from_the_start);
        self.routes = self.routes.route(path, signals, deadline);
        let handler = handler.fallback(method_not_allowed);
        self.router = self.router.route(path, handler);
        self
    }

    /// What the description says of a path. HEAD is served wherever GET is.
    fn described(&self, path: &str) -> Vec<Operation> {
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

    /// The routes so far, probes too, answer only what may read ([`Access::readable`]).
    #[must_use]
    pub fn readable(mut self, access: Access) -> Self {
        let layer = middleware::from_fn_with_state(access, Access::readable);
        self.router = self.router.layer(layer);
        self
    }

    /// The whole API: with what the endpoints share, and an answer to every
    /// other path.
    pub fn finish(self, state: &S) -> App {
        let router = self.router.fallback(not_found).with_state(state.clone());
        SignalsLayer::new(self.routes).layer(router)
    }
}

/// What a path answers to a method that it does not serve.
async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

/// What an unknown path answers.
async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not Found")
}

fn statuses(described: &Described) -> Vec<u16> {
    let statuses = described.responses.responses.keys();
    statuses.filter_map(|status| status.parse().ok()).collect()
}
