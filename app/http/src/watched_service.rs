//! What hyper calls for each request of a connection: the service, with marks for the sweep
//! where a request begins, where its body ends, and where its answer is handed over.
//! Neither counts nor limits requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::Service;

use super::watch::Watch;

/// An extension of responses whose body is shared by all that get it, embedded in the
/// program or rendered once. Unread, only the piece of it that is being sent is counted as
/// memory that its reader holds.
#[derive(Clone, Copy, Debug)]
pub struct SharedBody;

/// The service of one connection.
#[derive(Debug)]
pub(super) struct WatchedService<S> {
    inner: S,
    watch: Arc<Watch>,
}

impl<S> WatchedService<S> {
    /// `inner` must always be ready, as a router is.
    pub(super) fn new(inner: S, watch: Arc<Watch>) -> Self {
        Self { inner, watch }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for WatchedService<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: HttpBody<Data = Bytes>,
{
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

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
            inner: self.inner.clone().call(request),
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
    /// Resolves to the service's answer.
    pub(super) struct Answer<F> {
        #[pin]
        inner: F,
        handing_over: Option<HandingOver>,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

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

pin_project! {
    /// The body of an answer.
    #[derive(Debug)]
    pub(super) struct AnswerBody<B> {
        #[pin]
        inner: B,
        handing_over: Option<HandingOver>,
    }
}

impl<B: HttpBody> HttpBody for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(handing_over) = this.handing_over {
            handing_over.0.follow(this.inner.size_hint().lower());
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
