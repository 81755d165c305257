//! Every request is counted once, and in the right place, whatever way it ends: with
//! an answer, a failure, a panic, a timeout, shed, or without its client.
//!
//! What is counted is compared with what the client saw. No test waits for a count that
//! must be there when the answer has arrived: a request is counted before the last byte
//! of its answer is sent.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::TIMEOUT;
use crate::support::connection::{self, Connection};
use crate::support::http;
use crate::support::peers;
use crate::support::samples::Samples;
use crate::support::server::Server;
use serde_json::json;

const RANDOM: &[(&str, &str)] = &[("route", "/random")];

/// What was counted of `/random`, all that is not 0: the requests by method and status,
/// and the histogram's by method and outcome.
fn counted(samples: &Samples) -> BTreeMap<String, u64> {
    let label = |sample: &crate::support::samples::Sample, name: &str| sample.labels[name].clone();
    let requests = samples.select("http_requests_total", RANDOM).map(|sample| {
        (
            format!("{} {}", label(sample, "method"), label(sample, "status")),
            sample,
        )
    });
    let durations = samples
        .select("http_request_duration_seconds_count", RANDOM)
        .map(|sample| {
            (
                format!("{} {}", label(sample, "method"), label(sample, "outcome")),
                sample,
            )
        });
    let causes = ["shed", "timeouts", "panics"]
        .into_iter()
        .flat_map(|cause| {
            let name = match cause {
                "shed" => "http_requests_shed_total",
                "timeouts" => "http_request_timeouts_total",
                _ => "http_request_panics_total",
            };
            // Of all routes: none but /random may have failed.
            samples
                .select(name, &[])
                .map(move |sample| (format!("{cause} {}", label(sample, "route")), sample))
        });
    requests
        .chain(durations)
        .chain(causes)
        .filter(|(_, sample)| sample.value != 0.0)
        .map(|(what, sample)| (what, whole(sample.value)))
        .collect()
}

/// A count as the whole number that it must be.
fn whole(value: f64) -> u64 {
    assert!(value >= 0.0 && value.fract() == 0.0, "{value} is no count");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "just checked"
    )]
    let whole = value as u64;
    whole
}

fn expected<const N: usize>(counts: [(&str, u64); N]) -> BTreeMap<String, u64> {
    counts.map(|(what, count)| (what.to_owned(), count)).into()
}

fn in_flight(samples: &Samples) -> f64 {
    samples.value("http_requests_in_flight", RANDOM)
}

fn saturation(samples: &Samples, resource: &str) -> f64 {
    samples.value("saturation_ratio", &[("resource", resource)])
}

