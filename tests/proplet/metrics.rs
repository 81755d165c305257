//! What the proplet measures is right: compared with `/proc`, and with
//! workloads whose behaviour is known.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::Instant;

use crate::support::cgroup::Cgroup;
use crate::support::mosquitto::Mosquitto;
use crate::support::proplet::{
    Running, broker, children, eventually, message_when, number, of_task, proc_number, topic,
};
use serde_json::{Value, json};

const MIB: u64 = 1024 * 1024;

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
fn memory_is_a_share_of_the_limit_of_its_control_group() {
    let limit = 256 * MIB;
    let (Some((broker, subscriber)), Some(group)) = (broker(), Cgroup::with_memory_limit(limit))
    else {
        return;
    };
    let workload = json!({"kind": "memory", "bytes": 64 * MIB}).to_string();
    let mut command = group.command(env!("CARGO_BIN_EXE_golden-signals"));
    let mut process = command.args(["workload", &workload]).spawn().unwrap();
    let pid = process.id();
    let member = || fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    // Not what is resident: the program's own pages are charged to whoever read them first.
    eventually("it holds", || {
        member().contains("golden-") && proc_number(pid, "status", "RssAnon:") * 1024 > 64 * MIB
    });
    let watched = format!("limited={pid}");
    let arguments = [
        "--watch",
        &watched,
        "--watch-profile",
        r#"{"interval": "200ms"}"#,
    ];
    let proplet = Running::proplet(broker.address(), &arguments);
    let message = message_when(&subscriber, "limited", "a sample", |_| true);
    process.kill().unwrap();
    process.wait().unwrap();
    drop(proplet);
    let metrics = &message["metrics"];
    let percent = metrics["memory_percent"].as_f64().unwrap();
    let expected = 100.0 * number(&metrics["memory_bytes"]) as f64 / limit as f64;
    assert!((percent - expected).abs() < 0.001, "{metrics}");
    assert_eq!(number(&metrics["cgroup"]["memory_limit_bytes"]), limit);
    let used = number(&metrics["cgroup"]["memory_bytes"]);
    assert!((64 * MIB..limit).contains(&used), "{metrics}");
}
