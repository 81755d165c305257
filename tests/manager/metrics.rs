//! `/metrics` of the manager, on a real Prometheus.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::http;
use crate::support::manager::{Directory, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;
use crate::support::prometheus::Prometheus;
use serde_json::{Value, json};

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

fn proplet_sample(proplet: &str) -> Value {
    json!({
        "proplet_id": proplet, "namespace": "default",
        "timestamp": crate::support::manager::rfc3339(now_ms()),
        "cpu_metrics": {"user_seconds": 1.5, "system_seconds": 0.5, "percent": 3.0},
        "memory_metrics": {"rss_bytes": 1_000_000, "heap_alloc_bytes": 0, "heap_sys_bytes": 0,
            "heap_inuse_bytes": 0, "container_usage_bytes": 5, "container_limit_bytes": 9}
    })
}

#[test]
fn promtool_finds_no_problems_and_three_formats_are_served() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |kind: &str, message: &str| publish(&sub, broker.address(), &topic(kind), message);
    send("alive", &alive("p", "alive"));
    send("metrics", &proplet_sample("p").to_string());
    // A name that must be escaped.
    let mut sample = task_sample("p", "t", now_ms());
    sample["task_id"] = json!("a\"b\\c");
    let metrics = &mut sample["metrics"];
    (metrics["tcp_rx_bytes"], metrics["tcp_tx_bytes"]) = (json!(300), json!(700));
    (metrics["network_namespace"], metrics["process_count"]) = (json!(4_026_531_840_u64), json!(3));
    metrics["cgroup"] = json!({
        "cpu_throttled_seconds": 2.5, "memory_high_events": 7, "memory_oom_kills": 1,
        "cpu_waiting_seconds": 4.5, "cpu_stalled_seconds": 0.0, "memory_waiting_seconds": 1.5,
        "memory_stalled_seconds": 0.5, "io_waiting_seconds": 3.0, "io_stalled_seconds": 2.0
    });
    send("task_metrics", &sample.to_string());
    // Another one, which tells the same of the same namespace.
    sample["task_id"] = json!("other");
    send("task_metrics", &sample.to_string());
    manager.metrics_when("the sample is shown", |metrics| {
        let samples = |task| metrics.sum("proplet_task_samples_total", &[("task", task)]);
        samples("a\"b\\c") > 0.0 && samples("other") > 0.0
    });

    let get = |accept| http::get(manager.metrics_address(), "/metrics", &[("accept", accept)]);
    let text = get("text/plain;version=0.0.4");
    let mut lint = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    lint.stdin.take().unwrap().write_all(&text.body).unwrap();
    let output = lint.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.trim(), "");

    let metrics = manager.metrics();
    for (name, kind) in &metrics.types {
        if kind == "counter" {
            assert!(name.ends_with("_total"), "{name}");
        }
    }
    for (accept, content_type) in [
        (
            "application/openmetrics-text;version=1.0.0",
            "application/openmetrics-text",
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            "application/vnd.google.protobuf",
        ),
    ] {
        let answer = get(accept);
        let header = answer.header("content-type").unwrap();
        assert!(header.starts_with(content_type), "{header}");
        assert!(answer.body.len() > 1_000);
    }
    // What was reported, in base units.
    let labels = [("proplet", "p"), ("task", "a\"b\\c")];
    for (name, value) in [
        ("proplet_task_cpu_ratio", 0.425),
        ("proplet_task_memory_bytes", 67_108_864.0),
        ("proplet_task_memory_ratio", 0.015),
        ("proplet_task_disk_read_bytes_total", 1_048_576.0),
        ("proplet_task_disk_written_bytes_total", 524_288.0),
        ("proplet_task_network_received_bytes_total", 4_096.0),
        ("proplet_task_network_sent_bytes_total", 8_192.0),
        ("proplet_task_uptime_seconds", 120.0),
        ("proplet_task_threads", 4.0),
        ("proplet_task_open_fds", 12.0),
        ("proplet_task_processes", 3.0),
        ("proplet_task_tcp_received_bytes_total", 300.0),
        ("proplet_task_tcp_sent_bytes_total", 700.0),
        ("container_cpu_cfs_throttled_seconds_total", 2.5),
        ("container_memory_high_events_total", 7.0),
        ("container_oom_events_total", 1.0),
        ("container_pressure_cpu_waiting_seconds_total", 4.5),
        ("container_pressure_cpu_stalled_seconds_total", 0.0),
        ("container_pressure_memory_waiting_seconds_total", 1.5),
        ("container_pressure_memory_stalled_seconds_total", 0.5),
        ("container_pressure_io_waiting_seconds_total", 3.0),
        ("container_pressure_io_stalled_seconds_total", 2.0),
    ] {
        assert!(
            (metrics.value(name, &labels) - value).abs() < 1e-9,
            "{name}"
        );
    }
    let of_proplet = [("proplet", "p")];
    // Once of a namespace, whoever tells it.
    for (name, value) in [
        ("proplet_network_received_bytes_total", 4_096.0),
        ("proplet_network_sent_bytes_total", 8_192.0),
    ] {
        assert_eq!(metrics.value(name, &of_proplet), value, "{name}");
    }
    let rollups = manager.get("/rollups");
    assert_eq!(
        rollups["rollups"][0]["network_rx_bytes"], 4_096.0,
        "{rollups}"
    );
    assert_eq!(
        metrics.value("proplet_cpu_user_seconds_total", &of_proplet),
        1.5
    );
    assert_eq!(
        metrics.value("proplet_memory_container_limit_bytes", &of_proplet),
        9.0
    );
}

