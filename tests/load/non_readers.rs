//! Clients that ask and do not read: what they cost is bounded, they are cut off after the
//! write timeout, and meanwhile nobody else is shut out.
#![cfg(target_os = "linux")]

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use golden_system::descriptors;
use socket2::{Domain, Socket, Type};

use super::memory::resident_kib;
use crate::support::connection::get;
use crate::support::pager::Pager;
use crate::support::server::Server;
use crate::support::{TIMEOUT, http, large_alerts};

/// Of a client.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// A connection whose client's system takes no more than this, or the least that there is;
/// by itself it may come to take megabytes.
fn connect(address: SocketAddr, receive_buffer_bytes: usize) -> TcpStream {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
    let set = socket.set_recv_buffer_size(receive_buffer_bytes);
    set.expect("there is a least");
    socket.connect(&address.into()).expect("it listens");
    socket.into()
}

/// As many requests at once as one writes; it reads nothing.
fn unread(address: SocketAddr, request: &[u8], requests: usize) -> TcpStream {
    let mut stream = connect(address, RECEIVE_BUFFER_BYTES);
    stream.set_read_timeout(Some(TIMEOUT)).expect("not zero");
    stream
        .write_all(&request.repeat(requests))
        .expect("they fit into a receive buffer");
    stream
}

/// Reads until the service closes, or resets what it has cut off.
fn is_cut_off(mut stream: &TcpStream) -> bool {
    match io::copy(&mut stream, &mut io::sink()) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn write_timeouts(server: &Server) -> f64 {
    let reason = [("reason", "write_timeout")];
    let samples = server.metrics();
    samples.value("http_connections_failed_total", &reason)
}

/// 200 connections with 40 requests each for an answer that is made anew for each of them.
/// Unread, each holds one answer and what the kernel takes of it, not forty.
#[test]
fn unread_answers_take_bounded_memory_and_are_given_up() {
    const CONNECTIONS: u32 = 200;
    const REQUESTS: usize = 40;
    const MAY_HOLD_KIB: u64 = 64 * 1024;

    descriptors::raise_limit();
    let server = Server::start(&["--traffic=0", "--write-timeout=5s"]);
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| unread(server.address(), &get("/metrics"), REQUESTS))
        .collect();
    let start = Instant::now();
    let mut most = 0;
    while start.elapsed() < TIMEOUT {
        most = most.max(resident_kib(server.pid()));
        assert!(most <= MAY_HOLD_KIB, "{most} KiB are resident");
        if write_timeouts(&server) == f64::from(CONNECTIONS) {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(write_timeouts(&server), f64::from(CONNECTIONS));
    // It was no use to wait: what was unsent has been given up.
    assert!(connections.iter().all(is_cut_off));
    server.metrics_when(TIMEOUT, "nothing else is in flight", |samples| {
        samples.sum("http_requests_in_flight", &[]) == 1.0
    });
}

/// Every place is held, by connections that do not read; monitoring goes on, and the
/// service is served to all again when they have been cut off.
#[test]
fn while_non_readers_hold_the_limit_probes_are_answered() {
    const LIMIT: usize = 100;
    let limit = LIMIT.to_string();
    let arguments = ["--traffic=0", "--delay=constant(0ms)", "--error-rate=0"];
    let timeout = ["--connection-limit", &limit, "--write-timeout", "10s"];
    let server = Server::start(&[&arguments[..], &timeout].concat());
    let request = get("/docs/swagger-ui-bundle.js");
    let connections: Vec<_> = (0..LIMIT)
        .map(|_| unread(server.address(), &request, 10))
        .collect();
    let start = Instant::now();
    while server.get("/random").status != 503 {
        assert!(start.elapsed() < TIMEOUT, "the limit is never reached");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    // More of the same do not take the reserve either.
    let more: Vec<_> = (0..LIMIT)
        .map(|_| unread(server.address(), &get("/metrics"), 10))
        .collect();
    let answer = http::get(server.address(), "/healthz", &[]);
    assert_eq!(answer.status, 200);

    let start = Instant::now();
    while server.get("/random").status != 200 {
        assert!(start.elapsed() < TIMEOUT, "non-readers are never cut off");
        thread::sleep(Duration::from_millis(50));
    }
    // Each had one answer in flight, which nobody read to its end.
    let bundle = ("route", "/docs/{file}");
    let samples = server.metrics_when(TIMEOUT, "all are cut off", |samples| {
        samples.value("http_requests_in_flight", &[bundle]) == 0.0
    });
    let count = |status| samples.sum("http_requests_total", &[bundle, ("status", status)]);
    assert_eq!((count("499"), count("200")), (100.0, 0.0));
    drop((connections, more));
}

/// A stream has no end: its watchers too are cut off, so that others may watch. Events of
/// each second would take a minute to fill the kernel's buffers; lists of alerts do it at
/// once.
#[test]
fn watchers_that_do_not_read_make_room_for_others() {
    const WATCHERS: usize = 64;
    let pager = Pager::start(&["--write-timeout=1s", "--watchdog-timeout=0s"]);
    let server = &pager.server;
    let unread: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let watcher = connect(server.address(), 1);
            (&watcher).write_all(&get("/live")).expect("it reads");
            watcher
        })
        .collect();
    let status = || {
        let mut watcher = TcpStream::connect(server.address()).expect("it listens");
        watcher.write_all(&get("/live")).expect("it reads");
        let mut start = [0; 12];
        watcher.read_exact(&mut start).expect("it answers");
        String::from_utf8_lossy(&start[9..]).into_owned()
    };
    server.metrics_when(TIMEOUT, "all watch", |samples| {
        samples.sum("http_requests_in_flight", &[("route", "/live")]) == 64.0
    });
    assert_eq!(status(), "503");
    for post in 0..30 {
        http::post(server.address(), "/alerts", &large_alerts::body(post));
    }
    let start = Instant::now();
    while status() != "200" {
        assert!(start.elapsed() < TIMEOUT, "they are never cut off");
        thread::sleep(Duration::from_millis(100));
    }
    drop(unread);
}

/// Slow is not hostile: who reads, however little at a time, gets all of it, and takes many
/// times the timeout for it.
#[test]
fn a_slow_reader_is_spared() {
    const ANSWERS: usize = 20;
    let server = Server::start(&["--traffic=0", "--write-timeout=1s"]);
    let path = "/docs/swagger-ui-bundle.js";
    let length = server.get(path).body.len() * ANSWERS;
    let mut stream = unread(server.address(), &get(path), ANSWERS);
    let start = Instant::now();
    let mut read = 0;
    // As long as it takes to see that no timeout of a second ends it.
    let pace = length / 100;
    let mut piece = vec![0; pace];
    while read < length {
        let count = stream.read(&mut piece).expect("it is not cut off");
        assert!(count > 0, "closed after {read} of {length} bytes");
        read += count;
        thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() > Duration::from_secs(4));
    assert_eq!(write_timeouts(&server), 0.0);
}
