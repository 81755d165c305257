//! A profile is followed: which metrics are sampled, and how often.
#![cfg(target_os = "linux")]

use crate::support::proplet::{
    Running, broker, children, eventually, message_when, number, of_task, topic,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

#[test]
fn a_task_shorter_than_its_interval_has_two_samples() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let task = json!({
        "id": "short", "name": "cpu",
        "workload": {"kind": "cpu", "percent": 100},
        "monitoringProfile": {"interval": "1h"}
    });
    let proplet = Running::proplet(broker.address(), &["--task", &task.to_string()]);
    // It ends once it has been sampled and has worked: however busy the machine is.
    message_when(&subscriber, "short", "the sample at its start", |_| true);
    let process = children(proplet.pid())[0];
    let worked = || {
        let text = std::fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap();
        text.split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let before = worked();
    eventually("it works", || worked() > before + 50_000_000);
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let results = topic("control/proplet/results");
    subscriber.json_when(&results, "it ends", |results| {
        results.iter().any(|result| result["task_id"] == "short")
    });
    let all = subscriber.json(&topic("control/proplet/task_metrics"));
    let messages = of_task(&all, "short");
    assert_eq!(messages.len(), 2, "{messages:?}");
    // Read after its end: what it did is there, and no level of it any more.
    let cpu = messages[1]["metrics"]["cpu_percent"].as_f64().unwrap();
    assert!(cpu > 0.0, "{cpu}");
    assert!(messages[1]["metrics"].get("memory_bytes").is_none());
    assert!(number(&messages[1]["aggregated"]["max_memory_usage"]) > 0);
}

#[test]
fn what_a_profile_switches_off_is_absent() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let keys = [
        ("collect_cpu", vec!["cpu_percent"]),
        ("collect_memory", vec!["memory_bytes", "memory_percent"]),
        (
            "collect_disk_io",
            vec!["disk_read_bytes", "disk_write_bytes"],
        ),
        (
            "collect_network_io",
            vec!["network_rx_bytes", "network_tx_bytes", "network_namespace"],
        ),
        ("collect_threads", vec!["thread_count"]),
        ("collect_file_descriptors", vec!["file_descriptor_count"]),
    ];
    let tasks: Vec<_> = keys
        .iter()
        .map(|(switch, _)| {
            json!({
                "id": switch, "name": "idle",
                "monitoring_profile": {"interval": "100ms", "retain_history": false, *switch: false}
            })
            .to_string()
        })
        .collect();
    let arguments: Vec<_> = tasks.iter().flat_map(|task| ["--task", task]).collect();
    let _proplet = Running::proplet(broker.address(), &arguments);
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), "two each", |all| {
        keys.iter()
            .all(|(switch, _)| of_task(all, switch).len() >= 2)
    });
    for (switch, absent) in &keys {
        let message = of_task(&all, switch)[1];
        for (_, keys) in &keys {
            for key in keys {
                let there = message["metrics"].get(*key).is_some();
                assert_eq!(there, !absent.contains(key), "{switch} {key} {message}");
            }
        }
        assert_eq!(message["aggregated"], Value::Null);
    }
}

#[test]
fn an_adaptive_profile_speaks_when_something_happens() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let burner = Running::workload(&json!({"kind": "cpu", "percent": 100}));
    burner.signal(Signal::STOP);
    let watched = format!("burner={}", burner.pid());
    let control = Running::workload(&json!({"kind": "idle"}));
    let control = format!("control={}", control.pid());
    let profile = r#"{"interval": "100ms", "adaptive_max_interval": "1h"}"#;
    let task = json!({"id": "clock", "name": "idle", "monitoring_profile": {"interval": "100ms"}});
    let arguments = [
        "--watch",
        &watched,
        "--watch",
        &control,
        "--watch-profile",
        profile,
        "--task",
        &task.to_string(),
    ];
    let _proplet = Running::proplet(broker.address(), &arguments);
    let topic = topic("control/proplet/task_metrics");
    let ticks = |count: usize| {
        let all = subscriber.json_when(&topic, "the clock", |all| {
            of_task(all, "clock").len() >= count
        });
        of_task(&all, "burner").len()
    };
    // While it is stopped there is nothing to say, however often it is looked at.
    let quiet = ticks(20);
    assert!(quiet < 10, "{quiet}");
    burner.signal(Signal::CONT);
    subscriber.json_when(&topic, "it burns", |all| {
        let busy = |message: &&Value| message["metrics"]["cpu_percent"].as_f64() > Some(5.0);
        of_task(all, "burner")
            .into_iter()
            .any(|message| busy(&message))
    });
}
