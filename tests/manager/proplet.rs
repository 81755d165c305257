//! The document's manual test, from beginning to end: broker, proplet, manager,
//! curl and `mosquitto_sub`, all of them real.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Command, Stdio};

use crate::support::manager::{Directory, Manager, topic};
use crate::support::mosquitto::{Mosquitto, Subscriber};
use crate::support::peers;
use crate::support::proplet::Running;
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn the_manual_test_runs_as_written() {
    let (Some(mosquitto), Some(sub)) =
        (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "max_queued_messages 0\n");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let metrics = "m/+/c/+/control/proplet/metrics";
    let seen = Subscriber::start(
        &sub,
        broker.address(),
        &[metrics, "m/+/c/+/control/proplet/task_metrics"],
    );

    // Start proplet
    let proplet = Running::proplet(broker.address(), &[]);
    manager.get_when("/proplets", "the proplet lives", |page| {
        page["proplets"][0]["id"] == "p" && page["proplets"][0]["alive"] == true
    });
    // Submit a task
    let port = manager.server.address().port();
    let curl = format!(
        r#"curl -s -X POST http://localhost:{port}/tasks \
  -H "Content-Type: application/json" \
  -d '{{
    "id": "test-123",
    "name": "compute",
    "file": "...",
    "monitoring_profile": {{
      "enabled": true,
      "interval": 5000000000,
      "export_to_mqtt": true
    }}
  }}'"#
    );
    let output = Command::new("sh")
        .args(["-c", &curl])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let created: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(created["state"], "starting", "{created:#}");
    // Monitor metrics
    seen.json_when(&topic("metrics"), "the proplet's metrics", |seen| {
        !seen.is_empty()
    });
    let task = seen.json_when(&topic("task_metrics"), "the task's metrics", |seen| {
        seen.len() >= 2
    });
    assert_eq!(task[0]["task_id"], "test-123");

    manager.get_when("/tasks/test-123", "it runs", |task| {
        task["state"] == "running"
    });
    let page = manager.get_when("/tasks/test-123/metrics", "two samples", |page| {
        page["total"].as_u64() >= Some(2)
    });
    // What the API answers is what went over the wire.
    let on_the_wire = seen.json(&topic("task_metrics"));
    for sample in page["metrics"].as_array().unwrap() {
        let at = sample["timestamp"].as_str().unwrap();
        let sent = on_the_wire
            .iter()
            .find(|sent| sent["timestamp"].as_str() == Some(at));
        let sent = sent.unwrap_or_else(|| panic!("{at} is none of {on_the_wire:#?}"));
        let mut expected = sent["metrics"].clone();
        expected.as_object_mut().unwrap().remove("timestamp");
        assert_eq!(sample["metrics"], expected);
        assert_eq!(sample["aggregated"], sent["aggregated"]);
    }
    // Half of a core, if the machine has it to give.
    let labels = [("proplet", "p"), ("task", "test-123")];
    let metrics = manager.metrics_when("the processor is measured", |metrics| {
        metrics
            .select("proplet_task_cpu_ratio", &labels)
            .any(|sample| sample.value > 0.01)
    });
    assert!(metrics.value("proplet_task_threads", &labels) >= 1.0);
    assert_eq!(metrics.sum("manager_messages_rejected_total", &[]), 0.0);

    assert_eq!(
        manager.request("POST", "/tasks/test-123/stop", None).status,
        200
    );
    assert_eq!(manager.get("/tasks/test-123")["state"], "stopped");
    // Its last will.
    proplet.signal(Signal::KILL);
    manager.get_when("/proplets/p", "it is known to be gone", |proplet| {
        proplet["alive"] == false
    });
}

/// A batch of as many samples as it may have would be beyond what a manager takes.
#[test]
fn a_batch_is_never_more_than_the_manager_takes() {
    let Some(mosquitto) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "max_queued_messages 0\n");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let watched: Vec<_> = (0..100)
        .map(|number| format!("t{number}={}", std::process::id()))
        .collect();
    let mut arguments = vec![
        "--batch",
        "1000",
        "--batch-delay",
        "1h",
        "--compression",
        "gzip",
    ];
    arguments.extend(["--watch-profile", r#"{"interval": "100ms"}"#]);
    arguments.extend(watched.iter().flat_map(|watched| ["--watch", watched]));
    let _proplet = Running::proplet(broker.address(), &arguments);
    let metrics = manager.metrics_when("more than a batch may have", |metrics| {
        metrics.value("manager_messages_total", &[("kind", "task_metrics")]) > 1_000.0
            || metrics.sum("manager_messages_rejected_total", &[]) > 0.0
    });
    assert_eq!(metrics.sum("manager_messages_rejected_total", &[]), 0.0);
}

/// The broker that is killed forgets who subscribes. What proplets have kept must not
/// reach it before the manager does.
#[test]
fn an_outage_of_the_broker_costs_no_sample_from_end_to_end() {
    const TASKS: usize = 20;

    let Some(mosquitto) = peers::require("mosquitto") else {
        return;
    };
    let mut broker = Mosquitto::start(&mosquitto, "max_queued_messages 0\n");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let watched: Vec<_> = (0..TASKS)
        .map(|number| format!("t{number}={}", std::process::id()))
        .collect();
    // Longer than it waits by default, for a machine that is busy.
    let mut arguments = vec!["--reconnect-grace", "8s"];
    arguments.extend([
        "--watch-profile",
        r#"{"interval": "100ms", "history_size": 10000}"#,
    ]);
    arguments.extend(watched.iter().flat_map(|watched| ["--watch", watched]));
    let proplet = Running::proplet(broker.address(), &arguments);
    let taken = |at_least: f64| {
        manager.metrics_when("samples", |metrics| {
            metrics.value("manager_messages_total", &[("kind", "task_metrics")]) >= at_least
        })
    };
    taken(10.0 * TASKS as f64);
    broker.kill();
    manager.metrics_when("it is noticed", |metrics| {
        metrics.value("manager_broker_connected", &[]) == 0.0
    });
    broker.restart();
    taken(60.0 * TASKS as f64);
    drop(proplet);
    for number in 0..TASKS {
        let page = manager.get(&format!("/tasks/t{number}/metrics?limit=1000"));
        let samples = page["metrics"].as_array().unwrap();
        let mut numbers: Vec<_> = samples
            .iter()
            .map(|sample| sample["aggregated"]["sample_count"].as_u64().unwrap())
            .collect();
        numbers.reverse();
        let all: Vec<_> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, all, "t{number}");
    }
}
