//! What the proplet sees is what is there: compared with `/proc`, and with
//! workloads whose behaviour is known.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::mosquitto::{Mosquitto, Subscriber};
use support::peers;
use support::proplet::{Running, children, eventually, of_task, proc_number, topic};

const MIB: u64 = 1024 * 1024;

/// A broker with a subscriber of everything, where there is one.
fn broker() -> Option<(Mosquitto, Subscriber)> {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return None;
    };
    let broker = Mosquitto::start(&binary, "max_queued_messages 0\nmax_inflight_messages 0");
    let subscriber = Subscriber::start(&sub, broker.address(), &["m/#"]);
    Some((broker, subscriber))
}

/// The first message of the task for which the condition holds.
fn message_when(
    subscriber: &Subscriber,
    task_id: &str,
    what: &str,
    condition: impl Fn(&Value) -> bool,
) -> Value {
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), what, |messages| {
        of_task(messages, task_id).into_iter().any(&condition)
    });
    let found = of_task(&all, task_id)
        .into_iter()
        .find(|message| condition(message));
    found.expect("it was there a moment ago").clone()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// `--watch NAME=PID` every 200 ms.
fn watch(broker: &Mosquitto, name: &str, process: &Running) -> Running {
    let watched = format!("{name}={}", process.pid());
    let arguments = [
        "--watch",
        &watched,
        "--watch-profile",
        r#"{"interval": "200ms"}"#,
    ];
    Running::proplet(broker.address(), &arguments)
}

#[test]
fn threads_files_memory_and_uptime_are_those_of_proc() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let idle = json!({"kind": "idle", "threads": 20, "descriptors": 30});
    let process = Running::workload(&idle);
    let threads = || proc_number(process.pid(), "status", "Threads:");
    let files = || {
        fs::read_dir(format!("/proc/{}/fd", process.pid()))
            .unwrap()
            .count() as u64
    };
    eventually("it idles", || threads() == 20 && files() >= 30);
    let _proplet = watch(&broker, "idle", &process);
    let message = message_when(&subscriber, "idle", "a sample", |_| true);
    let metrics = &message["metrics"];
    assert_eq!(number(&metrics["thread_count"]), threads());
    assert_eq!(number(&metrics["thread_count"]), 20);
    assert_eq!(number(&metrics["file_descriptor_count"]), files());
    let resident = proc_number(process.pid(), "status", "VmRSS:") * 1024;
    assert!(
        number(&metrics["memory_bytes"]).abs_diff(resident) < MIB / 4,
        "{metrics} {resident}"
    );
    let machine = {
        let text = fs::read_to_string("/proc/meminfo").unwrap();
        let kib = text
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap();
        kib.parse::<f64>().unwrap() * 1024.0
    };
    // The limit of a control group may be smaller than the machine, never larger.
    let percent = metrics["memory_percent"].as_f64().unwrap();
    let of_machine = 100.0 * number(&metrics["memory_bytes"]) as f64 / machine;
    assert!(
        percent >= of_machine - 0.001 && percent <= 100.0,
        "{metrics}"
    );
    assert!(
        metrics.get("cpu_percent").is_none(),
        "one sample gives no rate: {metrics}"
    );
    assert!(number(&metrics["uptime_seconds"]) < 60);
}

#[test]
fn sixty_four_mebibytes_read_as_sixty_four_more() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let nothing = Running::workload(&json!({"kind": "memory", "bytes": 0}));
    let something = Running::workload(&json!({"kind": "memory", "bytes": 64 * MIB}));
    let resident = |process: &Running| proc_number(process.pid(), "status", "VmRSS:") * 1024;
    eventually("it holds", || resident(&something) > 64 * MIB);
    let _first = watch(&broker, "nothing", &nothing);
    let nothing = message_when(&subscriber, "nothing", "a sample", |_| true);
    drop(_first);
    let _second = watch(&broker, "something", &something);
    let something = message_when(&subscriber, "something", "a sample", |_| true);
    let bytes = |message: &Value| number(&message["metrics"]["memory_bytes"]);
    let more = bytes(&something) - bytes(&nothing);
    assert!(more.abs_diff(64 * MIB) < 2 * MIB, "{more}");
}

