//! All layers, in order, on one screen.

use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::MethodRouter;
use tower::ServiceBuilder;

use super::deadline::DeadlineLayer;
use super::panics::CatchPanicLayer;
use super::problem::Problem;
use super::request_span::RequestSpanLayer;
use crate::layer::SignalsLayer;

/// Around every route, the outermost first.
pub(super) fn around_every_route<S>(
    handler: MethodRouter<S>,
    route: &str,
    signals: SignalsLayer,
    deadline: Option<Duration>,
) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    // One call: each one would box every request's future once more.
    handler.layer(
        ServiceBuilder::new()
            // The trace must be known to those within: the signals' exemplars
            // and every line that is logged.
            .layer(RequestSpanLayer::new(route))
            // Measures all that follows, so that nothing ends uncounted.
            .layer(signals)
            // Within the signals, which so count a panic as the answer it is.
            .layer(CatchPanicLayer)
            // Only around the routes that do work: what must always answer
            // (metrics, probes, control) has no deadline and no concurrency
            // limit. That limit is an argument of the handler, `Admitted`, and
            // so within the deadline: waiting for a place counts as taking time.
            .option_layer(deadline.map(DeadlineLayer)),
    )
}

/// What a path answers to a method that it does not serve.
pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
}

/// What an unknown path answers.
pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "Not Found")
}
