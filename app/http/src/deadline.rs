//! The request timeout, as a tower layer: ends a handler that takes too long
//! with 504. Waiting in the queue counts; handing over the body does not.
//!
//! Why not tower-http's `Timeout`: it starts a timer for every request, also for one
//! that is answered at once, and its answer has no body, so no `detail`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use super::problem::Problem;

/// Bounds the time of a service's answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeadlineLayer(pub(super) Duration);

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline {
            inner,
            timeout: self.0,
        }
    }
}

/// A service whose answers are bounded in time.
#[derive(Clone, Debug)]
pub(super) struct Deadline<S> {
    inner: S,
    timeout: Duration,
}

impl<S, Request> Service<Request> for Deadline<S>
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
        ResponseFuture {
            inner: self.inner.call(request),
            timeout: self.timeout,
            elapsed: None,
        }
    }
}

pin_project! {
    /// Resolves to the answer, or to 504.
    #[derive(Debug)]
    pub(super) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        timeout: Duration,
        // Begun when the answer is not there at once: most of a busy service's
        // requests never need a timer.
        #[pin]
        elapsed: Option<Sleep>,
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(cx) {
            return Poll::Ready(answer);
        }
        if this.elapsed.is_none() {
            this.elapsed.set(Some(tokio::time::sleep(*this.timeout)));
        }
        if let Some(elapsed) = this.elapsed.as_pin_mut() {
            ready!(elapsed.poll(cx));
        }
        Poll::Ready(Ok(Problem::Timeout.into_response()))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http::StatusCode;
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_takes_too_long_is_ended() {
        let sleeper = ServiceBuilder::new()
            .layer(DeadlineLayer(Duration::from_secs(2)))
            .service_fn(|seconds: u64| async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok::<_, Infallible>(StatusCode::OK.into_response())
            });
        let status = async |seconds| sleeper.clone().oneshot(seconds).await.map(|r| r.status());
        assert_eq!(status(1).await, Ok(StatusCode::OK));
        assert_eq!(status(3).await, Ok(StatusCode::GATEWAY_TIMEOUT));
    }
}
