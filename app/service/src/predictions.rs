//! The predictions that the service asks of itself, and their labels, which come late.
//! Like the rest of its traffic they go through the layer that measures and the whole
//! router, but not through a socket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use model::{Customer, Customers};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use golden_http::api::App;
use simulation::Probability;

/// How many labels are on their way at most; of more predictions none is sent, as if
/// nobody had said how it was.
const MAX_WAITING: usize = 10_000;

/// More than any answer to a prediction has.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Asks for predictions.
pub(crate) struct Predictions {
    app: App,
    customers: Customers,
    share: Probability,
    waiting: Arc<Semaphore>,
}

impl Predictions {
    /// So many predictions for each request to `/random`.
    pub(crate) fn new(app: App, customers: Customers, share: Probability) -> Self {
        Self {
            app,
            customers,
            share,
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// How many predictions there are to be for each request to `/random`.
    pub(crate) fn share(&self) -> Probability {
        self.share
    }

    /// Asks for one; what came out follows when it is known.
    pub(crate) fn send(&mut self) {
        let customer = self.customers.draw();
        let (app, waiting) = (self.app.clone(), Arc::clone(&self.waiting));
        tokio::spawn(async move {
            // Of all that was asked and answered only the label waits.
            if let Some((label, after)) = ask(&app, customer).await
                && let Ok(_place) = waiting.try_acquire()
            {
                tokio::time::sleep(after).await;
                post(&app, "/feedback", label).await;
            }
        });
    }
}

/// The label of the customer's prediction, and when it is due; `None` if none is sent.
async fn ask(app: &App, customer: Customer) -> Option<(String, Duration)> {
    let answer = post(app, "/predict", customer.question.clone()).await?;
    Some((customer.label(&answer)?, customer.label_after?))
}

/// The body of the answer, read to its end: dropped before, it would count as cancelled.
async fn post(app: &App, path: &'static str, body: String) -> Option<Bytes> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body)).ok()?;
    let Ok(answer) = app.clone().oneshot(request).await;
    let body = axum::body::to_bytes(Body::new(answer.into_body()), MAX_ANSWER_BYTES).await;
    body.inspect_err(|error| tracing::warn!(%error, "a response to a prediction was cut off"))
        .ok()
}
