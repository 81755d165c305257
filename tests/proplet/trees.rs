//! Tasks of several processes: descendants are counted with the first one, those that
//! have ended included, and each once. And what each task carries over TCP.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::cgroup::Cgroup;
use crate::support::manager::Directory;
use crate::support::mosquitto::{Mosquitto, Subscriber};
use crate::support::proplet::{Running, broker, eventually, message_when, number, of_task, topic};

const TREE: &str = r#"{"interval": "100ms", "history_size": 1000, "process_tree": true}"#;

/// A shell with this script, in this directory.
fn shell(command: &mut Command, script: &str, directory: &Path) -> Running {
    let command = command.args(["-c", script]).current_dir(directory);
    Running::command(command.stdin(Stdio::null()).stdout(Stdio::null()))
}

fn watch(broker: &Mosquitto, process: &Running) -> Running {
    let watched = format!("tree={}", process.pid());
    let arguments = ["--watch", &watched, "--watch-profile", TREE];
    Running::proplet(broker.address(), &arguments)
}

/// What its samples say of CPU time, in seconds: a rate, over the time since the one
/// before.
fn cpu_seconds(messages: &[&Value]) -> f64 {
    let at = |message: &Value| {
        let text = message["timestamp"].as_str().unwrap();
        let at = humantime::parse_rfc3339(text).unwrap();
        at.duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs_f64()
    };
    let pairs = messages.windows(2);
    pairs
        .map(|pair| {
            let percent = pair[1]["metrics"]["cpu_percent"].as_f64().unwrap();
            percent / 100.0 * (at(pair[1]) - at(pair[0]))
        })
        .sum()
}

/// The sum of what the shell's `times` wrote: its own and its children's, in seconds.
fn times(file: &Path) -> f64 {
    let text = fs::read_to_string(file).unwrap();
    let of = |word: &str| {
        let (minutes, seconds) = word.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    text.split_whitespace().map(of).sum()
}

fn samples(subscriber: &Subscriber, count: usize) -> Vec<Value> {
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), "samples", |all| {
        of_task(all, "tree").len() >= count
    });
    of_task(&all, "tree").into_iter().cloned().collect()
}

#[test]
fn children_that_come_and_go_are_counted_once() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let directory = Directory::new();
    let file = |name: &str| directory.path().join(name);
    let script = "
        while [ ! -e go ]; do sleep 0.05; done
        times > before
        for child in $(seq 100); do
            sh -c 'i=0; while [ $i -lt 6000 ]; do i=$((i+1)); done'
        done
        times > new; mv new after
        while [ ! -e stop ]; do sleep 0.05; done";
    let mut process = shell(&mut Command::new("sh"), script, directory.path());
    let _proplet = watch(&broker, &process);
    samples(&subscriber, 2);
    fs::write(file("go"), "").unwrap();
    eventually("it has worked", || file("after").exists());
    let seen = samples(&subscriber, 0).len();
    let all = samples(&subscriber, seen + 2);
    let measured = cpu_seconds(&all.iter().collect::<Vec<_>>());
    let used = times(&file("after")) - times(&file("before"));
    assert!(used > 0.2, "{used}");
    // The account of children has ticks of 10 ms, twice; and sleeping is some work too.
    assert!(
        measured > used - 0.04 && measured < used * 1.05 + 0.06,
        "{measured} of {used}"
    );
    fs::write(file("stop"), "").unwrap();
    assert!(process.wait().success());
    subscriber.json_when(&topic("control/proplet/results"), "its end", |all| {
        all.iter().any(|result| result["results"] == "ended")
    });
}

/// Starts a daemon that burns and whose parent is gone at once, and ends.
const DAEMON: &str = "
    : > ready
    while [ ! -e go ]; do sleep 0.05; done
    (sh -c 'echo $$ > new; mv new daemon; while :; do :; done' &)
    exit 0";

/// The process of this number, killed when it is dropped.
struct Daemon(String);

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.0.trim().parse().ok().and_then(Pid::from_raw);
        // It may be gone already.
        let _ = kill_process(pid.expect("it wrote its id"), Signal::KILL);
    }
}

