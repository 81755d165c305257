//! The table in which a request's route is found by its path, as axum finds it, and
//! with it everything that depends on the route. Knows no handler and calls none.

use std::sync::Arc;
use std::time::Duration;

use super::labels::MethodLabel;
use super::requests::{Requests, RouteSignals, UNMATCHED};

/// The routes of a service, for [`SignalsLayer`](crate::layer::SignalsLayer). What is in
/// none of them is counted as [`UNMATCHED`].
#[derive(Clone, Debug)]
pub struct Routes {
    /// Those without parameters, in the order in which they were added: nothing finds one
    /// of the first sooner.
    literal: Vec<Route>,
    /// The router that axum itself uses, so that both agree about every path.
    paths: matchit::Router<Route>,
    unmatched: Route,
}

/// What the layer needs to know of a route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) signals: Arc<RouteSignals>,
    /// For what must always answer (metrics, probes, control) there is none.
    pub(crate) timeout: Option<Duration>,
}

impl Routes {
    /// No route yet.
    #[must_use]
    pub fn new(requests: &Requests) -> Self {
        Self {
            literal: Vec::new(),
            paths: matchit::Router::new(),
            unmatched: Route {
                path: UNMATCHED,
                signals: requests.unmatched(),
                timeout: None,
            },
        }
    }

    /// Adds a route: `path` in axum's form, such as `/tasks/{id}`, with its handles and
    /// the time after which it is answered 504.
    ///
    /// # Panics
    ///
    /// As axum does, if the path is none or another route has it.
    #[must_use]
    pub fn route(
        mut self,
        path: &'static str,
        signals: Arc<RouteSignals>,
        timeout: Option<Duration>,
    ) -> Self {
        let route = Route {
            path,
            signals,
            timeout,
        };
        if !path.contains(['{', '}']) {
            self.literal.push(route.clone());
        }
        let added = self.paths.insert(path, route);
        added.unwrap_or_else(|error| panic!("{path}: {error}"));
        self
    }

    /// The route that serves this method on this path, or the one of all others.
    pub(crate) fn find(&self, path: &str, method: MethodLabel) -> &Route {
        let literal = self.literal.iter().find(|route| route.path == path);
        let found = literal.or_else(|| self.paths.at(path).ok().map(|found| found.value));
        found
            .filter(|route| route.signals.serves(method))
            .unwrap_or(&self.unmatched)
    }
}