#[test]
fn a_half_burner_reads_what_it_burns_whatever_else_is_sampled() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let burner = Running::workload(&json!({"kind": "cpu", "percent": 50}));
    // The others are sampled in between, at other times.
    let other = |id: &str, interval: &str| {
        let workload = json!({"kind": "cpu", "percent": 5});
        let profile = json!({"interval": interval});
        json!({"id": id, "name": "cpu", "workload": workload, "monitoring_profile": profile})
            .to_string()
    };
    let watched = format!("half={}", burner.pid());
    let arguments = [
        "--watch",
        &watched,
        "--watch-profile",
        r#"{"interval": "100ms", "history_size": 1000}"#,
        "--task",
        &other("one", "170ms"),
        "--task",
        &other("two", "310ms"),
    ];
    let _proplet = Running::proplet(broker.address(), &arguments);
    let topic = topic("control/proplet/task_metrics");
    let samples = |count: usize| {
        let all =
            subscriber.json_when(&topic, "samples", |all| of_task(all, "half").len() >= count);
        of_task(&all, "half")
            .into_iter()
            .cloned()
            .collect::<Vec<_>>()
    };
    let spent = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", burner.pid())).unwrap();
        let fields = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .skip(11)
            .take(2);
        fields
            .map(|ticks| ticks.parse::<f64>().unwrap())
            .sum::<f64>()
            / 100.0
    };
    let first = samples(2).len();
    let (start, before) = (Instant::now(), spent());
    let last = samples(first + 100).len();
    let truth = 100.0 * (spent() - before) / start.elapsed().as_secs_f64();
    // How much it burns depends on what else the machine does, what is read of
    // that does not: a window of 10 s is off by a sample at each end.
    let seen = samples(last)[first..last].to_vec();
    let cpu = seen
        .iter()
        .map(|message| message["metrics"]["cpu_percent"].as_f64().unwrap());
    let mean = cpu.sum::<f64>() / seen.len() as f64;
    println!("burnt {truth:.1} %, read {mean:.1} %");
    assert!((mean - truth).abs() <= 5.0, "burnt {truth}, read {mean}");
    assert!(
        truth <= 65.0,
        "{truth} is more than half, and what was missed in a second"
    );
}

#[test]
fn bytes_written_are_counted_once_each() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let task = json!({
        "id": "disk", "name": "disk",
        "workload": {"kind": "disk", "bytes": 8 * MIB, "bytes_per_second": 16 * MIB},
        "monitoring_profile": {"interval": "100ms"}
    });
    let proplet = Running::proplet(broker.address(), &["--task", &task.to_string()]);
    message_when(&subscriber, "disk", "all is written", |message| {
        number(&message["aggregated"]["total_disk_write"]) >= 8 * MIB
    });
    // Until it rests, and then some more samples.
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), "rest", |messages| {
        let of_task = of_task(messages, "disk");
        let last = of_task.iter().rev().take(3);
        last.clone().count() == 3
            && last
                .into_iter()
                .all(|message| message["metrics"]["disk_write_bytes"] == 0)
    });
    let messages = of_task(&all, "disk");
    let parts = messages
        .iter()
        .map(|message| number(&message["metrics"]["disk_write_bytes"]));
    let last = messages.last().unwrap();
    let total = number(&last["aggregated"]["total_disk_write"]);
    assert_eq!(parts.sum::<u64>(), total);
    assert_eq!(
        total,
        proc_number(children(proplet.pid())[0], "io", "write_bytes:")
    );
    // The directory's own blocks are written too.
    assert!((8 * MIB..8 * MIB + 128 * 1024).contains(&total), "{total}");
    assert_eq!(
        number(&last["aggregated"]["sample_count"]),
        messages.len() as u64
    );
}

#[test]
fn network_bytes_are_those_of_the_namespace() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let namespace = || {
        let text = fs::read_to_string("/proc/self/net/dev").unwrap();
        let interfaces = text.lines().filter_map(|line| line.split_once(':'));
        let field = |counts: &str, at| {
            let count: Option<&str> = counts.split_whitespace().nth(at);
            count.unwrap().parse::<u64>().unwrap()
        };
        interfaces.fold((0, 0), |sum, (_, counts)| {
            (sum.0 + field(counts, 0), sum.1 + field(counts, 8))
        })
    };
    let before = namespace();
    let task = json!({
        "id": "net", "name": "network",
        "workload": {"kind": "network", "bytes": 8 * MIB, "bytes_per_second": 64 * MIB},
        "monitoring_profile": {"interval": "100ms"}
    });
    let _proplet = Running::proplet(broker.address(), &["--task", &task.to_string()]);
    let message = message_when(&subscriber, "net", "all is sent", |message| {
        number(&message["aggregated"]["total_network_tx"]) >= 8 * MIB
    });
    let after = namespace();
    let total = |key: &str| number(&message["aggregated"][key]);
    let (received, sent) = (total("total_network_rx"), total("total_network_tx"));
    assert!(received >= 8 * MIB, "{message}");
    assert!(
        received <= after.0 - before.0 && sent <= after.1 - before.1,
        "{message}"
    );
}

#[test]
fn a_task_shorter_than_its_interval_has_two_samples() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let task = json!({
        "id": "short", "name": "cpu",
        "workload": {"kind": "cpu", "percent": 100, "duration": "500ms"},
        "monitoringProfile": {"interval": "1h"}
    });
    let _proplet = Running::proplet(broker.address(), &["--task", &task.to_string()]);
    let results = topic("control/proplet/results");
    subscriber.json_when(&results, "it ends", |results| {
        results
            .iter()
            .any(|result| result["task_id"] == "short" && result["results"] == "completed")
    });
    let all = subscriber.json(&topic("control/proplet/task_metrics"));
    let messages = of_task(&all, "short");
    assert_eq!(messages.len(), 2, "{messages:?}");
    // Read after its end: nothing that it did is missing.
    let cpu = messages[1]["metrics"]["cpu_percent"].as_f64().unwrap();
    assert!(cpu > 10.0 && cpu < 130.0, "{cpu}");
    assert!(
        messages[1]["metrics"].get("memory_bytes").is_none(),
        "it has none any more"
    );
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
            vec!["network_rx_bytes", "network_tx_bytes"],
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
