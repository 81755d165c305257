//! Exercise 23, the open task: a service that fails in six ways, and answers 200 in all of them.
//! Add three metrics that you find valuable, and say which failure each would show.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

/// Your metrics, as they are called on the page of metrics, and the failure that each would show:
/// `absent`, `fraction`, `missing`, `slow`, `stale` or `stuck`.
// TODO 3: three of them, such as ("my_metric_total", "absent").
const VALUABLE: &[(&str, &str)] = &[];

// TODO 1: your metrics.
struct Valuable {}

impl Valuable {
    fn register(registry: &mut Registry) -> Self {
        Self {}
    }
}

struct Service {
    /// What is wrong; empty if nothing is.
    failure: Mutex<String>,
    /// What was answered last: its bits.
    last: AtomicU64,
    valuable: Valuable,
}

/// What the customers' table says of a wine.
#[derive(Clone, Debug, Deserialize)]
struct Wine {
    /// In percent.
    alcohol: Option<f64>,
    /// In g/dm³.
    sulphates: f64,
    /// How old the table is.
    #[serde(default)]
    age_seconds: f64,
}

#[derive(Serialize)]
struct Answer {
    score: f64,
}

impl Service {
    fn fails(&self, how: &str) -> bool {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) == how
    }

    /// Reads the wine from a table, which has failures of its own.
    fn read(&self, mut wine: Wine) -> Wine {
        if self.fails("fraction") {
            wine.alcohol = wine.alcohol.map(|alcohol| alcohol / 100.0);
        }
        if self.fails("missing") {
            wine.alcohol = None;
        }
        wine.age_seconds = if self.fails("stale") { 3600.0 } else { 5.0 };
        wine
    }

    /// What the model says; nothing if there is none.
    async fn model(&self, wine: &Wine) -> Option<f64> {
        if self.fails("slow") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if self.fails("absent") {
            return None;
        }
        let alcohol = wine.alcohol.unwrap_or(10.4);
        let x = 1.1 * (alcohol - 10.4) + 2.0 * (wine.sulphates - 0.65);
        let score = 1.0 / (1.0 + (-x).exp());
        let last = self.last.swap(score.to_bits(), Relaxed);
        let is_stuck = self.fails("stuck") && last != 0;
        Some(if is_stuck {
            f64::from_bits(last)
        } else {
            score
        })
    }
}

/// What was said before there was a model.
fn rules(wine: &Wine) -> f64 {
    if wine.alcohol > Some(10.5) { 0.8 } else { 0.2 }
}

/// `GET /predict?alcohol=…&sulphates=…`.
async fn predict(State(service): State<Arc<Service>>, Query(wine): Query<Wine>) -> Json<Answer> {
    let wine = service.read(wine);
    let said = service.model(&wine).await;
    // TODO 2: count, observe and set what you find valuable, here or wherever it is known.
    let score = said.unwrap_or_else(|| rules(&wine));
    Json(Answer { score })
}

#[derive(Deserialize)]
struct Failure {
    how: String,
}

/// `POST /fail?how=…`: from now on it fails like this.
async fn fail(State(service): State<Arc<Service>>, Query(failure): Query<Failure>) {
    *service
        .failure
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = failure.how;
}

/// What is declared above, for the checker.
async fn declared() -> Json<Vec<(&'static str, &'static str)>> {
    Json(VALUABLE.to_vec())
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
    let service = Arc::new(Service {
        failure: Mutex::default(),
        last: AtomicU64::new(0),
        valuable: Valuable::register(&mut registry),
    });
    let app = Router::new()
        .route("/predict", get(predict))
        .route("/fail", post(fail))
        .with_state(service)
        .route("/valuable", get(declared))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)));
    let address = std::env::var("STUDENT_BIND").unwrap_or_else(|_| "127.0.0.1:8001".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).await
}