fn change_faults(server: &Server, change: &serde_json::Value) {
    let answer = http::request(
        server.address(),
        "PATCH",
        "/control/faults",
        &[("content-type", "application/json")],
        change.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn ten_thousand_requests_by_hey_are_counted_as_hey_reports_them() {
    let Some(hey) = peers::require("hey") else {
        return;
    };
    let server = Server::start(&[
        "--traffic=0",
        "--delay=uniform(0ms, 4ms)",
        "--error-rate=0.1",
        "--seed=7",
    ]);
    // Fifty clients of two hundred requests each: hey sends only full shares.
    let output = Command::new(hey)
        .args(["-n", "10000", "-c", "50", &server.url("/random")])
        .output()
        .expect("hey is an executable file");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && !report.contains("Error distribution"),
        "{report}"
    );
    let (_, by_status) = report
        .split_once("Status code distribution:")
        .unwrap_or_else(|| panic!("{report}"));
    let by_status: BTreeMap<String, u64> = by_status
        .lines()
        .filter_map(|line| {
            let (status, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
            let count = rest.split_whitespace().next()?.parse().ok()?;
            Some((status.to_owned(), count))
        })
        .collect();
    assert_eq!(by_status.values().sum::<u64>(), 10_000, "{report}");
    let [succeeded, failed] = ["200", "500"].map(|status| by_status[status]);
    // 1,000 expected; 300 more or less is ten standard deviations.
    assert!((700..1_300).contains(&failed), "{report}");

    let samples = server.metrics();
    assert_eq!(
        counted(&samples),
        expected([
            ("GET 200", succeeded),
            ("GET 500", failed),
            ("GET success", succeeded),
            ("GET server_error", failed),
        ]),
        "{report}"
    );
    assert_eq!(in_flight(&samples), 0.0);
    assert_eq!(whole(samples.value("random_value_count", &[])), succeeded);
}

#[test]
fn each_request_of_a_kept_alive_connection_is_counted_pipelined_or_not() {
    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)", "--error-rate=0"]);
    let mut connection = Connection::open(server.address());
    for _ in 0..10 {
        connection.send(&connection::get("/random")).unwrap();
        assert_eq!(connection.receive(false).unwrap().0, 200);
    }
    connection
        .send(&connection::get("/random").repeat(90))
        .unwrap();
    for _ in 0..90 {
        assert_eq!(connection.receive(false).unwrap().0, 200);
    }
    let samples = server.metrics();
    assert_eq!(
        counted(&samples),
        expected([("GET 200", 100), ("GET success", 100)])
    );
    assert_eq!(in_flight(&samples), 0.0);
}

#[test]
fn head_is_counted_as_head_answered_or_not() {
    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)", "--error-rate=0"]);
    let head = b"HEAD /random HTTP/1.1\r\nhost: golden\r\n\r\n";
    let mut connection = Connection::open(server.address());
    connection.send(&head.repeat(3)).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.receive(true).unwrap().0, 200);
    }
    let samples = server.metrics();
    assert_eq!(
        counted(&samples),
        expected([("HEAD 200", 3), ("HEAD success", 3)])
    );
    assert_eq!(in_flight(&samples), 0.0);

    change_faults(&server, &json!({ "delay": "constant(30s)" }));
    connection.send(head).unwrap();
    server.metrics_when(TIMEOUT, "one in flight", |samples| {
        in_flight(samples) == 1.0
    });
    drop(connection);
    let samples = server.metrics_when(TIMEOUT, "none in flight", |samples| {
        in_flight(samples) == 0.0
    });
    assert_eq!(
        counted(&samples),
        expected([
            ("HEAD 200", 3),
            ("HEAD success", 3),
            ("HEAD 499", 1),
            ("HEAD cancelled", 1)
        ])
    );
}

#[test]
fn a_panic_is_counted_once_and_the_service_lives() {
    let server = Server::start(&["--traffic=0", "--delay=constant(1ms)", "--error-rate=0"]);
    change_faults(&server, &json!({ "panic_rate": 1 }));
    // The connection outlives its handlers too.
    let mut connection = Connection::open(server.address());
    for _ in 0..3 {
        connection.send(&connection::get("/random")).unwrap();
        let (status, body) = connection.receive(false).unwrap();
        assert_eq!(
            (status, body),
            (500, br#"{"detail":"Internal Server Error"}"#.as_slice())
        );
    }
    let panicked = [
        ("GET 500", 3),
        ("GET server_error", 3),
        ("panics /random", 3),
    ];
    let samples = server.metrics();
    assert_eq!(counted(&samples), expected(panicked));
    assert_eq!(in_flight(&samples), 0.0);

    change_faults(&server, &json!({ "panic_rate": 0 }));
    connection.send(&connection::get("/random")).unwrap();
    assert_eq!(connection.receive(false).unwrap().0, 200);
    let samples = server.metrics();
    let mut all = expected(panicked);
    all.extend(expected([("GET 200", 1), ("GET success", 1)]));
    assert_eq!(counted(&samples), all);
    // A panic gives back its place as any other end does.
    assert_eq!(saturation(&samples, "concurrency"), 0.0);
}

#[test]
fn a_timeout_is_counted_once_working_or_waiting() {
    let server = Server::start(&[
        "--traffic=0",
        "--delay=constant(30s)",
        "--error-rate=0",
        "--request-timeout=50ms",
        "--concurrency-limit=1",
        "--queue-limit=4",
    ]);
    // One works and four wait, as far as the earlier ones have not timed out yet.
    let mut connections: Vec<_> = (0..5).map(|_| Connection::open(server.address())).collect();
    for connection in &mut connections {
        connection.send(&connection::get("/random")).unwrap();
    }
    for connection in &mut connections {
        assert_eq!(connection.receive(false).unwrap().0, 504);
    }
    let samples = server.metrics();
    assert_eq!(
        counted(&samples),
        expected([
            ("GET 504", 5),
            ("GET server_error", 5),
            ("timeouts /random", 5)
        ])
    );
    assert_eq!(in_flight(&samples), 0.0);
    assert_eq!(saturation(&samples, "concurrency"), 0.0);
    assert_eq!(saturation(&samples, "queue"), 0.0);
}

#[test]
fn a_shed_request_is_counted_once_and_told_when_to_retry() {
    let server = Server::start(&[
        "--traffic=0",
        "--delay=constant(30s)",
        "--error-rate=0",
        "--concurrency-limit=1",
        "--queue-limit=0",
    ]);
    let mut working = Connection::open(server.address());
    working.send(&connection::get("/random")).unwrap();
    server.metrics_when(TIMEOUT, "one works", |samples| {
        saturation(samples, "concurrency") == 1.0
    });
    for _ in 0..3 {
        let answer = server.get("/random");
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.json()["detail"].is_string(), "{}", answer.text());
    }
    let shed = [("GET 503", 3), ("GET server_error", 3), ("shed /random", 3)];
    let samples = server.metrics();
    assert_eq!(counted(&samples), expected(shed));
    assert_eq!(in_flight(&samples), 1.0);
    // Without a queue there is none that could be full.
    assert_eq!(saturation(&samples, "queue"), 0.0);

    drop(working);
    let samples = server.metrics_when(TIMEOUT, "none in flight", |samples| {
        in_flight(samples) == 0.0
    });
    let mut all = expected(shed);
    all.extend(expected([("GET 499", 1), ("GET cancelled", 1)]));
    assert_eq!(counted(&samples), all);
}

