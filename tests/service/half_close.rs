//! Clients that close their sending side. Some still wait for their answer, as `nc -N` and
//! socat do, and get it; some have gone, and are counted as cancelled. TCP says the same of
//! both.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use crate::support::http;
use crate::support::raw_http::*;
use crate::support::samples::Samples;
use crate::support::server::Server;

fn delayed(delay: &str) -> Server {
    quiet(&["--delay", delay, "--request-timeout", "5m"])
}

/// Requests of `/random` and its methods that ended with this status.
fn counted(samples: &Samples, status: &str) -> f64 {
    let labels = [("route", "/random"), ("status", status)];
    samples.sum("http_requests_total", &labels)
}

fn in_flight(samples: &Samples) -> f64 {
    samples.value("http_requests_in_flight", &[("route", "/random")])
}

/// Sends these bytes and then nothing more, and returns all that is answered.
fn half_closed(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let stream = connect(server.address());
    (&stream).write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    // A reset would be an error here.
    (&stream)
        .read_to_end(&mut answer)
        .expect("it is closed in order");
    answer
}

#[test]
fn who_only_stops_sending_is_answered() {
    for delay in ["constant(0ms)", "constant(300ms)"] {
        let server = delayed(delay);
        let before = open_now(&server);
        let counted_before = counted(&server.metrics(), "200");
        for version in ["1.0", "1.1"] {
            let request = format!("GET /random HTTP/{version}\r\nhost: localhost\r\n\r\n");
            let answer = String::from_utf8(half_closed(&server, request.as_bytes())).unwrap();
            let head = format!("HTTP/{version} 200 OK\r\n");
            assert!(answer.starts_with(&head), "{delay}: {answer:?}");
            assert!(answer.ends_with('}'), "{delay}: {answer:?}");
        }
        // All that were sent before the end, one after the other.
        let request = head("GET", "/random", "");
        let answers = half_closed(&server, request.repeat(3).as_bytes());
        let answers = String::from_utf8(answers).unwrap();
        assert_eq!(
            answers.matches("HTTP/1.1 200 OK\r\n").count(),
            3,
            "{answers:?}"
        );

        let samples = server.metrics();
        assert_eq!(counted(&samples, "200"), counted_before + 5.0);
        assert_eq!(counted(&samples, "499"), 0.0);
        nothing_remains(&server, before);
    }
}

#[test]
fn whatever_it_asked_and_however_large_the_answer() {
    let server = quiet(&[]);
    let before = open_now(&server);
    let body = r#"{"rate": 0}"#;
    let length = format!("content-length: {}\r\n", body.len());
    for (request, expected) in [
        (head("PATCH", "/control/traffic", &length) + body, 200),
        (head("GET", "/no/such/path", ""), 404),
        (head("DELETE", "/random", ""), 405),
        (head("GET", "/metrics", ""), 200),
    ] {
        let answer = http::parse(&half_closed(&server, request.as_bytes()));
        assert_eq!(
            answer.expect("it is answered").status,
            expected,
            "{request}"
        );
    }
    let path = "/docs/swagger-ui-bundle.js";
    let whole = server.get(path).body;
    let answer = half_closed(&server, head("GET", path, "").as_bytes());
    assert!(
        http::parse(&answer).unwrap().body == whole,
        "it is not whole"
    );
    nothing_remains(&server, before);
}

/// A stream has no end that could be waited for: its watcher gets what there is until it
/// goes away, which is then noticed with the next event.
#[test]
fn a_watcher_that_stops_sending_still_watches() {
    let server = quiet(&[]);
    let before = open_now(&server);
    let stream = connect(server.address());
    (&stream)
        .write_all(head("GET", "/live", "").as_bytes())
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut events = Vec::new();
    let mut buffer = [0; 4096];
    while String::from_utf8_lossy(&events)
        .matches("event: points")
        .count()
        < 3
    {
        let length = (&stream).read(&mut buffer).unwrap();
        assert!(length > 0, "{:?}", String::from_utf8_lossy(&events));
        events.extend_from_slice(&buffer[..length]);
    }
    drop(stream);
    nothing_remains(&server, before);
}

/// Of a client that has gone nothing but the close is seen, as of one that waits; it is
/// noticed all the same, long before its answer would come.
#[test]
fn who_goes_away_is_cancelled_long_before_its_answer_is_there() {
    let server = delayed("constant(60s)");
    let request = head("GET", "/random", "");
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let stream = connect(server.address());
            (&stream).write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    server.metrics_when(TIMEOUT, "all are in flight", |samples| {
        in_flight(samples) == 20.0
    });
    // One that waits still, and holds no other up.
    let waiting = connect(server.address());
    (&waiting).write_all(request.as_bytes()).unwrap();
    waiting.shutdown(Shutdown::Write).unwrap();
    // The first byte of its answer shows that its end was noticed.
    (&waiting).read_exact(&mut [0]).unwrap();
    drop(clients);
    let samples = server.metrics_when(TIMEOUT, "all have been noticed", |samples| {
        in_flight(samples) == 1.0
    });
    assert_eq!(counted(&samples, "499"), 20.0);
    assert_eq!(counted(&samples, "200"), 0.0);
}

#[test]
fn gone_in_the_middle_of_a_body_is_cancelled() {
    let server = quiet(&[]);
    let before = open_now(&server);
    for body in [
        "content-length: 100\r\n\r\n{\"version\":",
        "transfer-encoding: chunked\r\n\r\n5\r\n{\"ver\r\n",
        "content-length: 100\r\n\r\n",
    ] {
        let request = head("PATCH", "/control/faults", "");
        let request = request.strip_suffix("\r\n").unwrap().to_owned() + body;
        assert_eq!(half_closed(&server, request.as_bytes()), b"", "{body}");
        let stream = connect(server.address());
        (&stream).write_all(request.as_bytes()).unwrap();
        drop(stream);
    }
    nothing_remains(&server, before);
    let samples = server.metrics();
    let of = |status| {
        let labels = [("route", "/control/faults"), ("status", status)];
        samples.sum("http_requests_total", &labels)
    };
    assert_eq!((of("499"), of("400")), (6.0, 0.0));
}
