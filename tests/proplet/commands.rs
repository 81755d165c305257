//! Commands, how invalid ones are refused, and how tasks end.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};

use crate::support::mosquitto::{Mosquitto, Subscriber, publish};
use crate::support::peers;
use crate::support::proplet::{Running, children, eventually, of_task, topic};
use rustix::process::Signal;
use serde_json::{Value, json};

struct Scene {
    broker: Mosquitto,
    sub: PathBuf,
    subscriber: Subscriber,
    proplet: Running,
}

impl Scene {
    fn with(arguments: &[&str]) -> Option<Self> {
        let (Some(binary), Some(sub)) =
            (peers::require("mosquitto"), peers::require("mosquitto_sub"))
        else {
            return None;
        };
        let broker = Mosquitto::start(&binary, "");
        let subscriber = Subscriber::start(&sub, broker.address(), &["m/#"]);
        let proplet = Running::proplet(broker.address(), arguments);
        let scene = Self {
            broker,
            sub,
            subscriber,
            proplet,
        };
        // It subscribes before it says that it lives.
        let alive = topic("control/proplet/alive");
        scene
            .subscriber
            .json_when(&alive, "life", |all| !all.is_empty());
        Some(scene)
    }

    fn command(&self, which: &str, command: &Value) {
        let topic = topic(&format!("control/manager/{which}"));
        publish(
            &self.sub,
            self.broker.address(),
            &topic,
            &command.to_string(),
        );
    }

    fn result_of(&self, task_id: &str) -> Value {
        let of = |all: &[Value]| {
            all.iter()
                .find(|result| result["task_id"] == task_id)
                .cloned()
        };
        let results = topic("control/proplet/results");
        let all = self
            .subscriber
            .json_when(&results, task_id, |all| of(all).is_some());
        of(&all).expect("it was there a moment ago")
    }

    fn samples_of(&self, task_id: &str, at_least: usize) -> Vec<Value> {
        let metrics = topic("control/proplet/task_metrics");
        let all = self.subscriber.json_when(&metrics, task_id, |all| {
            of_task(all, task_id).len() >= at_least
        });
        of_task(&all, task_id).into_iter().cloned().collect()
    }
}

#[test]
fn the_documents_tasks_start_as_written_and_stop() {
    let Some(scene) = Scene::with(&[]) else {
        return;
    };
    let id = "550e8400-e29b-41d4-a716-446655440001";
    scene.command(
        "start",
        &json!({
            "id": id, "functionName": "compute",
            "imageURL": "registry.example.com/compute:v1", "daemon": false,
            "monitoringProfile": {
                "enabled": true, "interval": 10, "collect_cpu": true, "collect_memory": true,
                "export_to_mqtt": true, "retain_history": true, "history_size": 100
            }
        }),
    );
    let of_the_manual_test = json!({
        "id": "test-123", "name": "compute", "file": "...",
        "monitoring_profile": {"enabled": true, "interval": 5_000_000_000_u64, "export_to_mqtt": true}
    });
    scene.command("start", &of_the_manual_test);
    scene.samples_of(id, 1);
    // Five seconds, and not nanoseconds' years.
    scene.samples_of("test-123", 2);
    // At least once may be twice; with the same content it is the same command.
    scene.command("start", &of_the_manual_test);
    scene.command("stop", &json!({"id": "test-123"}));
    let result = scene.result_of("test-123");
    assert_eq!(
        result,
        json!({"task_id": "test-123", "proplet_id": "p", "results": "stopped", "error": null})
    );
    let last = scene.samples_of("test-123", 3);
    let count = last.last().unwrap()["aggregated"]["sample_count"]
        .as_u64()
        .unwrap();
    assert_eq!(count as usize, last.len());
    assert_eq!(children(scene.proplet.pid()).len(), 1);
}

