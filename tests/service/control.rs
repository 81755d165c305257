//! `/control`: what is set there affects `/random` and nothing else, and is logged. Who may
//! set it is in `access`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::http::{self, Answer};
use crate::support::server::Server;
use serde_json::{Value, json};

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let address = ([127, 0, 0, 1], server.address().port()).into();
    http::request(address, method, path, &[JSON], body.as_bytes())
}

fn change(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let answer = send(server, method, path, body);
    assert_eq!(
        answer.status,
        200,
        "{method} {path} {body}: {}",
        answer.text()
    );
    answer.json()
}

/// The last of this many log lines with this message, once they are there.
pub(super) fn logged(server: &Server, message: &str, times: usize) -> Value {
    let start = Instant::now();
    loop {
        let log = server.log();
        let lines = log
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut found: Vec<_> = lines.filter(|line| line["message"] == message).collect();
        assert!(found.len() <= times, "{message:?} too often in {log:#?}");
        if found.len() == times {
            return found.pop().expect("it is asked for at least one");
        }
        assert!(start.elapsed() < TIMEOUT, "no {message:?} in {log:#?}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub(super) fn steady(further: &[&str]) -> Server {
    let steady = [
        "--traffic",
        "0",
        "--error-rate",
        "0",
        "--delay",
        "constant(0ms)",
    ];
    Server::start(&[&steady, further].concat())
}

#[test]
fn faults_hold_from_the_next_request_on_and_are_logged() {
    let server = steady(&["--value", "constant(7)"]);
    assert_eq!(server.get("/random").json(), json!({ "random": 7.0 }));

    let state = change(
        &server,
        "PATCH",
        "/control/faults",
        &json!({ "value": "constant(42)" }),
    );
    assert_eq!(
        state,
        json!({ "error_rate": 0.0, "panic_rate": 0.0, "delay": "constant(0s)", "value": "constant(42)", "mystery": null })
    );
    assert_eq!(server.get("/control/faults").json(), state);
    assert_eq!(server.get("/random").json(), json!({ "random": 42.0 }));

    change(
        &server,
        "PATCH",
        "/control/faults",
        &json!({ "delay": "constant(300ms)" }),
    );
    let start = Instant::now();
    assert_eq!(server.get("/random").status, 200);
    // It cannot be quicker than its distribution; how much slower is not asserted.
    assert!(start.elapsed() >= Duration::from_millis(300));

    let state = change(
        &server,
        "PATCH",
        "/control/faults",
        &json!({ "error_rate": 1 }),
    );
    assert_eq!(state["delay"], "constant(300ms)", "what is left out stays");
    let start = Instant::now();
    let answer = server.get("/random");
    assert_eq!(answer.status, 500);
    assert!(answer.json()["detail"].is_string(), "{}", answer.text());
    assert!(
        start.elapsed() >= Duration::from_millis(300),
        "errors have their delay too"
    );

    let line = logged(&server, "faults changed", 3);
    assert_eq!(
        (&line["error_rate"], &line["delay"]),
        (&json!(1.0), &json!("constant(300ms)"))
    );
    assert_eq!(line["value"], "constant(42)");

    change(
        &server,
        "PATCH",
        "/control/faults",
        &json!({ "delay": "constant(0s)", "panic_rate": 1 }),
    );
    let answer = server.get("/random");
    assert_eq!(
        (answer.status, answer.json()),
        (500, json!({ "detail": "Internal Server Error" }))
    );
    server.metrics_when(TIMEOUT, "the panic is counted", |samples| {
        samples.value("http_request_panics_total", &[("route", "/random")]) == 1.0
    });

    // Nothing at all is no change, and no mistake.
    change(
        &server,
        "PATCH",
        "/control/faults",
        &json!({ "error_rate": 0, "panic_rate": 0 }),
    );
    change(&server, "PATCH", "/control/faults", &json!({}));
    assert_eq!(server.get("/random").json(), json!({ "random": 42.0 }));
}

#[test]
fn metrics_probes_pages_and_control_stay_whole_under_every_fault() {
    let server = steady(&["--concurrency-limit", "1", "--queue-limit", "0"]);
    let faults = json!({ "error_rate": 1, "panic_rate": 1, "delay": "constant(60s)" });
    change(&server, "PATCH", "/control/faults", &faults);
    let address = server.address();
    // Nobody waits for its answer: it ends with the server.
    thread::spawn(move || http::raw(address, b"GET /random HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    server.metrics_when(TIMEOUT, "it is full", |samples| {
        samples.value("saturation_ratio", &[("resource", "concurrency")]) == 1.0
    });
    assert_eq!(server.get("/random").status, 503);

    for _ in 0..20 {
        for path in [
            "/",
            "/metrics",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/docs/index.html",
            "/control/faults",
            "/control/traffic",
            "/control/mystery",
            "/control/incident",
        ] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
    }
    let in_flight = [("route", "/random")];
    assert_eq!(
        server
            .metrics()
            .value("http_requests_in_flight", &in_flight),
        1.0
    );
    // And so it can be undone while it is on.
    let faults = json!({ "error_rate": 0, "panic_rate": 0, "delay": "constant(0s)" });
    change(&server, "PATCH", "/control/faults", &faults);
    change(
        &server,
        "PUT",
        "/control/incident",
        &json!({ "kind": "all-slow" }),
    );
    change(&server, "DELETE", "/control/incident", &Value::Null);
}

#[test]
fn traffic_and_incidents_are_shown_changed_and_logged() {
    let server = steady(&[]);
    assert_eq!(
        change(
            &server,
            "PATCH",
            "/control/traffic",
            &json!({ "rate": 2.5 })
        ),
        json!({ "rate": 2.5 })
    );
    assert_eq!(
        server.get("/control/traffic").json(),
        json!({ "rate": 2.5 })
    );
    assert_eq!(logged(&server, "traffic changed", 1)["rate"], 2.5);
    change(&server, "PATCH", "/control/traffic", &json!({ "rate": 0 }));

    let state = |state: &str, kind: Value| json!({ "state": state, "kind": kind, "game": null, "was": null, "revealed": null });
    let idle = state("idle", Value::Null);
    assert_eq!(server.get("/control/incident").json(), idle);
    for (times, kind) in (1..).zip(["slow-tail", "errors", "more-traffic", "all-slow"]) {
        let running = state("running", json!(kind));
        assert_eq!(
            change(
                &server,
                "PUT",
                "/control/incident",
                &json!({ "kind": kind })
            ),
            running
        );
        assert_eq!(server.get("/control/incident").json(), running);
        assert_eq!(logged(&server, "incident started", times)["kind"], kind);
    }
    let ended = change(&server, "DELETE", "/control/incident", &Value::Null);
    assert_eq!(ended["state"], "idle");
    assert!(
        ended["was"].as_str().unwrap().starts_with("all-slow: "),
        "{ended}"
    );
    assert_eq!(logged(&server, "incident ended", 1)["was"], ended["was"]);
    // Ending what has ended is no mistake.
    assert_eq!(
        change(&server, "DELETE", "/control/incident", &Value::Null),
        idle
    );
    assert_eq!(server.get("/control/incident").json(), idle);
}

/// 200 requests fail at 20% each: that none does, or all do, has a probability
/// of less than 0.8^200 < 1e-19.
#[test]
fn an_incident_bends_what_is_served_until_it_ends() {
    let server = steady(&["--seed", "1"]);
    let failed = || {
        (0..200)
            .filter(|_| server.get("/random").status == 500)
            .count()
    };
    assert_eq!(failed(), 0);
    change(
        &server,
        "PUT",
        "/control/incident",
        &json!({ "kind": "errors" }),
    );
    let during = failed();
    assert!((1..200).contains(&during), "{during}");
    // It is not in the settings, which would give it away.
    assert_eq!(server.get("/control/faults").json()["error_rate"], 0.0);
    change(&server, "DELETE", "/control/incident", &Value::Null);
    assert_eq!(failed(), 0);
}

#[test]
fn an_error_repeats_little_of_what_was_sent() {
    let server = steady(&[]);
    let unknown: serde_json::Map<_, _> = (0..12_000).map(|n| (format!("f{n}"), json!(0))).collect();
    for (method, path, body) in [
        ("PATCH", "/control/faults", Value::Object(unknown)),
        (
            "PATCH",
            "/control/faults",
            json!({ "delay": "x".repeat(200_000) }),
        ),
        (
            "PATCH",
            "/control/traffic",
            json!({ "rate": "x".repeat(200_000) }),
        ),
        (
            "PATCH",
            "/control/faults",
            json!({ "x".repeat(200_000): 1 }),
        ),
        (
            "PUT",
            "/control/mystery",
            json!({ "name": "x".repeat(200_000) }),
        ),
        (
            "PUT",
            "/control/incident",
            json!({ "kind": "x".repeat(200_000) }),
        ),
    ] {
        let answer = send(&server, method, path, &body);
        assert_eq!(answer.status, 422, "{method} {path}: {}", answer.text());
        assert!(
            answer.body.len() < 2_000,
            "{method} {path}: {}",
            answer.text()
        );
    }
}

/// The same by command line, by the API, and by the file of a mystery: there is one type.
#[test]
fn values_end_where_their_sum_stays_useful() {
    let server = steady(&[]);
    for value in ["constant(1e9)", "pareto(scale=1e9, shape=0.1)"] {
        let answer = send(
            &server,
            "PATCH",
            "/control/faults",
            &json!({ "value": value }),
        );
        let error = answer.json()["detail"][0].clone();
        assert_eq!(
            (answer.status, &error["loc"]),
            (422, &json!(["body", "value"]))
        );
        let msg = error["msg"].as_str().unwrap();
        assert!(
            msg.contains(value) && msg.contains("-1000000 to 1000000"),
            "{msg}"
        );
    }
    // The largest that there may be leave the sum of small ones whole.
    for (value, sum) in [("constant(1e6)", 5e6), ("constant(0.5)", 5e6 + 2.5)] {
        change(
            &server,
            "PATCH",
            "/control/faults",
            &json!({ "value": value }),
        );
        for _ in 0..5 {
            assert_eq!(server.get("/random").status, 200);
        }
        server.metrics_when(TIMEOUT, "all are summed", |samples| {
            samples.value("random_value_sum", &[]) == sum
        });
    }
}
