//! A span for each request, with the trace that it belongs to: taken from the
//! client's `traceparent` or begun here, put into the request for the
//! exemplars, into the span for the log, and into the answer for the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use crate::TraceContext;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Gives the requests of a route their spans.
#[derive(Clone, Debug)]
pub(super) struct RequestSpanLayer {
    route: Arc<str>,
}

impl RequestSpanLayer {
    /// `route` is the pattern of the path, never a path that was requested.
    pub(super) fn new(route: &str) -> Self {
        Self {
            route: route.into(),
        }
    }
}

impl<S> Layer<S> for RequestSpanLayer {
    type Service = RequestSpan<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestSpan {
            inner,
            route: Arc::clone(&self.route),
        }
    }
}

/// A service whose requests have spans.
#[derive(Clone, Debug)]
pub(super) struct RequestSpan<S> {
    inner: S,
    route: Arc<str>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequestSpan<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut given = request.headers().get_all(&TRACEPARENT).iter();
        // Of several none is known to be right: the specification takes one only.
        let parent = given.next().filter(|_| given.next().is_none());
        let parent = parent.and_then(|value| value.to_str().ok()?.parse().ok());
        let context = parent.map_or_else(TraceContext::generate, TraceContext::child);
        request.extensions_mut().insert(context);
        let header = context.to_bytes();
        let span = tracing::info_span!(
            "request",
            trace_id = std::str::from_utf8(&header[TraceContext::TRACE_ID]).unwrap_or_default(),
            method = request.method().as_str(),
            route = &*self.route,
        );
        ResponseFuture {
            // Not yet in the span: a call only makes the future.
            inner: self.inner.call(request),
            span,
            context,
        }
    }
}

pin_project! {
    /// Resolves to the answer with its `traceparent`.
    #[derive(Debug)]
    pub(super) struct ResponseFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        context: TraceContext,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let mut answer = ready!(this.inner.poll(cx))?;
        tracing::debug!(status = answer.status().as_u16(), "answered");
        let traceparent = HeaderValue::from_bytes(&this.context.to_bytes());
        let traceparent = traceparent.expect("hexadecimal digits and dashes make a header value");
        answer.headers_mut().insert(TRACEPARENT, traceparent);
        Poll::Ready(Ok(answer))
    }
}
