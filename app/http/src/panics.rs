//! A handler that panics answers 500, as a tower layer: its connection and the
//! service live on. A panic while a body is handed over is not caught here; it
//! ends the connection.
//!
//! Why not tower-http's `CatchPanic`: it boxes the body of every response, panic or
//! not; this adds no allocation to a request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::problem::Problem;

/// Catches the panics of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic { inner }
    }
}

/// A service whose panics are answers.
#[derive(Clone, Debug)]
pub(super) struct CatchPanic<S> {
    inner: S,
}

impl<S, Request> Service<Request> for CatchPanic<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Nothing that a panic leaves half done is used again: the future is
        // dropped, and what handlers share replaces its state whole.
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        ResponseFuture { inner: inner.ok() }
    }
}

pin_project! {
    /// Resolves to the answer, or to 500.
    #[derive(Debug)]
    pub(super) struct ResponseFuture<F> {
        // None: the call itself panicked.
        #[pin]
        inner: Option<F>,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.project().inner.as_pin_mut();
        let polled = inner.map(|inner| catch_unwind(AssertUnwindSafe(|| inner.poll(cx))));
        match polled {
            Some(Ok(polled)) => polled,
            // The panic hook has logged where and why, in the request's span.
            Some(Err(_)) | None => Poll::Ready(Ok(Problem::Panic.into_response())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::StatusCode;
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_call_or_in_the_future_is_a_500() {
        let service =
            ServiceBuilder::new()
                .layer(CatchPanicLayer)
                .service_fn(|panics_at: &'static str| {
                    assert_ne!(panics_at, "call", "a test's panic");
                    async move {
                        assert_ne!(panics_at, "poll", "a test's panic");
                        Ok::<_, Infallible>(StatusCode::OK.into_response())
                    }
                });
        for (panics_at, status) in [("never", 200), ("call", 500), ("poll", 500)] {
            let Ok(answer) = service.clone().oneshot(panics_at).await;
            assert_eq!(answer.status().as_u16(), status, "{panics_at}");
        }
    }
}
