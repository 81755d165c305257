//! Exercise 19, the answers: a service that says whether a wine is good.
//!
//! A model answers. Where it cannot, rules do, which are worse: nobody gets an error, and
//! nobody notices. Count who answered and why, and observe what was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// Nobody waits longer for the model.
const MODEL_TIMEOUT: Duration = Duration::from_millis(50);

// TODO 1: the labels of `predictions_total`: `by` is `model` or `rules`, `reason` is `none`,
// `absent`, `timeout` or `nan`.

struct Predictor {
    ids: AtomicU64,
    // TODO 1: the counter. TODO 2: the histogram, `prediction_score`, with the label `by`.
}

impl Predictor {
    fn register(registry: &mut Registry) -> Self {
        // TODO 3: register both, and create every series that there can be.
        Self {
            ids: AtomicU64::new(0),
        }
    }
}

/// What is asked.
#[derive(Deserialize)]
struct Wine {
    /// In percent.
    alcohol: f64,
    /// In g/dm³.
    sulphates: f64,
    /// Who asks: web, app or partner, says the contract. Clients send what they like.
    segment: String,
    /// To try things out, what ails the model: `absent`, `slow` or `nan`.
    #[serde(default)]
    model: String,
}

/// What is answered.
#[derive(Serialize)]
struct Answer {
    id: u64,
    /// The probability that the wine is good.
    score: f64,
    good: bool,
}

/// What the model says, if there is one.
async fn model(wine: &Wine) -> Option<f64> {
    match wine.model.as_str() {
        "absent" => return None,
        "slow" => tokio::time::sleep(Duration::from_secs(1)).await,
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let x = 1.1 * (wine.alcohol - 10.4) + 2.0 * (wine.sulphates - 0.65);
    Some(1.0 / (1.0 + (-x).exp()))
}

/// What was said before there was a model.
fn rules(wine: &Wine) -> f64 {
    if wine.alcohol > 10.5 { 0.8 } else { 0.2 }
}

/// `GET /predict?alcohol=…&sulphates=…&segment=…`.
async fn predict(
    State(predictor): State<Arc<Predictor>>,
    Query(wine): Query<Wine>,
) -> Json<Answer> {
    let score = match timeout(MODEL_TIMEOUT, model(&wine)).await {
        Ok(Some(score)) if !score.is_nan() => score,
        // TODO 4: which of three reasons is it? Then count, and observe the score.
        _ => rules(&wine),
    };
    Json(Answer {
        id: predictor.ids.fetch_add(1, Relaxed),
        score,
        good: score >= 0.5,
    })
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut page = String::new();
    text::encode(&mut page, &registry).expect("writing to a String does not fail");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, format)], page)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut registry = Registry::default();
    let predictor = Arc::new(Predictor::register(&mut registry));
    let app = Router::new()
        .route("/predict", get(predict).with_state(predictor))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)));
    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
