//! Exercise 21, late truth: what came out is said long after the prediction, for some, twice for
//! a few, and for predictions that nobody made.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

/// So many predictions wait for their labels; older ones are given up.
const PENDING: usize = 1000;

/// Asks Prometheus for the model's accuracy, of what was labelled in the last ten minutes.
// TODO 5.
const ACCURACY: &str = r#"

"#;

// TODO 1: what is known of a prediction that waits for its label? Keep it, of the last `PENDING`
// ones only.

#[derive(Default)]
struct Judge {
    ids: AtomicU64,
    // TODO 2: the counter of outcomes. TODO 3: the counter of labels that match nothing.
}

impl Judge {
    fn register(registry: &mut Registry) -> Self {
        // TODO 4: register both, and create every series that there can be.
        Self::default()
    }

    /// Keeps what its label will need, and returns the prediction's id.
    fn predicted(&self, by: &'static str, good: bool) -> u64 {
        // TODO 1.
        self.ids.fetch_add(1, Relaxed)
    }

    /// Takes a label.
    fn labelled(&self, id: u64, good: bool) -> StatusCode {
        // TODO 2: count the outcome. TODO 3: or why it has none.
        StatusCode::ACCEPTED
    }
}

/// What is asked.
#[derive(Deserialize)]
struct Wine {
    /// In percent.
    alcohol: f64,
    /// `absent`, to let the rules answer.
    #[serde(default)]
    model: String,
}

/// What is answered.
#[derive(Serialize)]
struct Answer {
    id: u64,
    good: bool,
    by: &'static str,
}

/// `GET /predict?alcohol=…`. The model and the rules are of one opinion here.
async fn predict(State(judge): State<Arc<Judge>>, Query(wine): Query<Wine>) -> Json<Answer> {
    let by = match wine.model.as_str() {
        "absent" => "rules",
        _ => "model",
    };
    let good = wine.alcohol > 10.5;
    let id = judge.predicted(by, good);
    Json(Answer { id, good, by })
}

/// What came out.
#[derive(Deserialize)]
struct Label {
    id: u64,
    good: bool,
}

/// `POST /feedback?id=…&good=…`.
async fn feedback(State(judge): State<Arc<Judge>>, Query(label): Query<Label>) -> StatusCode {
    judge.labelled(label.id, label.good)
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
    let judge = Arc::new(Judge::register(&mut registry));
    let app = Router::new()
        .route("/predict", get(predict))
        .route("/feedback", post(feedback))
        .with_state(judge)
        .route("/accuracy", get(async || ACCURACY))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)));
    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
