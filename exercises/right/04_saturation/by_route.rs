//! Right too: a gauge for each route, and their sum kept beside it.

use std::sync::atomic::AtomicU64;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// So many requests at once is what this service is built for.
pub const LIMIT: i64 = 20;

/// The label of `saturation_ratio`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    pub resource: &'static str,
}

/// The label of `http_requests_in_flight`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Route {
    pub route: String,
}

/// Requests that have begun and not ended, and how full that makes us.
#[derive(Clone, Default)]
pub struct Saturation {
    pub in_flight: Family<Route, Gauge>,
    pub total: Gauge,
    pub ratio: Family<Labels, Gauge<f64, AtomicU64>>,
}

impl Saturation {
    /// Makes the gauges known.
    pub fn register(registry: &mut Registry) -> Self {
        let saturation = Self::default();
        registry.register(
            "http_requests_in_flight",
            "Requests that have begun and not ended",
            saturation.in_flight.clone(),
        );
        registry.register(
            "saturation_ratio",
            "How full a resource is, from 0 to 1",
            saturation.ratio.clone(),
        );
        saturation
    }

    /// Called before every scrape.
    pub fn before_scrape(&self) {
        let labels = Labels {
            resource: "concurrency",
        };
        let ratio = self.total.get() as f64 / LIMIT as f64;
        self.ratio.get_or_create(&labels).set(ratio);
    }
}

/// One request in flight, for as long as this lives.
struct InFlight(Vec<Gauge>);

impl InFlight {
    fn begin(gauges: Vec<Gauge>) -> Self {
        for gauge in &gauges {
            gauge.inc();
        }
        Self(gauges)
    }
}

// Rust runs this whatever way the request ends: answered, dropped because the
// client has gone or the deadline has passed, or unwound by a panic.
impl Drop for InFlight {
    fn drop(&mut self) {
        for gauge in &self.0 {
            gauge.dec();
        }
    }
}

/// Runs around every request.
pub async fn watch(State(saturation): State<Saturation>, request: Request, next: Next) -> Response {
    // Not `_`: that would drop it at once.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let gauges = vec![
        saturation.in_flight.get_or_create_owned(&Route { route }),
        saturation.total.clone(),
    ];
    let _in_flight = InFlight::begin(gauges);
    next.run(request).await
}
