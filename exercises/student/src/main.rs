//! Your service. It answers `GET /random`, and it is almost blind: you give it
//! its instruments, one exercise after the other.
//!
//! Each exercise is one file. `cargo workshop` tells you which one is next.

#[path = "../../03_errors/errors.rs"]
mod errors;
#[path = "../../02_latency/latency.rs"]
mod latency;
mod random;
mod route;
#[path = "../../04_saturation/saturation.rs"]
mod saturation;
#[path = "../../01_traffic/traffic.rs"]
mod traffic;
mod visitors;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use latency::Latency;
use random::Random;
use saturation::Saturation;
use traffic::Traffic;

/// No request may take longer.
const DEADLINE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // The registry knows every metric; `/metrics` shows what it knows.
    let mut registry = Registry::default();
    registry.register(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds",
        // A restart is a change of it: an alert counts them.
        ConstGauge::new(now_s()),
    );
    let random = Random::register(&mut registry);
    let traffic = Traffic::register(&mut registry);
    let latency = Latency::register(&mut registry);
    let saturation = Saturation::register(&mut registry);
    errors::start_at_zero(&traffic, &latency);
    let registry = Arc::new(registry);

    let service = Router::new()
        .route("/random", get(random::random))
        .route("/random/{name}", get(random::random))
        .with_state(random)
        // Layers lie around the routes like the skins of an onion: a request
        // passes them from the last line here to the first, its answer from the
        // first to the last.
        .layer(from_fn_with_state(saturation.clone(), saturation::watch))
        .layer(CatchPanicLayer::new()) // a panic becomes a 500
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            DEADLINE,
        ))
        .layer(from_fn_with_state(latency, latency::measure))
        .layer(from_fn_with_state(traffic, traffic::count));

    // Outside of the layers, so that looking does not change what is seen.
    let app = Router::new()
        .route("/metrics", get(metrics))
        .with_state((registry, saturation))
        .merge(service);

    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let listening = listener.local_addr()?;
    println!("listening on {listening}");
    if let Some(per_second) = visitors::rate() {
        let service = SocketAddr::from(([127, 0, 0, 1], listening.port()));
        tokio::spawn(visitors::send(service, per_second));
    }
    axum::serve(listener, app).await
}

/// The time, in seconds since 1970.
fn now_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// What Prometheus reads.
async fn metrics(
    State((registry, saturation)): State<(Arc<Registry>, Saturation)>,
) -> impl IntoResponse {
    saturation.before_scrape();
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("writing to a String does not fail");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], page)
}