#[test]
fn a_client_that_disconnects_while_waiting_is_cancelled_and_frees_its_place() {
    let server = Server::start(&[
        "--traffic=0",
        "--delay=constant(30s)",
        "--error-rate=0",
        "--concurrency-limit=1",
        "--queue-limit=1",
    ]);
    let request = connection::get("/random");
    let queue = |ratio: f64| {
        let what = format!("one works, the queue is {ratio} full");
        server.metrics_when(TIMEOUT, &what, |samples| {
            saturation(samples, "concurrency") == 1.0 && saturation(samples, "queue") == ratio
        })
    };
    let mut working = Connection::open(server.address());
    working.send(&request).unwrap();
    queue(0.0);
    let mut waiting = Connection::open(server.address());
    waiting.send(&request).unwrap();
    assert_eq!(in_flight(&queue(1.0)), 2.0);
    assert_eq!(server.get("/random").status, 503);

    drop(waiting);
    queue(0.0);
    let cancelled = server.metrics_when(TIMEOUT, "one in flight", |samples| {
        in_flight(samples) == 1.0
    });
    let so_far = [
        ("GET 503", 1),
        ("GET server_error", 1),
        ("shed /random", 1),
        ("GET 499", 1),
        ("GET cancelled", 1),
    ];
    assert_eq!(counted(&cancelled), expected(so_far));

    // The place in the queue is free again, and who waits there gets to work.
    let mut next = Connection::open(server.address());
    next.send(&request).unwrap();
    queue(1.0);
    change_faults(&server, &json!({ "delay": "constant(0ms)" }));
    drop(working);
    assert_eq!(next.receive(false).unwrap().0, 200);
    // Its place was free a moment before the cancelled request was counted.
    let samples = server.metrics_when(TIMEOUT, "none in flight", |samples| {
        in_flight(samples) == 0.0
    });
    assert_eq!(
        counted(&samples),
        expected([
            ("GET 200", 1),
            ("GET success", 1),
            ("GET 503", 1),
            ("GET server_error", 1),
            ("shed /random", 1),
            ("GET 499", 2),
            ("GET cancelled", 2),
        ])
    );
    assert_eq!(in_flight(&samples), 0.0);
    assert_eq!(saturation(&samples, "concurrency"), 0.0);
}
