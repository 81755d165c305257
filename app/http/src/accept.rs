//! The accept loop: takes connections up to a limit, speaks HTTP/1 on them, and
//! drains them at the end. `axum::serve` has none of these limits.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::api::App;
use super::connection;
use super::failures::ConnectionFailures;
use super::places::{Place, Places};
use super::stream::Stream;
use super::sweep::Sweep;
use super::watched_service::WatchedService;

/// Maximum size of a request's head; a larger one is answered 431. No
/// browser sends half as much, and each connection may hold this much memory.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// What the kernel keeps of an answer that its client does not read; Linux doubles it for
/// its own bookkeeping. By itself it would let this grow to 4 MiB a connection.
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// After a failed accept. Out of descriptors, the next one fails too until a
/// connection ends: trying at once would only burn the processor.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

pub use super::places::RESERVED_CONNECTIONS;

/// What the accept loop allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum open connections. Beyond it [`RESERVED_CONNECTIONS`] more are served, for
    /// one request each, and only to who monitors.
    pub connections: usize,
    /// How long a request's head may take from the moment that the connection
    /// waits for it, also for a client that sends nothing: so it bounds idle
    /// keep-alive too.
    pub header_read_timeout: Duration,
    /// How long a client may read nothing of what was written to it.
    pub write_timeout: Duration,
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
pub async fn serve(
    listener: TcpListener,
    app: App,
    limits: Limits,
    failures: ConnectionFailures,
    drain: impl Future<Output = ()>,
    stop_now: impl Future<Output = ()>,
) -> Drained {
    let mut http = http1::Builder::new();
    http.half_close(true)
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES);
    let places = Places::new(limits.connections, failures.clone());
    let mut sweep = Sweep::new(limits.header_read_timeout, limits.write_timeout);
    let mut connections = JoinSet::new();
    let mut drain = pin!(drain);
    let mut stop_now = pin!(stop_now);

    let at_once = loop {
        let (stream, place) = tokio::select! {
            () = &mut drain => break false,
            // The drain itself may take its time before it resolves.
            () = &mut stop_now => break true,
            accepted = accept(&listener, &places) => accepted,
            () = sweep.run() => continue,
            // Reaps what has ended, so that the set holds open ones only.
            Some(_) = connections.join_next() => continue,
        };
        let watch = sweep.watch();
        let io = TokioIo::new(Stream::new(stream, Arc::clone(&watch)));
        let http = http.keep_alive(place.is_regular());
        if place.is_regular() {
            let service = WatchedService::new(app.clone(), Arc::clone(&watch));
            let http = Box::new(http.serve_connection(io, service));
            connections.spawn(place.hold(connection::serve(http, watch, failures.clone())));
        } else {
            let service = WatchedService::new(places.monitoring(&app), Arc::clone(&watch));
            let http = Box::new(http.serve_connection(io, service));
            connections.spawn(place.hold(connection::serve(http, watch, failures.clone())));
        }
    };
    drop(listener);
    if !at_once {
        sweep.drain();
        let all_ended = async {
            loop {
                tokio::select! {
                    ended = connections.join_next() => if ended.is_none() { break },
                    () = sweep.run() => {}
                }
            }
        };
        tokio::select! {
            () = all_ended => {}
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

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, places: &Places) -> (TcpStream, Place) {
    let place = places.take().await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting to fill a packet would
                // only add Nagle's delay to the measured one.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY refused");
                }
                // Not once on the listener, of which a connection inherits it: some came
                // before the listener had it, while the service started.
                let socket = SockRef::from(&stream);
                if let Err(error) = socket.set_send_buffer_size(SEND_BUFFER_BYTES) {
                    tracing::debug!(%error, "SO_SNDBUF refused");
                }
                return (stream, places.better(place));
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
