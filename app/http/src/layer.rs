//! The tower layer that measures requests. When a request starts and ends:
//!
//! - It **starts** when its head has been parsed and it reaches this layer,
//!   which therefore is put around everything else that a route does.
//! - It **ends** when the last byte of its answer has been handed over to the
//!   connection, or when the connection drops the handler or the answer before
//!   that, because the client went away: then it is counted as cancelled.
//!
//! A guard travels from the future into the body and counts the end when it is
//! dropped, so that no way out is forgotten: answer, timeout, panic, client
//! gone, service stopped. Counting takes no lock, allocates nothing and looks
//! nothing up by label; the handles were resolved when the route was made.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Bytes;
use axum::http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::labels::{CLIENT_CLOSED_REQUEST, FailureCause, MethodLabel};
use super::pieces::Pieces;
use super::requests::RouteSignals;
use super::trace_context::TraceContext;

/// Measures the requests of one route.
#[derive(Clone, Debug)]
pub struct SignalsLayer {
    route: Arc<RouteSignals>,
    unmatched: Arc<RouteSignals>,
}

impl SignalsLayer {
    /// Counts on `route`, or on `unmatched` where the route does not serve the
    /// request's method.
    #[must_use]
    pub fn new(route: Arc<RouteSignals>, unmatched: Arc<RouteSignals>) -> Self {
        Self { route, unmatched }
    }
}

impl<S> Layer<S> for SignalsLayer {
    type Service = Signals<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Signals {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose requests are measured.
#[derive(Clone, Debug)]
pub struct Signals<S> {
    inner: S,
    layer: SignalsLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Signals<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let method = MethodLabel::from(request.method());
        let route = if self.layer.route.serves(method) {
            &self.layer.route
        } else {
            &self.layer.unmatched
        };
        route.begin();
        let guard = InFlightGuard {
            route: Arc::clone(route),
            method,
            started: Instant::now(),
            trace_id: request
                .extensions()
                .get()
                .map(|context: &TraceContext| context.trace_id()),
            status: None,
            complete: false,
        };
        let is_head = request.method() == Method::HEAD;
        ResponseFuture {
            inner: self.inner.call(request),
            guard: Some(guard),
            is_head,
        }
    }
}

/// Ends a request when dropped.
#[derive(Debug)]
struct InFlightGuard {
    route: Arc<RouteSignals>,
    method: MethodLabel,
    started: Instant,
    trace_id: Option<u128>,
    /// The answer's, once there is one.
    status: Option<u16>,
    /// Whether all of the answer was handed over.
    complete: bool,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let status = match self.status {
            Some(status) if self.complete => status,
            // Nothing inside caught the panic that unwinds through here.
            None if std::thread::panicking() => {
                self.route.fail(FailureCause::Panic);
                StatusCode::INTERNAL_SERVER_ERROR.as_u16()
            }
            _ => CLIENT_CLOSED_REQUEST,
        };
        let seconds = self.started.elapsed().as_secs_f64();
        self.route.end(self.method, status, seconds, self.trace_id);
    }
}

pin_project! {
    /// Resolves to the measured answer.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        guard: Option<InFlightGuard>,
        is_head: bool,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(cx));
        let mut guard = this.guard.take();
        let answer = answer.inspect_err(|_| {
            // A service that fails instead of answering: the connection is
            // closed on its client, which is the server's failure.
            if let Some(guard) = &mut guard {
                guard.status = Some(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
                guard.complete = true;
            }
        })?;
        if let Some(guard) = &mut guard {
            let status = answer.status();
            guard.status = Some(status.as_u16());
            if status.is_server_error()
                && let Some(cause) = answer.extensions().get::<FailureCause>()
            {
                guard.route.fail(*cause);
            }
            // Of these answers no body is ever asked for.
            guard.complete = *this.is_head
                || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
                || answer.body().is_end_stream();
        }
        Poll::Ready(Ok(answer.map(|inner| ResponseBody {
            inner: Pieces::new(inner),
            guard: guard.filter(|guard| !guard.complete),
        })))
    }
}

pin_project! {
    /// A body that ends its request with its last byte, or when it is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Pieces<B>,
        guard: Option<InFlightGuard>,
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let ended = match &frame {
            None => true,
            Some(Ok(_)) => this.inner.is_end_stream(),
            Some(Err(_)) => {
                if let Some(guard) = this.guard {
                    guard.status = Some(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
                }
                true
            }
        };
        if ended && let Some(mut guard) = this.guard.take() {
            guard.complete = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
