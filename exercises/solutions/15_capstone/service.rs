//! The capstone: a service with all its instruments.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream;
use http_body::{Frame, SizeHint};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tower_http::catch_panic::CatchPanicLayer;

/// No answer may begin later.
const DEADLINE: Duration = Duration::from_secs(1);

/// So many requests at once is what this service is built for.
const LIMIT: i64 = 20;

/// In seconds: from the quickest to the deadline, and beyond it for bodies that
/// are sent slowly; 0.5 s is what the service promises.
const BUCKETS: [f64; 11] = [0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    method: &'static str,
    route: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

/// All that is measured.
#[derive(Clone)]
struct Signals {
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    saturation: Family<ResourceLabels, Gauge<f64, AtomicU64>>,
    panics: Family<RouteLabels, Counter>,
    timeouts: Family<RouteLabels, Counter>,
}

impl Signals {
    fn register(registry: &mut Registry) -> Self {
        let signals = Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            saturation: Family::default(),
            panics: Family::default(),
            timeouts: Family::default(),
        };
        registry.register(
            "http_requests",
            "Requests that ended; 499 when the client went away first",
            signals.requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "From the request to the last byte of its answer",
            signals.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests that have begun and not ended",
            signals.in_flight.clone(),
        );
        registry.register(
            "saturation_ratio",
            "How full a resource is, from 0 to 1",
            signals.saturation.clone(),
        );
        registry.register(
            "http_request_panics",
            "Requests whose handler panicked",
            signals.panics.clone(),
        );
        registry.register(
            "http_request_timeouts",
            "Requests that were not answered by the deadline",
            signals.timeouts.clone(),
        );
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "What is running", Info::new(version));
        signals.start_at_zero();
        signals
    }

    fn start_at_zero(&self) {
        for route in ["/random", "/random/{name}", "/numbers"] {
            let route = route.to_owned();
            for status in [200, 499, 500, 503, 504] {
                let _ = self.requests.get_or_create(&RequestLabels {
                    method: "GET",
                    route: route.clone(),
                    status,
                });
            }
            for outcome in ["success", "client_error", "server_error", "cancelled"] {
                let _ = self.durations.get_or_create(&DurationLabels {
                    method: "GET",
                    route: route.clone(),
                    outcome,
                });
            }
            let labels = RouteLabels { route };
            let _ = self.panics.get_or_create(&labels);
            let _ = self.timeouts.get_or_create(&labels);
        }
    }
}

/// A request from its beginning to its end, whatever way it ends: the one place
/// where anything is counted.
struct Exchange {
    signals: Signals,
    method: &'static str,
    route: String,
    begun: Instant,
    /// Of the answer, once it has been handed over whole.
    status: Option<StatusCode>,
}

impl Exchange {
    fn begin(signals: &Signals, request: &Request) -> Self {
        signals.in_flight.inc();
        let route = request.extensions().get::<MatchedPath>();
        Self {
            signals: signals.clone(),
            method: method(request.method()),
            route: route.map_or("unmatched", MatchedPath::as_str).to_owned(),
            begun: Instant::now(),
            status: None,
        }
    }

    fn complete(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let status = self.status.map_or(499, |status| status.as_u16());
        let outcome = match status {
            499 => "cancelled",
            500.. => "server_error",
            400.. => "client_error",
            _ => "success",
        };
        let requests = &self.signals.requests;
        requests
            .get_or_create(&RequestLabels {
                method: self.method,
                route: self.route.clone(),
                status,
            })
            .inc();
        let durations = &self.signals.durations;
        durations
            .get_or_create(&DurationLabels {
                method: self.method,
                route: self.route.clone(),
                outcome,
            })
            .observe(self.begun.elapsed().as_secs_f64());
        self.signals.in_flight.dec();
    }
}

/// A client may send any word; only these become values of a label.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// A body that ends its exchange with its last byte, or when it is dropped before.
struct Measured {
    body: Body,
    status: StatusCode,
    exchange: Option<Exchange>,
}

