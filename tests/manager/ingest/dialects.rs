//! Every dialect of a sample becomes one form, and one sample however often it arrives.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{KEEPS_ALL, programs, total};
use crate::support::TIMEOUT;
use crate::support::manager::{Directory, Manager, alive, now_ms, rfc3339, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};

#[test]
fn three_dialects_are_accepted_and_answered_in_one() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let now = now_ms();

    let document = task_sample("ours", "a", now);
    publish(
        &sub,
        broker.address(),
        &topic("task_metrics"),
        &document.to_string(),
    );
    // Propeller's Rust proplet: disk bytes since the start, memory 1,024 times
    // too large, threads without the main one, a null for no aggregates.
    for (seconds, read) in [(0_u64, 298_450_944_u64), (10, 298_450_944 + 4_096)] {
        let at = now / 1_000 - 20 + seconds;
        let rust = json!({
            "task_id": "b", "proplet_id": "rust",
            "metrics": {"cpu_percent": 12.300000190734863, "memory_bytes": 41_536_192_512_u64,
                "memory_percent": 0.0, "disk_read_bytes": read, "disk_write_bytes": 0,
                "uptime_seconds": seconds, "thread_count": 5, "file_descriptor_count": 12},
            "aggregated": null,
            "timestamp": {"secs_since_epoch": at, "nanos_since_epoch": 123_456_789}
        });
        publish(
            &sub,
            broker.address(),
            &topic("task_metrics"),
            &rust.to_string(),
        );
    }
    // The embedded one: milliseconds since its start.
    let embedded = json!({
        "task_id": "c", "proplet_id": "embedded",
        "metrics": {"cpu_percent": 1.5, "memory_bytes": 4_096, "memory_percent": 0.5,
            "disk_read_bytes": 0, "disk_write_bytes": 0, "uptime_seconds": 3,
            "thread_count": 1, "file_descriptor_count": 0},
        "aggregated": {"avg_cpu_usage": 1.0, "max_cpu_usage": 2.0, "avg_memory_usage": 4_096,
            "max_memory_usage": 4_096, "total_disk_read": 0, "total_disk_write": 0,
            "sample_count": 3},
        "timestamp": 120_000
    });
    publish(
        &sub,
        broker.address(),
        &topic("task_metrics"),
        &embedded.to_string(),
    );

    let page = manager.get_when("/tasks/a/metrics", "a sample", |page| total(page) == 1);
    let sample = &page["metrics"][0];
    let mut expected = document["metrics"].clone();
    expected.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(sample["metrics"], expected);
    assert_eq!(sample["aggregated"], document["aggregated"]);
    assert_eq!(sample["timestamp"], json!(rfc3339(now)));
    assert_eq!(
        (&sample["task_id"], &sample["proplet_id"]),
        (&json!("a"), &json!("ours"))
    );

    let page = manager.get_when("/tasks/b/metrics", "two samples", |page| total(page) == 2);
    let latest = &page["metrics"][0];
    assert_eq!(latest["metrics"]["memory_bytes"], json!(40_562_688));
    assert_eq!(latest["metrics"]["thread_count"], json!(6));
    // What happened since the sample before, as the document means it.
    assert_eq!(latest["metrics"]["disk_read_bytes"], json!(4_096));
    for absent in ["memory_percent", "network_rx_bytes"] {
        assert_eq!(latest["metrics"].get(absent), None, "{latest}");
    }
    assert_eq!(latest.get("aggregated"), None);
    assert!(
        latest["timestamp"]
            .as_str()
            .unwrap()
            .ends_with(".123456789Z")
    );

    let page = manager.get_when("/tasks/c/metrics", "a sample", |page| total(page) == 1);
    let sample = &page["metrics"][0];
    assert_eq!(sample["metrics"]["memory_percent"], json!(0.5));
    // It cannot count descriptors, which is not the same as having none.
    assert_eq!(sample["metrics"].get("file_descriptor_count"), None);
    assert!(sample["timestamp"].as_str().unwrap() > rfc3339(now - 60_000).as_str());
}

/// One sample in each dialect, each of a proplet and a task of its own.
fn each_dialect(now: u64) -> [(&'static str, Value); 3] {
    let metrics = json!({"cpu_percent": 1.5, "memory_bytes": 4_194_304,
        "disk_read_bytes": 8_192, "uptime_seconds": 3, "thread_count": 1});
    let at = json!({"secs_since_epoch": now / 1_000, "nanos_since_epoch": 5});
    let sample = |proplet: &str, timestamp: Value| {
        json!({"task_id": format!("{proplet}-task"), "proplet_id": proplet,
            "metrics": metrics.clone(), "timestamp": timestamp})
    };
    [
        ("document", task_sample("document", "document-task", now)),
        ("rust", sample("rust", at)),
        ("embedded", sample("embedded", json!(120_000))),
    ]
}

#[test]
fn a_sample_that_comes_three_times_counts_once_in_every_dialect() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |topic: &str, message: &str| publish(&sub, broker.address(), topic, message);
    let mut watcher = Watcher::of(&manager);

    let dialects = each_dialect(now_ms());
    for (_, message) in &dialects {
        for _ in 0..3 {
            send(&topic("task_metrics"), &message.to_string());
        }
    }
    send(&topic("alive"), &alive("last", "alive"));

    let shown: Vec<Value> = std::iter::from_fn(|| watcher.next())
        .take_while(|event| event["proplet_id"] != "last")
        .map(|event| event["proplet_id"].clone())
        .collect();
    assert_eq!(shown, ["document", "rust", "embedded"], "shown once each");
    assert_eq!(manager.rejected("duplicate"), 6.0);
    let metrics = manager.metrics();
    assert_eq!(
        metrics.value("manager_messages_total", &[("kind", "task_metrics")]),
        3.0
    );
    for (proplet, message) in &dialects {
        let task = message["task_id"].as_str().unwrap();
        let samples = metrics.value(
            "proplet_task_samples_total",
            &[("proplet", proplet), ("task", task)],
        );
        assert_eq!(samples, 1.0, "{proplet}");
        let page = manager.get(&format!("/tasks/{task}/metrics"));
        assert_eq!(total(&page), 1, "{proplet}");
    }
    // What is rolled up is not doubled either.
    let rollups = manager.get("/rollups?step=86400");
    let samples = rollups["rollups"].as_array().unwrap().iter();
    let samples: u64 = samples
        .map(|piece| piece["samples"].as_u64().unwrap())
        .sum();
    assert_eq!(samples, 3, "{rollups:#}");
}

/// The events of `GET /live`.
struct Watcher(Lines<BufReader<TcpStream>>);

impl Watcher {
    /// Sees everything that arrives from now on.
    fn of(manager: &Manager) -> Self {
        let mut stream = TcpStream::connect(manager.server.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
            .write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        let mut lines = BufReader::new(stream).lines();
        // Whoever has read the head of the answer is subscribed.
        let head: Vec<_> = lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(head[0].contains("200"), "{head:?}");
        Self(lines)
    }

    fn next(&mut self) -> Option<Value> {
        let lines = self.0.by_ref().map(Result::unwrap);
        lines
            .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
            .map(|data| serde_json::from_str(&data).unwrap())
            .next()
    }
}
