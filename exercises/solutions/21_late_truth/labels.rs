//! Exercise 21, late truth: what came out is said long after the prediction, for some, twice for
//! a few, and for predictions that nobody made.

use std::collections::VecDeque;
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
// Numbers of labels on both sides, added up before they are divided.
const ACCURACY: &str = r#"
    (sum(rate(prediction_outcomes_total{job="student",by="model",predicted="good",actual="good"}[10m]))
        + sum(rate(prediction_outcomes_total{job="student",by="model",predicted="bad",actual="bad"}[10m])))
    / sum(rate(prediction_outcomes_total{job="student",by="model"}[10m]))
"#;

/// Of `prediction_outcomes_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    by: &'static str,
    predicted: &'static str,
    actual: &'static str,
}

/// Of `labels_unmatched_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnmatchedLabels {
    reason: &'static str,
}

struct Kept {
    by: &'static str,
    good: bool,
    labelled: bool,
}

/// The last predictions; the number of the first one is its id.
#[derive(Default)]
struct Pending {
    first: u64,
    kept: VecDeque<Kept>,
}

#[derive(Default)]
struct Judge {
    outcomes: Family<OutcomeLabels, Counter>,
    unmatched: Family<UnmatchedLabels, Counter>,
    pending: Mutex<Pending>,
}

impl Judge {
    fn register(registry: &mut Registry) -> Self {
        let judge = Self::default();
        for by in ["model", "rules"] {
            for predicted in [true, false] {
                for actual in [true, false] {
                    let _ = judge.outcomes.get_or_create(&labels(by, predicted, actual));
                }
            }
        }
        for reason in ["unknown", "twice", "expired"] {
            let _ = judge.unmatched.get_or_create(&UnmatchedLabels { reason });
        }
        let outcomes = judge.outcomes.clone();
        registry.register("prediction_outcomes", "Labelled predictions", outcomes);
        let unmatched = judge.unmatched.clone();
        registry.register(
            "labels_unmatched",
            "Labels that were not counted",
            unmatched,
        );
        judge
    }

    /// Keeps what its label will need, and returns the prediction's id.
    fn predicted(&self, by: &'static str, good: bool) -> u64 {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.kept.len() == PENDING {
            pending.kept.pop_front();
            pending.first += 1;
        }
        pending.kept.push_back(Kept {
            by,
            good,
            labelled: false,
        });
        pending.first + pending.kept.len() as u64 - 1
    }

    /// Takes a label.
    fn labelled(&self, id: u64, good: bool) -> StatusCode {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = id.checked_sub(pending.first) else {
            return self.refuse("expired", StatusCode::GONE);
        };
        match pending.kept.get_mut(place as usize) {
            None => self.refuse("unknown", StatusCode::NOT_FOUND),
            Some(kept) if kept.labelled => self.refuse("twice", StatusCode::CONFLICT),
            Some(kept) => {
                kept.labelled = true;
                let labels = labels(kept.by, kept.good, good);
                self.outcomes.get_or_create(&labels).inc();
                StatusCode::ACCEPTED
            }
        }
    }

    fn refuse(&self, reason: &'static str, status: StatusCode) -> StatusCode {
        let labels = UnmatchedLabels { reason };
        self.unmatched.get_or_create(&labels).inc();
        status
    }
}

fn labels(by: &'static str, predicted: bool, actual: bool) -> OutcomeLabels {
    let name = |good| if good { "good" } else { "bad" };
    OutcomeLabels {
        by,
        predicted: name(predicted),
        actual: name(actual),
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
