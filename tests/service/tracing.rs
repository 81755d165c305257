//! W3C Trace Context: a request's trace is its client's or a new one, and the same
//! in the log, in the exemplars and in the answer to a client that sent one.
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

/// Trace and span of the answer to a request with these headers, one of which is a
/// `traceparent`.
fn answered(server: &Server, path: &str, headers: &[(&str, &str)]) -> (String, String) {
    let answer = http::get(server.address(), path, headers);
    let text = answer.header("traceparent").expect("the request has one");
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

/// The traces of these lines of the log, once there are so many, each trace once.
fn wait_for_lines(server: &Server, count: usize, of: impl Fn(&Value) -> bool) -> HashSet<String> {
    let start = Instant::now();
    loop {
        let log = server.log();
        let traces: Vec<_> = log
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(&of)
            .filter_map(|line| Some(line["trace_id"].as_str()?.to_owned()))
            .collect();
        let each: HashSet<_> = traces.iter().cloned().collect();
        assert_eq!(each.len(), traces.len(), "a trace twice: {traces:?}");
        if traces.len() >= count {
            return each;
        }
        assert!(start.elapsed() < TIMEOUT, "{} of {count}", traces.len());
        thread::sleep(Duration::from_millis(5));
    }
}

/// The line of the log with this message in a request of this trace, once it is there.
fn logged(server: &Server, trace: &str, message: &str) -> Value {
    let start = Instant::now();
    loop {
        let log = server.log();
        let mut lines = log
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.find(|line| line["message"] == message && line["trace_id"] == trace);
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
        (&line["route"], &line["method"]),
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
    // What a request changed, and why it panicked, stands in a line with its trace.
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

    // Who sends none gets none, and has a trace all the same.
    for _ in 0..50 {
        let answer = http::get(server.address(), "/docs", &[]);
        assert_eq!((answer.status, answer.header("traceparent")), (307, None));
    }
    let begun = wait_for_lines(&server, 50, |line| {
        line["message"] == "answered" && line["route"] == "/docs"
    });
    traces.extend(begun);
    assert_eq!(traces.len(), 50 + 16);

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

#[test]
fn requests_that_wait_at_the_same_time_log_their_own_traces() {
    const REQUESTS: u32 = 64;

    let server = server();
    // Each waits, so that every thread works on many of them in turn, and then panics.
    let change = serde_json::json!({"delay": "uniform(1ms, 40ms)", "panic_rate": 1});
    let changed = http::request(
        server.address(),
        "PATCH",
        "/control/faults",
        &[("content-type", "application/json")],
        change.to_string().as_bytes(),
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    let traces: HashSet<_> = (1..=REQUESTS).map(|n| format!("{n:032x}")).collect();
    thread::scope(|scope| {
        for trace in &traces {
            let server = &server;
            scope.spawn(move || {
                let parent = format!("00-{trace}-{SPAN}-01");
                let answer = http::get(server.address(), "/random", &[("traceparent", &parent)]);
                assert_eq!(answer.status, 500);
                assert!(answer.header("traceparent").unwrap().contains(trace));
            });
        }
    });
    for message in ["panicked", "answered"] {
        let logged = wait_for_lines(&server, traces.len(), |line| {
            line["message"] == message && line["route"] == "/random"
        });
        assert_eq!(logged, traces, "{message}");
    }
}
