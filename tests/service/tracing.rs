//! W3C Trace Context: a request's trace is its client's or a new one, and the same
//! in the answer, in the log and in the exemplars.
//!
//! Source: <https://www.w3.org/TR/trace-context/>.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::http;
use crate::support::samples::Samples;
use crate::support::server::Server;
use serde_json::Value;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn server() -> Server {
    let arguments = [
        "--traffic",
        "0",
        "--error-rate",
        "0",
        "--delay",
        "constant(1ms)",
        "--log",
        "debug",
    ];
    Server::start(&arguments)
}

/// Trace and span of the answer to a request with these headers.
fn answered(server: &Server, path: &str, headers: &[(&str, &str)]) -> (String, String) {
    let answer = http::get(server.address(), path, headers);
    let text = answer.header("traceparent").expect("every answer has one");
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else {
        panic!("{text}");
    };
    assert_eq!((version, flags), ("00", "01"), "{text}");
    for (part, digits) in [(trace, 32), (span, 16)] {
        let hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        assert!(
            hex && part.len() == digits && part.bytes().any(|b| b != b'0'),
            "{text}"
        );
    }
    (trace.to_owned(), span.to_owned())
}

/// The line of the log with this message in a span of this trace, once it is there.
fn logged(server: &Server, trace: &str, message: &str) -> Value {
    let start = Instant::now();
    loop {
        let log = server.log();
        let mut lines = log
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found =
            lines.find(|line| line["message"] == message && line["span"]["trace_id"] == trace);
        if let Some(line) = found {
            return line;
        }
        assert!(
            start.elapsed() < TIMEOUT,
            "no {message:?} of {trace} in {log:#?}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

fn exemplars(server: &Server, name: &str) -> HashSet<String> {
    let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
    let answer = http::get(server.address(), "/metrics", &accept);
    Samples::parse(answer.text())
        .select(name, &[])
        .filter_map(|sample| sample.exemplar.as_ref())
        .map(|exemplar| exemplar["trace_id"].clone())
        .collect()
}

#[test]
fn a_clients_trace_goes_on_in_answer_log_and_exemplar() {
    let server = server();
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let (trace, span) = answered(&server, "/random", &[("traceparent", &parent)]);
    assert_eq!(trace, TRACE);
    assert_ne!(span, SPAN, "the answer names its own span");

    let line = logged(&server, TRACE, "answered");
    assert_eq!(line["status"], 200);
    assert_eq!(
        (&line["span"]["route"], &line["span"]["method"]),
        (&"/random".into(), &"GET".into())
    );

    for name in [
        "http_request_duration_seconds_bucket",
        "random_value_bucket",
    ] {
        let start = Instant::now();
        while !exemplars(&server, name).contains(TRACE) {
            assert!(
                start.elapsed() < TIMEOUT,
                "no exemplar of {TRACE} in {name}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn traces_go_on_whatever_becomes_of_the_request() {
    let server = server();
    let parent = format!("00-{TRACE}-{SPAN}-00");
    for (path, status) in [
        ("/nowhere", 404),
        ("/healthz", 200),
        ("/control/faults", 200),
    ] {
        let answer = http::get(server.address(), path, &[("traceparent", &parent)]);
        assert_eq!(answer.status, status);
        assert!(
            answer.header("traceparent").unwrap().contains(TRACE),
            "{path}"
        );
    }
    let answer = http::request(
        server.address(),
        "PATCH",
        "/control/faults",
        &[
            ("content-type", "application/json"),
            ("traceparent", &parent),
        ],
        b"{\"panic_rate\": 1}",
    );
    assert_eq!(answer.status, 200);
    // What a request changed, and why it panicked, stands in its span.
    logged(&server, TRACE, "faults changed");

    let other = "1".repeat(32);
    let parent = format!("00-{other}-{SPAN}-01");
    let (trace, _) = answered(&server, "/random", &[("traceparent", &parent)]);
    assert_eq!(trace, other);
    logged(&server, &other, "panicked");
}

#[test]
fn without_a_valid_parent_each_request_begins_its_own_trace() {
    let server = server();
    let valid = format!("00-{TRACE}-{SPAN}-01");
    let zeros = "0".repeat(32);
    let upper = TRACE.to_uppercase();
    let mut traces = HashSet::new();
    let mut fresh = |headers: &[(&str, &str)]| {
        let (trace, _) = answered(&server, "/random", headers);
        assert_ne!(trace, TRACE, "{headers:?}");
        assert!(traces.insert(trace), "{headers:?}: given before");
    };
    for _ in 0..50 {
        fresh(&[]);
    }
    for invalid in [
        "",
        "garbage",
        &format!("00-{zeros}-{SPAN}-01"),
        &format!("00-{TRACE}-0000000000000000-01"),
        &format!("00-{upper}-{SPAN}-01"),
        &format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!("0-{TRACE}-{SPAN}-01"),
        &format!("00-{TRACE}-{SPAN}"),
        &format!("00-{TRACE}-{SPAN}-1"),
        &format!("00-{TRACE}-{SPAN}-01-more"),
        &format!("00-{TRACE}0-{SPAN}-01"),
        &format!("00_{TRACE}_{SPAN}_01"),
        &format!("{valid}, {valid}"),
        &"0".repeat(8_000),
    ] {
        fresh(&[("traceparent", invalid)]);
    }
    // Of two none is known to be right.
    fresh(&[("traceparent", &valid), ("traceparent", &valid)]);

    // A later version is read as far as it is known; the name has no case.
    for (name, value) in [
        (
            "traceparent",
            format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"),
        ),
        ("TraceParent", valid.clone()),
        ("traceparent", format!("  {valid}  ")),
    ] {
        assert_eq!(
            answered(&server, "/random", &[(name, &value)]).0,
            TRACE,
            "{value}"
        );
    }
}
