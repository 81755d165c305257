//! The capstone: a service without a single instrument. Give it all of them.
//!
//! What it does must stay as it is. How you measure it is yours: take what you
//! wrote in exercises 1 to 4, or write it better.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// No answer may begin later.
const DEADLINE: Duration = Duration::from_secs(1);

/// So many requests at once is what this service is built for.
const LIMIT: i64 = 20;

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

// TODO: all of it.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/random", get(random))
        .route("/random/{name}", get(random))
        .route("/numbers", get(numbers))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            DEADLINE,
        ));

    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
