//! The accept loop: takes connections up to a limit, speaks HTTP/1 on them, and
//! drains them at the end. `axum::serve` has none of these limits.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::Connection;

/// Maximum size of a request's head; a larger one is answered 431. No
/// browser sends half as much, and each connection may hold this much memory.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// After a failed accept. Out of descriptors, the next one fails too until a
/// connection ends: trying at once would only burn the processor.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// What the accept loop allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum open connections. More wait in the kernel's backlog.
    pub connections: usize,
    /// How long a request's head may take from the moment that the connection
    /// waits for it, also for a client that sends nothing: so it bounds idle
    /// keep-alive too.
    pub header_read_timeout: Duration,
    /// How long requests in flight may take once the drain has begun.
    pub drain_timeout: Duration,
}

/// How the drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Completely,
    /// So many connections were cut off, by the deadline or the second signal.
    CutOff(usize),
}

/// Serves `app` on `listener` until `drain` resolves; then takes no further
/// connection, lets requests in flight end, closes idle connections, and cuts
/// off what is left when the drain timeout passes or `stop_now` resolves.
pub async fn serve<S, B>(
    listener: TcpListener,
    app: S,
    limits: Limits,
    drain: impl Future<Output = ()>,
    stop_now: impl Future<Output = ()>,
) -> Drained
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        // An answer is copied behind its head and written with it: for the small ones, of
        // which there are many, cheaper than telling the kernel of two parts.
        .writev(false);
    let permits = Arc::new(Semaphore::new(limits.connections));
    let (draining, drain_begun) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut drain = pin!(drain);
    let mut stop_now = pin!(stop_now);

    let at_once = loop {
        let (stream, permit) = tokio::select! {
            () = &mut drain => break false,
            // The drain itself may take its time before it resolves.
            () = &mut stop_now => break true,
            accepted = accept(&listener, &permits) => accepted,
            // Reaps what has ended, so that the set holds open ones only.
            Some(_) = connections.join_next() => continue,
        };
        let mut connection =
            http.serve_connection(TokioIo::new(Connection::new(stream)), app.clone());
        let mut drain_begun = drain_begun.clone();
        connections.spawn(async move {
            let _permit = permit;
            let ended = tokio::select! {
                biased;
                ended = &mut connection => Some(ended),
                // Dropped before anything is awaited: it holds a lock.
                begun = drain_begun.wait_for(|begun| *begun) => { drop(begun); None }
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    Pin::new(&mut connection).graceful_shutdown();
                    (&mut connection).await
                }
            };
            match ended {
                Err(error) if error.is_timeout() => {
                    connection.into_parts().io.into_inner().refuse_late_head();
                }
                // The client's going away is counted where requests are.
                Err(error) => tracing::trace!(%error, "connection failed"),
                Ok(()) => {}
            }
        });
    };
    drop(listener);
    if !at_once {
        tokio::select! {
            () = all_ended(&draining, &mut connections) => {}
            () = tokio::time::sleep(limits.drain_timeout) => {}
            () = stop_now => {}
        }
    }
    while connections.try_join_next().is_some() {}
    let cut_off = connections.len();
    connections.shutdown().await;
    match cut_off {
        0 => Drained::Completely,
        cut_off => Drained::CutOff(cut_off),
    }
}

/// Tells the connections to end with the request in flight, and waits for it.
async fn all_ended(draining: &watch::Sender<bool>, connections: &mut JoinSet<()>) {
    draining.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting to fill a packet would
                // only add Nagle's delay to the measured one.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY refused");
                }
                return (stream, permit);
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
            }
        }
    }
}

/// Whether an accept failed for a connection that is already gone again.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
