//! Wrong: the program waits for something that never comes.
//!
//! Earns: does-not-start

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The labels of `http_requests_total`: each set of values is a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    pub method: String,
    pub route: String,
    pub status: u16,
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
        std::thread::sleep(std::time::Duration::from_secs(3600));
        // Without `_total`: the library adds it.
        registry.register(
            "http_requests",
            "Requests answered, by method, route and status",
            traffic.requests.clone(),
        );
        traffic
    }
}

/// Runs around every request.
pub async fn count(State(traffic): State<Traffic>, request: Request, next: Next) -> Response {
    // Read before `next` takes the request away.
    let method = request.method().to_string();
    // The route as the program knows it, `/random/{name}`: there are a handful of
    // them. Of paths there are as many as clients can think of.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    // At the end, because only then the status is known.
    let status = response.status().as_u16();
    let labels = Labels {
        method,
        route,
        status,
    };
    traffic.requests.get_or_create(&labels).inc();
    response
}
