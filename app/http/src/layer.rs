//! What happens around a route, in order, and when a request starts and ends: the one
//! layer around everything that a service answers. It gives a request, the outermost first,
//!
//! 1. its **route**, by the method and the path, and with it its metrics,
//! 2. its **trace**, the client's or a new one, for the exemplars and for every line that
//!    is logged; a client that sent a `traceparent` gets one,
//! 3. its **measurement**, around all that follows, so that nothing ends uncounted,
//! 4. an answer of 500 for a **panic**, within the measurement, which so counts it as the
//!    answer it is,
//! 5. an answer of 504 at its **deadline**, where the route has one. A concurrency limit is
//!    an argument of the handler and so within the deadline: waiting for a place counts.
//!
//! A request **starts** when its head has been parsed and it reaches this layer. It
//! **ends** when the last byte of its answer has been handed over to the connection, or
//! when the connection drops the handler or the answer before that, because the client
//! went away: then it is counted as cancelled.
//!
//! A guard travels from the future into the body and counts the end when it is
//! dropped, so that no way out is forgotten: answer, timeout, panic, client
//! gone, service stopped. Counting takes no lock, allocates nothing and looks
//! nothing up by label; the handles were resolved when the route was made.
//!
//! Why not tower-http's `CatchPanic`, `Timeout` and `Trace`, a layer each: they box the
//! body of every answer, start a timer for every request, also for one that is answered at
//! once, and make a span for every request, also for one that logs nothing; and around an
//! axum router each layer boxes every request's future once more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use super::current::CurrentRequest;
use super::labels::{CLIENT_CLOSED_REQUEST, FailureCause, MethodLabel};
use super::pieces::Pieces;
use super::problem::Problem;
use super::requests::RouteSignals;
use super::routes::Routes;
use super::trace_context::{TRACEPARENT, TraceContext};

/// Measures the requests of a service, whose routes it knows.
#[derive(Clone, Debug)]
pub struct SignalsLayer {
    routes: Arc<Routes>,
}

impl SignalsLayer {
    /// For a whole service, such as an axum `Router`.
    #[must_use]
    pub fn new(routes: Routes) -> Self {
        Self {
            routes: Arc::new(routes),
        }
    }
}

impl<S> Layer<S> for SignalsLayer {
    type Service = Signals<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Signals {
            inner,
            routes: Arc::clone(&self.routes),
        }
    }
}

/// A service whose requests are measured.
#[derive(Clone, Debug)]
pub struct Signals<S> {
    inner: S,
    routes: Arc<Routes>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Signals<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data = Bytes> + From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let method = MethodLabel::from(request.method());
        let is_head = request.method() == Method::HEAD;
        let route = self.routes.find(request.uri().path(), method);
        let trace = TraceContext::of(request.headers());
        let current = CurrentRequest {
            trace_id: trace.map_or_else(TraceContext::generate_trace_id, TraceContext::trace_id),
            method,
            route: route.path,
        };
        let guard = InFlightGuard::begin(current, Arc::clone(&route.signals));
        let entered = current.enter();
        // Nothing that a panic leaves half done is used again: the future is
        // dropped, and what handlers share replaces its state whole.
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        drop(entered);
        ResponseFuture {
            inner: inner.ok(),
            timeout: route.timeout,
            elapsed: None,
            guard: Some(guard),
            trace,
            is_head,
        }
    }
}

/// Ends a request when dropped.
#[derive(Debug)]
struct InFlightGuard {
    request: CurrentRequest,
    signals: Arc<RouteSignals>,
    started: Instant,
    /// The answer's, once there is one.
    status: Option<u16>,
    /// Whether all of the answer was handed over.
    complete: bool,
}

impl InFlightGuard {
    fn begin(request: CurrentRequest, signals: Arc<RouteSignals>) -> Self {
        signals.begin();
        Self {
            request,
            signals,
            started: Instant::now(),
            status: None,
            complete: false,
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let status = match self.status {
            Some(status) if self.complete => status,
            // Nothing inside caught the panic that unwinds through here.
            None if std::thread::panicking() => {
                self.signals.fail(FailureCause::Panic);
                StatusCode::INTERNAL_SERVER_ERROR.as_u16()
            }
            _ => CLIENT_CLOSED_REQUEST,
        };
        let seconds = self.started.elapsed().as_secs_f64();
        let CurrentRequest {
            method, trace_id, ..
        } = self.request;
        self.signals.end(method, status, seconds, Some(trace_id));
    }
}

pin_project! {
    /// Resolves to the measured answer.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // None: the call itself panicked.
        #[pin]
        inner: Option<F>,
        timeout: Option<Duration>,
        // Begun when the answer is not there at once: most of a busy service's
        // requests never need a timer.
        elapsed: Option<Pin<Box<Sleep>>>,
        // None: the answer was given.
        guard: Option<InFlightGuard>,
        // The client sent its own and gets this one.
        trace: Option<TraceContext>,
        is_head: bool,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + From<Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let guard = this.guard.as_mut().expect("the answer was not yet given");
        let entered = guard.request.enter();

        let polled = this
            .inner
            .as_pin_mut()
            .map(|inner| catch_unwind(AssertUnwindSafe(|| inner.poll(cx))));
        let answer = match (polled, *this.timeout) {
            (Some(Ok(Poll::Ready(answer))), _) => answer,
            (Some(Ok(Poll::Pending)), None) => return Poll::Pending,
            (Some(Ok(Poll::Pending)), Some(timeout)) => {
                let elapsed = this
                    .elapsed
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                ready!(elapsed.as_mut().poll(cx));
                Ok(Problem::Timeout.answer())
            }
            // The panic hook has logged where and why, with the request's trace.
            (Some(Err(_)) | None, _) => Ok(Problem::Panic.answer()),
        };
        let mut answer = answer.inspect_err(|_| {
            // A service that fails instead of answering: the connection is
            // closed on its client, which is the server's failure.
            guard.status = Some(StatusCode::INTERNAL_SERVER_ERROR.as_u16());
            guard.complete = true;
        })?;

        let status = answer.status();
        tracing::debug!(status = status.as_u16(), "answered");
        if let Some(trace) = this.trace {
            let traceparent = HeaderValue::from_bytes(&trace.to_bytes());
            let traceparent =
                traceparent.expect("hexadecimal digits and dashes make a header value");
            answer.headers_mut().insert(TRACEPARENT, traceparent);
        }
        guard.status = Some(status.as_u16());
        if status.is_server_error()
            && let Some(cause) = answer.extensions().get::<FailureCause>()
        {
            guard.signals.fail(*cause);
        }
        // Of these answers no body is ever asked for.
        guard.complete = *this.is_head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || answer.body().is_end_stream();
        drop(entered);
        let guard = this.guard.take().filter(|guard| !guard.complete);
        Poll::Ready(Ok(answer.map(|inner| ResponseBody {
            inner: Pieces::new(inner),
            guard,
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
        let entered = this.guard.as_ref().map(|guard| guard.request.enter());
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
        drop(entered);
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