impl HttpBody for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        // A body of known length is not asked again after its last byte.
        let ended = matches!(polled, Poll::Ready(None)) || this.body.is_end_stream();
        if ended && let Some(exchange) = this.exchange.take() {
            exchange.complete(this.status);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What an answer of ours says about how it came to be.
#[derive(Clone, Copy)]
enum Instead {
    Panicked,
    TimedOut,
}

/// Runs around every request, outside of everything else.
async fn measure(State(signals): State<Signals>, request: Request, next: Next) -> Response {
    let exchange = Exchange::begin(&signals, &request);
    let response = next.run(request).await;
    let route = exchange.route.clone();
    match response.extensions().get() {
        Some(Instead::Panicked) => {
            signals.panics.get_or_create(&RouteLabels { route }).inc();
        }
        Some(Instead::TimedOut) => {
            signals.timeouts.get_or_create(&RouteLabels { route }).inc();
        }
        None => {}
    }
    let status = response.status();
    response.map(|body| {
        if body.is_end_stream() {
            exchange.complete(status);
            return body;
        }
        Body::new(Measured {
            body,
            status,
            exchange: Some(exchange),
        })
    })
}

async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => instead(StatusCode::GATEWAY_TIMEOUT, Instead::TimedOut),
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    instead(StatusCode::INTERNAL_SERVER_ERROR, Instead::Panicked)
}

fn instead(status: StatusCode, why: Instead) -> Response {
    let mut response = status.into_response();
    response.extensions_mut().insert(why);
    response
}

async fn metrics(State((registry, signals)): State<(Arc<Registry>, Signals)>) -> impl IntoResponse {
    let labels = ResourceLabels {
        resource: "concurrency",
    };
    let ratio = signals.in_flight.get() as f64 / LIMIT as f64;
    signals.saturation.get_or_create(&labels).set(ratio);
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("writing to a String does not fail");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], page)
}

#[derive(Deserialize)]
struct Params {
    delay_ms: Option<f64>,
    fail: Option<u16>,
    #[serde(default)]
    panic: bool,
}

#[derive(Serialize)]
struct Answer {
    random: f64,
}

/// `GET /random` and `GET /random/{name}`, as you know them.
async fn random(Query(params): Query<Params>) -> Result<Json<Answer>, StatusCode> {
    if let Some(status) = params.fail {
        return Err(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let delay_ms = params
        .delay_ms
        .unwrap_or_else(|| rand::random_range(10.0..200.0))
        .clamp(0.0, 60_000.0);
    tokio::time::sleep(Duration::from_secs_f64(delay_ms / 1000.0)).await;
    assert!(!params.panic, "you asked for it");
    Ok(Json(Answer {
        random: rand::random_range(0.0..100.0),
    }))
}

#[derive(Deserialize)]
struct Many {
    count: u32,
    pause_ms: u64,
}

/// `GET /numbers?count=3&pause_ms=100`: the first number at once, each other
/// after a pause. The answer begins long before it ends.
async fn numbers(Query(many): Query<Many>) -> Response {
    let pause = Duration::from_millis(many.pause_ms);
    let lines = stream::unfold(0, move |sent| async move {
        if sent == many.count {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(pause).await;
        }
        let line = format!("{:.3}\n", rand::random_range(0.0..100.0));
        Some((Ok::<_, std::convert::Infallible>(line), sent + 1))
    });
    Response::new(Body::from_stream(lines))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut registry = Registry::default();
    let signals = Signals::register(&mut registry);
    let service = Router::new()
        .route("/random", get(random))
        .route("/random/{name}", get(random))
        .route("/numbers", get(numbers))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(deadline))
        .layer(from_fn_with_state(signals.clone(), measure));
    // Outside of the layers, so that looking does not change what is seen.
    let app = Router::new()
        .route("/metrics", get(metrics))
        .with_state((Arc::new(registry), signals))
        .merge(service);

    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
