//! Exercise 1, traffic: how much is asked of the service?

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::route::route_of;

/// The labels of `http_requests_total`: each set of values is a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    pub method: String,
    // TODO 1: two more labels, `route` and `status`.
}

/// A counter for each set of labels.
#[derive(Clone, Default)]
pub struct Traffic {
    pub requests: Family<Labels, Counter>,
}

impl Traffic {
    /// Makes the counter known.
    pub fn register(registry: &mut Registry) -> Self {
        let traffic = Self::default();
        // TODO 2: register `traffic.requests`, so that /metrics shows
        // `http_requests_total`. The example is in student/src/random.rs.
        traffic
    }
}

/// Runs around every request.
pub async fn count(State(traffic): State<Traffic>, request: Request, next: Next) -> Response {
    // Here the request has come in …
    let response = next.run(request).await;
    // … and here its answer goes out.
    // TODO 3: count it, with its method, its route (`route_of(&request)`) and its status.
    response
}
