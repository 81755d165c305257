//! What hyper calls for each request of a connection: the router, with marks for the sweep
//! where a request begins, where its body ends, and where its answer is handed over.
//! Neither counts nor limits requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use axum::routing::future::RouteFuture;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service as _;

use super::watch::Watch;

/// An extension of responses whose body is shared by all that get it, embedded in the
/// program or rendered once. Unread, it is not counted as memory that its reader holds.
#[derive(Clone, Copy, Debug)]
pub struct SharedBody;

/// The router of one connection.
#[derive(Debug)]
pub(super) struct WatchedService {
    router: Router,
    watch: Arc<Watch>,
}

impl WatchedService {
    pub(super) fn new(router: Router, watch: Arc<Watch>) -> Self {
        Self { router, watch }
    }
}

impl hyper::service::Service<Request<Incoming>> for WatchedService {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let has_body = !request.body().is_end_stream();
        self.watch.begin(has_body);
        let request = request.map(|inner| {
            if has_body {
                let watch = Arc::clone(&self.watch);
                Body::new(RequestBody { inner, watch })
            } else {
                Body::empty()
            }
        });
        Answer {
            // A router is always ready.
            inner: self.router.clone().call(request),
            handing_over: Some(HandingOver(Arc::clone(&self.watch))),
        }
    }
}

/// The body of a request.
struct RequestBody {
    inner: Incoming,
    watch: Arc<Watch>,
}

impl RequestBody {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() || self.inner.is_end_stream() {
            self.watch.end_body();
        }
        Poll::Ready(frame)
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.poll(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // A body that nobody wanted, but which has come: the connection stays usable.
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(_))) = self.poll(&mut cx) {}
    }
}

/// Marks the end of an answer, whatever way it ends.
#[derive(Debug)]
struct HandingOver(Arc<Watch>);

impl Drop for HandingOver {
    fn drop(&mut self) {
        self.0.hand_over();
    }
}

pin_project! {
    /// Resolves to the router's answer.
    pub(super) struct Answer {
        #[pin]
        inner: RouteFuture<Infallible>,
        handing_over: Option<HandingOver>,
    }
}

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut answer) = ready!(this.inner.poll(cx));
        let handing_over = this.handing_over.take();
        if answer.extensions().get::<SharedBody>().is_some()
            && let Some(HandingOver(watch)) = &handing_over
        {
            watch.share();
        }
        if handing_over
            .as_ref()
            .is_some_and(|it| it.0.has_unread_body())
        {
            // What is still to come of the body is not waited for.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        Poll::Ready(Ok(answer.map(|inner| AnswerBody {
            inner,
            handing_over,
        })))
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct AnswerBody {
    inner: Body,
    handing_over: Option<HandingOver>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(handing_over) = &self.handing_over {
            handing_over.0.follow(self.inner.size_hint().lower());
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
