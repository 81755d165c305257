//! The trace that a task belongs to, from the request that asks for it to its messages,
//! log lines and exemplars.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::http;
use crate::support::manager::{Directory, Manager};
use crate::support::proplet::{Running, broker, eventually, message_when, topic};
use serde_json::{Value, json};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_trace_is_followed_from_the_request_to_messages_logs_and_exemplars() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let log = directory.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args([
            "proplet",
            "--domain-id",
            "d",
            "--channel-id",
            "c",
            "--entity-id",
            "p",
        ])
        .args(["--mqtt-address", &broker.url(), "--log-format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let _proplet = Running::command(&mut command);
    manager.get_when("/proplets", "the proplet lives", |page| {
        page["proplets"][0]["alive"] == true
    });
    // One says it in its body, one in its request's header.
    let task = |id: &str| json!({"id": id, "name": "idle", "daemon": true, "monitoring_profile": "intensive"});
    let mut in_body = task("body");
    in_body["traceparent"] = json!(TRACEPARENT);
    assert_eq!(
        manager.request("POST", "/tasks", Some(&in_body)).status,
        201
    );
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", TRACEPARENT),
    ];
    let body = task("header").to_string();
    let address = manager.server.address();
    let answer = http::request(address, "POST", "/tasks", &headers, body.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut wrong = task("wrong");
    wrong["traceparent"] = json!("00-1-2-03");
    let refused = manager.request("POST", "/tasks", Some(&wrong));
    assert_eq!(refused.status, 422, "{}", refused.text());
    for id in ["body", "header"] {
        let sample = message_when(&subscriber, id, "a sample", |_| true);
        assert_eq!(sample["traceparent"], TRACEPARENT);
        assert_eq!(
            manager.get(&format!("/tasks/{id}"))["traceparent"],
            TRACEPARENT
        );
        let stopped = manager.request("POST", &format!("/tasks/{id}/stop"), None);
        assert_eq!(stopped.status, 200, "{}", stopped.text());
    }
    let results = topic("control/proplet/results");
    let results = subscriber.json_when(&results, "both end", |results| results.len() >= 2);
    assert!(
        results
            .iter()
            .all(|result| result["traceparent"] == TRACEPARENT),
        "{results:?}"
    );
    // In the log of both, as a field.
    let has = |line: &str, message: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let fields = line.get("fields").unwrap_or(&line).clone();
        fields["message"] == message && fields["trace_id"] == TRACE_ID
    };
    let proplet_said = |message: &str| {
        let text = std::fs::read_to_string(&log).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().filter(|line| has(line, message)).count()
    };
    eventually("both begin", || proplet_said("task begins") == 2);
    eventually("both end", || proplet_said("task has ended") == 2);
    let of_manager = manager.server.log();
    for message in ["task created", "task assigned"] {
        let said = of_manager.iter().filter(|line| has(line, message)).count();
        assert_eq!(said, 2, "{message}: {of_manager:#?}");
    }
    let metrics = http::get(
        manager.metrics_address(),
        "/metrics",
        &[("accept", "application/openmetrics-text;version=1.0.0")],
    );
    let metrics = crate::support::samples::Samples::parse(metrics.text());
    let labels = [("proplet", "p"), ("task", "body")];
    let sample = metrics
        .select("proplet_task_samples_total", &labels)
        .next()
        .unwrap();
    assert_eq!(sample.exemplar.as_ref().unwrap()["trace_id"], TRACE_ID);
}