#[test]
fn counters_go_on_when_a_task_starts_anew_and_the_documents_scrape_works() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let Some(prometheus) = peers::require("prometheus") else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    // The document's configuration, but for the address.
    let configuration = format!(
        "global: {{scrape_interval: 500ms}}\nscrape_configs:\n  - job_name: \"propeller\"\n    static_configs:\n      - targets: [\"{}\"]\n",
        manager.metrics_address()
    );
    let prometheus = Prometheus::configured(&prometheus, &configuration);
    let read = "proplet_task_disk_read_bytes_total{job=\"propeller\",task=\"t\"}";
    let start = now_ms();
    let mut sent = 0;
    // The second of the task's lives begins with the fourth sample.
    for (number, (bytes, uptime)) in [(100, 0), (50, 1), (0, 2), (30, 0), (20, 1)]
        .into_iter()
        .enumerate()
    {
        let mut sample = task_sample("p", "t", start + number as u64);
        sample["metrics"]["disk_read_bytes"] = json!(bytes);
        sample["metrics"]["uptime_seconds"] = json!(uptime);
        // Totals begin anew with the task.
        sample["aggregated"]["total_disk_read"] = json!(bytes);
        publish(
            &sub,
            broker.address(),
            &topic("task_metrics"),
            &sample.to_string(),
        );
        sent += bytes;
        prometheus.number_when(read, |shown| shown == f64::from(sent));
    }
    let resets = format!("resets({read}[5m])");
    assert_eq!(prometheus.number(&resets), Some(0.0));
    let samples = prometheus.number("proplet_task_samples_total{task=\"t\"}");
    assert_eq!(samples, Some(5.0));
    // The first of each is not lost, although there was no series before. At the newest
    // sample nothing is extrapolated.
    for (selector, all) in [
        (read, f64::from(sent)),
        ("proplet_task_samples_total{task=\"t\"}", 5.0),
    ] {
        let (at, _) = prometheus.newest(selector).unwrap();
        let increase = format!("increase({selector}[5m])");
        let found = prometheus.number_at(&increase, at).unwrap();
        assert!((found - all).abs() < 1e-6, "{increase} is {found}");
    }
    assert_eq!(prometheus.number("up{job=\"propeller\"}"), Some(1.0));
}

#[test]
fn before_the_first_message_it_can_be_read() {
    let Some((mosquitto, _)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let exposition = http::get(manager.metrics_address(), "/metrics", &[]);
    let lines = exposition.text().lines().count();
    assert!(lines <= 350, "{lines} lines");
    let size = exposition.body.len();
    assert!(size <= 35_000, "{size} bytes");
}

#[test]
fn what_is_gone_expires_and_a_last_will_is_seen() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--expire-after", "1s"]);
    let send = |kind: &str, message: &str| publish(&sub, broker.address(), &topic(kind), message);
    send("alive", &alive("p", "alive"));
    send("task_metrics", &task_sample("p", "t", now_ms()).to_string());
    let up =
        |metrics: &crate::support::samples::Samples| metrics.sum("proplet_up", &[("proplet", "p")]);
    manager.metrics_when("the proplet is up", |metrics| up(metrics) == 1.0);
    send("alive", &alive("p", "offline"));
    manager.metrics_when("its last will is applied", |metrics| {
        metrics.value("proplet_up", &[("proplet", "p")]) == 0.0
    });
    manager.metrics_when("the task's series are gone", |metrics| {
        metrics.select("proplet_task_cpu_ratio", &[]).count() == 0
            && metrics.value("manager_tasks", &[]) == 0.0
    });
    // A sign of life later it is back.
    send("alive", &alive("p", "alive"));
    manager.metrics_when("the proplet is up", |metrics| up(metrics) == 1.0);
}

#[test]
fn series_are_bounded_and_what_was_refused_is_counted() {
    const TASKS: u64 = 40;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "max_queued_messages 0\n");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--series-limit", "150"]);
    let now = now_ms();
    let messages = (0..TASKS).map(move |n| task_sample("p", &format!("t{n}"), now).to_string());
    crate::support::manager::Flood::start(&sub, broker.address(), &topic("task_metrics"), messages)
        .wait();
    let metrics = manager.metrics_when("all have arrived", |metrics| {
        metrics.value("manager_messages_total", &[("kind", "task_metrics")]) == TASKS as f64
    });
    let shown: usize = metrics
        .all
        .iter()
        .filter(|sample| sample.name.starts_with("proplet_"))
        .count();
    assert!(shown <= 150, "{shown}");
    let tasks = metrics.value("manager_tasks", &[]);
    assert_eq!(tasks, 10.0);
    assert!(metrics.value("manager_series", &[]) <= 150.0);
    let refused = metrics.value("manager_series_refused_total", &[]);
    assert_eq!(refused, TASKS as f64 - tasks);
    // The history has them all.
    let last = format!("/tasks/t{}/metrics", TASKS - 1);
    assert_eq!(manager.get(&last)["total"], json!(1));
}