#[test]
fn an_invalid_command_is_reported_and_nothing_starts() {
    let Some(scene) = Scene::with(&["--task-limit", "1"]) else {
        return;
    };
    for (command, expected) in [
        (
            json!({"id": "a", "name": "cpu", "monitoringProfile": {"interval": 0}}),
            "interval 0: must be 100ms to 24h",
        ),
        (
            json!({"id": "b", "name": "cpu", "monitoring_profile": {"colect_cpu": true}}),
            "did you mean \"collect_cpu\"?",
        ),
        (
            json!({"id": "c", "name": "/bin/sh"}),
            "must be one of the workloads",
        ),
        (
            json!({"id": "d", "name": "memory", "workload": {"kind": "memory", "bytes": "1 TB"}}),
            "bytes \"1 TB\": must be a whole number",
        ),
        (json!({"id": "e"}), "name null: is required"),
        (json!({"name": "cpu"}), "id null: is required"),
        (
            json!({"id": "f", "name": "cpu", "latent": true}),
            "latent true: is not supported",
        ),
    ] {
        scene.command("start", &command);
        let id = command["id"].as_str().unwrap_or_default();
        let result = scene.result_of(id);
        let error = result["error"].as_str().unwrap();
        assert!(error.contains(expected), "{command}: {error}");
        assert_eq!(result["results"], "");
    }
    // Propeller's manager waits for this one on a topic of its own.
    for (proplet, invocation) in [("another", "1"), ("p", "2")] {
        let command = json!({
            "id": "f", "broadcast": false, "proplet_id": proplet,
            "invocation_id": invocation, "inputs": null
        });
        scene.command("invoke", &command);
    }
    let answers = topic("control/proplet/invoke_results");
    let answers = scene
        .subscriber
        .json_when(&answers, "its answer", |all| !all.is_empty());
    assert_eq!(answers[0]["invocation_id"], "2");
    let error = answers[0]["error"].as_str().unwrap();
    assert!(error.contains("is not supported"), "{error}");
    let start = topic("control/manager/start");
    publish(&scene.sub, scene.broker.address(), &start, "{nonsense");
    publish(
        &scene.sub,
        scene.broker.address(),
        &start,
        &"x".repeat(300_000),
    );
    let results = topic("control/proplet/results");
    scene.subscriber.json_when(&results, "both", |all| {
        let told = |text: &str| {
            all.iter()
                .any(|result| result["error"].as_str().unwrap().contains(text))
        };
        told("must be JSON") && told("must be at most 262144 bytes")
    });
    assert!(children(scene.proplet.pid()).is_empty());
    // It takes good ones still, as many as it may, and only its own.
    scene.command(
        "start",
        &json!({"id": "other", "name": "idle", "proplet_id": "somebody else"}),
    );
    scene.command(
        "start",
        &json!({"id": "good", "name": "idle", "propletId": "p"}),
    );
    scene.samples_of("good", 1);
    scene.command("start", &json!({"id": "good", "name": "cpu"}));
    let error = scene.result_of("good")["error"].to_string();
    assert!(error.contains("already running"), "{error}");
    scene.command("start", &json!({"id": "many", "name": "idle"}));
    let error = scene.result_of("many")["error"].to_string();
    assert!(error.contains("exceeds the limit of"), "{error}");
    assert_eq!(children(scene.proplet.pid()).len(), 1);
}

#[test]
fn a_killed_task_is_reported_with_its_last_sample() {
    let task =
        json!({"id": "t", "name": "cpu", "daemon": true, "monitoring_profile": {"interval": "1h"}});
    let Some(scene) = Scene::with(&["--task", &task.to_string()]) else {
        return;
    };
    scene.samples_of("t", 1);
    let child = i32::try_from(children(scene.proplet.pid())[0]).unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    rustix::process::kill_process(child, Signal::KILL).unwrap();
    let error = scene.result_of("t")["error"].to_string();
    assert!(error.contains("signal: 9"), "{error}");
    assert_eq!(scene.samples_of("t", 2).len(), 2);
    assert!(children(scene.proplet.pid()).is_empty(), "it is reaped");
}

#[test]
fn a_killed_proplet_leaves_its_will_and_no_tasks() {
    let task =
        json!({"id": "t", "name": "idle", "daemon": true, "monitoring_profile": "intensive"});
    let Some(mut scene) = Scene::with(&["--task", &task.to_string()]) else {
        return;
    };
    scene.samples_of("t", 1);
    let children = children(scene.proplet.pid());
    assert_eq!(children.len(), 1);
    scene.proplet.signal(Signal::KILL);
    scene.proplet.wait();
    let alive = topic("control/proplet/alive");
    let will = json!({"proplet_id": "p", "status": "offline", "namespace": "default"});
    scene
        .subscriber
        .json_when(&alive, "the will", |all| all.contains(&will));
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", children[0]));
        // Whoever adopted it may not have reaped it yet.
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    eventually("its task is gone", gone);
}

/// As when the proplet is killed while its task starts: no signal comes then.
#[test]
#[cfg(target_os = "linux")]
fn a_task_whose_proplet_ended_before_it_began_ends_at_once() {
    let proplet = [("GOLDEN_PROPLET_PID", "1")];
    let mut task = Running::start(&["workload", r#"{"kind": "idle"}"#], &proplet);
    assert!(!task.wait().success());
}

#[test]
fn a_watched_process_that_ends_is_reported() {
    let mut process = Running::workload(&json!({"kind": "idle"}));
    let watched = format!("app={}", process.pid());
    let Some(scene) = Scene::with(&["--watch", &watched]) else {
        return;
    };
    scene.samples_of("app", 1);
    process.signal(Signal::KILL);
    process.wait();
    let result = scene.result_of("app");
    assert_eq!(
        (&result["results"], &result["error"]),
        (&json!("ended"), &Value::Null)
    );
    // One that is stopped by command is left alone.
    let other = Running::workload(&json!({"kind": "idle"}));
    drop(scene);
    let watched = format!("other={}", other.pid());
    let scene = Scene::with(&["--watch", &watched]).unwrap();
    scene.samples_of("other", 1);
    scene.command("stop", &json!({"id": "other"}));
    assert_eq!(scene.result_of("other")["results"], "no longer watched");
    assert!(Path::new(&format!("/proc/{}/stat", other.pid())).exists());
}
