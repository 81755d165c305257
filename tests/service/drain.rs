//! How the service stops: it reports that it is not ready, finishes the requests in flight,
//! and cannot be held up.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::http;
use crate::support::server::Server;
use rustix::process::Signal;

/// Longer than an end may take, and shorter than the delays of a minute that it
/// must not wait for.
const TIMEOUT: Duration = Duration::from_secs(30);

fn server(further: &[&str]) -> Server {
    let arguments = ["--traffic", "0", "--error-rate", "0"];
    Server::start(&[&arguments, further].concat())
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn logged(server: &Server, text: &str) -> bool {
    server.log().iter().any(|line| line.contains(text))
}

/// Sends a request to /random and returns once it is in flight.
fn in_flight(server: &Server) -> JoinHandle<std::io::Result<Vec<u8>>> {
    let address = server.address();
    let request = b"GET /random HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let waiting = thread::spawn(move || http::raw(address, request));
    server.metrics_when(TIMEOUT, "the request is in flight", |samples| {
        samples.value("http_requests_in_flight", &[("route", "/random")]) == 1.0
    });
    waiting
}

fn refused(address: SocketAddr) -> bool {
    matches!(TcpStream::connect(address), Err(error) if error.kind() == ErrorKind::ConnectionRefused)
}

#[test]
fn it_is_not_ready_first_then_finishes_what_is_in_flight() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = server(&["--delay", "constant(4s)", "--lame-duck", "2s"]);
        let address = server.address();
        assert_eq!(server.get("/readyz").status, 200);
        let stopping = |server: &Server| server.metrics().value("process_stopping", &[]);
        assert_eq!(stopping(&server), 0.0);
        let waiting = in_flight(&server);
        server.signal(signal);
        until("it is not ready", || server.get("/readyz").status == 503);
        // Whoever scrapes it learns that this end was wanted.
        assert_eq!(stopping(&server), 1.0);
        assert!(server.get("/readyz").json()["detail"].is_string());
        assert_eq!(server.get("/healthz").status, 200);
        assert_eq!(server.get("/metrics").status, 200);
        until("new connections are refused", || refused(address));
        let answer = waiting.join().unwrap().expect("it is answered");
        let answer = http::parse(&answer).expect("it is whole");
        assert_eq!(answer.status, 200);
        assert!(answer.json()["random"].is_number());
        assert_eq!(server.wait(TIMEOUT).code(), Some(0));
        until("it says so", || logged(&server, "all requests answered"));
    }
}

#[test]
fn the_deadline_cuts_off_what_is_left() {
    let mut server = server(&[
        "--delay",
        "constant(60s)",
        "--request-timeout",
        "1h",
        "--lame-duck",
        "0s",
        "--drain-timeout",
        "300ms",
    ]);
    let waiting = in_flight(&server);
    server.signal(Signal::TERM);
    assert_eq!(server.wait(TIMEOUT).code(), Some(1));
    assert!(
        !waiting.join().unwrap().is_ok_and(|bytes| !bytes.is_empty()),
        "nothing was answered"
    );
    until("it says so", || logged(&server, "connections cut off"));
    let line = server
        .log()
        .into_iter()
        .find(|line| line.contains("cut off"))
        .unwrap();
    assert!(line.contains("\"connections\":1"), "{line}");
}

#[test]
fn a_second_signal_stops_at_once() {
    // In the drain, and before it: while it is merely not ready.
    for lame_duck in ["0s", "24h"] {
        for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
            let mut server = server(&[
                "--delay",
                "constant(60s)",
                "--request-timeout",
                "1h",
                "--lame-duck",
                lame_duck,
                "--drain-timeout",
                "24h",
            ]);
            let waiting = in_flight(&server);
            server.signal(first);
            until("the first is heeded", || {
                logged(&server, "not ready; stopping")
            });
            server.signal(second);
            assert_eq!(
                server.wait(TIMEOUT).code(),
                Some(1),
                "lame duck {lame_duck}"
            );
            drop(waiting.join().unwrap());
        }
    }
    // Where nothing is in flight nothing is lost.
    let mut server = server(&["--lame-duck", "24h"]);
    server.signal(Signal::TERM);
    until("the first is heeded", || {
        logged(&server, "not ready; stopping")
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait(TIMEOUT).code(), Some(0));
}

/// With a deadline of a day, whatever held it up would do so visibly.
#[test]
fn neither_watchers_nor_idle_connections_hold_it_up() {
    let mut server = server(&[
        "--drain-timeout",
        "24h",
        "--lame-duck",
        "0s",
        "--delay",
        "constant(0s)",
    ]);
    let open = |request: &[u8]| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request).unwrap();
        stream
    };
    let answered = |request: &[u8]| {
        let mut stream = open(request);
        let mut buffer = [0; 64];
        stream.read_exact(&mut buffer).unwrap();
        assert!(buffer.starts_with(b"HTTP/1.1 200 OK"));
        stream
    };
    let mut watcher = answered(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let idle = answered(b"GET /random HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let silent = open(b"");
    server.metrics();
    server.signal(Signal::TERM);
    assert_eq!(server.wait(TIMEOUT).code(), Some(0));
    // The watcher's stream ends as a stream ends: with its last chunk.
    let mut events = Vec::new();
    watcher.read_to_end(&mut events).unwrap();
    assert!(
        events.ends_with(b"0\r\n\r\n"),
        "{:?}",
        String::from_utf8_lossy(&events)
    );
    drop((idle, silent));
}

#[test]
fn half_a_request_holds_it_up_no_longer_than_the_header_timeout() {
    let mut server = server(&[
        "--drain-timeout",
        "24h",
        "--lame-duck",
        "0s",
        "--header-timeout",
        "500ms",
    ]);
    let mut half = TcpStream::connect(server.address()).unwrap();
    half.write_all(b"GET /random HTTP/1.1\r\nhost: ").unwrap();
    server.metrics();
    server.signal(Signal::TERM);
    // Cut off by its own timeout, not by the drain's.
    assert_eq!(server.wait(TIMEOUT).code(), Some(0));
}