/// The daemon's samples, after the shell that started it has ended; then its end is the
/// task's.
fn daemon_is_kept(broker: &Mosquitto, subscriber: &Subscriber, command: &mut Command) {
    let directory = Directory::new();
    let mut process = shell(command, DAEMON, directory.path());
    // Until then it may be on its way into its session or control group.
    let ready = directory.path().join("ready");
    eventually("the shell runs", || ready.exists());
    let _proplet = watch(broker, &process);
    message_when(subscriber, "tree", "the shell", |message| {
        number(&message["metrics"]["process_count"]) > 0
    });
    fs::write(directory.path().join("go"), "").unwrap();
    assert!(process.wait().success());
    let file = directory.path().join("daemon");
    eventually("the daemon runs", || file.exists());
    let daemon = Daemon(fs::read_to_string(file).unwrap());
    // In the sample after the shell's end the daemon's memory is all there is.
    message_when(subscriber, "tree", "the daemon", |message| {
        let metrics = &message["metrics"];
        let alone = metrics["process_count"] == 1 && metrics["memory_bytes"].is_u64();
        alone && metrics["cpu_percent"].as_f64() > Some(10.0)
    });
    let results = topic("control/proplet/results");
    assert!(subscriber.json(&results).is_empty(), "it runs");
    drop(daemon);
    subscriber.json_when(&results, "its end", |all| {
        all.iter().any(|result| result["results"] == "ended")
    });
}

#[test]
fn a_daemon_of_its_session_remains_of_the_task() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let mut command = Command::new("setsid");
    daemon_is_kept(&broker, &subscriber, command.arg("sh"));
}

#[test]
fn a_daemon_with_a_session_of_its_own_remains_of_the_task_by_its_control_group() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let Some(group) = Cgroup::with_cpu_quota(400) else {
        return;
    };
    daemon_is_kept(&broker, &subscriber, &mut group.command("sh"));
}

/// As container runtimes do with what they have started.
#[test]
fn a_task_that_is_moved_into_a_control_group_is_followed() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let Some(group) = Cgroup::with_cpu_quota(150) else {
        return;
    };
    let process = Running::command(Command::new("sleep").arg("600"));
    let _proplet = watch(&broker, &process);
    let limit = |message: &Value| message["metrics"]["cgroup"]["cpu_limit_cores"].as_f64();
    let before = message_when(&subscriber, "tree", "a sample", |_| true);
    assert_ne!(limit(&before), Some(1.5));
    group.take(process.pid());
    message_when(&subscriber, "tree", "the group's limit", |message| {
        limit(message) == Some(1.5)
    });
}

/// The sender's own count is the workload's: so many bytes, on one connection, which
/// stays open.
#[test]
fn tcp_bytes_are_each_tasks_own_where_the_namespace_is_shared() {
    const BYTES: u64 = 8_000_000;

    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let task = |id: &str, workload: Value| {
        let profile = json!({"interval": "100ms"});
        json!({"id": id, "name": "network", "workload": workload, "monitoring_profile": profile})
            .to_string()
    };
    let sends = json!({"kind": "network", "bytes": BYTES, "bytes_per_second": 8 * BYTES});
    let (one, other) = (task("one", sends.clone()), task("other", sends));
    let idle = task("idle", json!({"kind": "idle"}));
    let arguments = ["--task", &one, "--task", &other, "--task", &idle];
    let _proplet = Running::proplet(broker.address(), &arguments);
    let sum = |all: &[Value], task: &str, key: &str| -> u64 {
        let all = of_task(all, task).into_iter();
        all.map(|message| number(&message["metrics"][key])).sum()
    };
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), "all sent", |all| {
        let sent = |task| sum(all, task, "tcp_tx_bytes") >= BYTES;
        sent("one") && sent("other") && of_task(all, "idle").len() > 5
    });
    for task in ["one", "other"] {
        for key in ["tcp_rx_bytes", "tcp_tx_bytes"] {
            let seen = sum(&all, task, key);
            assert!(seen.abs_diff(BYTES) <= BYTES / 1_000, "{task} {key} {seen}");
        }
    }
    assert_eq!(sum(&all, "idle", "tcp_tx_bytes"), 0);
    // Of the namespace they all tell the same.
    let namespace = |task| &of_task(&all, task)[0]["metrics"]["network_namespace"];
    assert!(number(namespace("one")) > 0);
    assert_eq!(namespace("one"), namespace("idle"));
    assert!(
        sum(&all, "idle", "network_tx_bytes") > BYTES,
        "all of theirs"
    );
}
