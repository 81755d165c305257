//! One connection: serves it until it ends by itself, its client goes away, or the sweep
//! finds it overdue; then closes it so that its client can still read what it was told.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tower::Service;

use super::failures::{ConnectionFailures, FailureReason};
use super::stream::Stream;
use super::watch::{Wait, Watch};
use super::watched_service::WatchedService;

/// A connection as hyper serves it.
pub(super) type Http<S> = http1::Connection<TokioIo<Stream>, WatchedService<S>>;

/// How a connection ended.
enum End {
    ByItself(hyper::Result<()>),
    ClientGone,
    Overdue(Wait),
}

/// Serves a connection to its end. It is boxed, since a future has what it is given twice,
/// and so has the one around it.
pub(super) async fn serve<S, B>(
    mut http: Box<Http<S>>,
    watch: Arc<Watch>,
    failures: ConnectionFailures,
) where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match end(&mut http, &watch).await {
        End::ByItself(Ok(())) => {
            if watch.has_unread_body() {
                stream(*http).linger().await;
            }
        }
        End::ByItself(Err(error)) if error.is_parse() => {
            failures.count(if error.is_parse_too_large() {
                FailureReason::HeadTooLarge
            } else {
                FailureReason::InvalidRequest
            });
            stream(*http).linger().await;
        }
        // The client's going away is counted where requests are.
        End::ByItself(Err(error)) => tracing::trace!(%error, "connection failed"),
        End::ClientGone => {}
        End::Overdue(Wait::Head) => {
            let stream = stream(*http);
            if stream.refuse_late_head() {
                failures.count(FailureReason::HeadTimeout);
                stream.linger().await;
            }
        }
        End::Overdue(Wait::Read) => {
            failures.count(FailureReason::WriteTimeout);
            stream(*http).reset();
        }
    }
}

async fn end<S, B>(http: &mut Http<S>, watch: &Watch) -> End
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut is_draining = false;
    poll_fn(|cx| {
        watch.wake(cx.waker());
        if watch.is_draining() && !is_draining {
            is_draining = true;
            Pin::new(&mut *http).graceful_shutdown();
        }
        if let Poll::Ready(ended) = Pin::new(&mut *http).poll(cx) {
            return Poll::Ready(End::ByItself(ended));
        }
        if watch.is_gone() {
            return Poll::Ready(End::ClientGone);
        }
        // Only now: what it waited for may just have come.
        match watch.overdue() {
            Some(wait) => Poll::Ready(End::Overdue(wait)),
            None => Poll::Pending,
        }
    })
    .await
}

/// The stream of a connection, whose request in flight so ends.
fn stream<S, B>(http: Http<S>) -> Stream
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    http.into_parts().io.into_inner()
}
