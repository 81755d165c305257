//! What the manager takes from a real Mosquitto, and what it rejects, counted
//! by reason and without harm to others.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use crate::support::manager::{
    Directory, Flood, Manager, alive, now_ms, rfc3339, task_sample, topic,
};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;
use serde_json::{Value, json};

/// A broker that keeps all that it is given, as the stack's does.
const KEEPS_ALL: &str = "max_queued_messages 0\nmax_inflight_messages 1000\n";

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

fn total(page: &Value) -> u64 {
    page["total"].as_u64().unwrap()
}

#[test]
fn three_dialects_are_taken_and_told_in_one() {
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
struct Watcher(std::io::Lines<std::io::BufReader<std::net::TcpStream>>);

impl Watcher {
    /// Sees everything that arrives from now on.
    fn of(manager: &Manager) -> Self {
        use std::io::{BufRead as _, Write as _};
        let mut stream = std::net::TcpStream::connect(manager.server.address()).unwrap();
        let patience = std::time::Duration::from_secs(60);
        stream.set_read_timeout(Some(patience)).unwrap();
        stream
            .write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        let mut lines = std::io::BufReader::new(stream).lines();
        // Who reads the answer's head is subscribed.
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

#[test]
fn what_is_wrong_is_rejected_by_reason_and_harms_nobody() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |topic: &str, message: &str| publish(&sub, broker.address(), topic, message);
    let (tasks, now) = (topic("task_metrics"), now_ms());
    let good = |number: u64| task_sample("good", "task", now + number).to_string();

    send(&tasks, &good(0));
    // Not JSON; JSON of something else; no name; a name that is none; cut off.
    let cut_off = &good(1)[..200];
    let broken = [
        " ",
        "}{",
        "[1]",
        "{}",
        r#"{"proplet_id":"p","task_id":"","metrics":{}}"#,
        cut_off,
    ];
    for message in broken {
        send(&tasks, message);
    }
    send(
        &topic("alive"),
        r#"{"proplet_id":"good","status":"asleep"}"#,
    );
    send(&tasks, &good(2));
    // Ten megabytes, and what unpacks to as much.
    let large = "x".repeat(10_000_000);
    send(&tasks, &large);
    let packed =
        proplet_schema::payload::compress(format!("[{}]", "0,".repeat(5_000_000)).as_bytes());
    publish_bytes(&sub, &broker, &tasks, &packed);
    send(&tasks, &good(3));
    // From the day before yesterday, and from in an hour.
    send(
        &tasks,
        &task_sample("good", "task", now - 48 * 3_600_000).to_string(),
    );
    send(
        &tasks,
        &task_sample("good", "task", now + 3_600_000).to_string(),
    );
    // Another client says it is that proplet, but may publish elsewhere only.
    send("m/d/c/other/control/proplet/task_metrics", &good(4));
    send(
        "m/other/c/c/control/proplet/alive",
        &alive("good", "offline"),
    );
    // The same once more.
    send(&tasks, &good(3));
    send(&tasks, &good(5));

    let page = manager.get_when("/tasks/task/metrics", "all good ones", |page| {
        total(page) >= 4
    });
    assert_eq!(total(&page), 4, "{page:#}");
    for (reason, count) in [
        ("malformed", broken.len() + 1),
        ("oversize", 2),
        ("stale", 1),
        ("future_timestamp", 1),
        ("forged", 2),
        ("duplicate", 1),
        ("rate_limited", 0),
        ("proplet_limit", 0),
    ] {
        assert_eq!(manager.rejected(reason), count as f64, "{reason}");
    }
    // One connection all the time, the 10 MB included.
    let metrics = manager.metrics();
    assert_eq!(metrics.value("manager_broker_connections_total", &[]), 1.0);
    let values = metrics.value("manager_messages_total", &[("kind", "task_metrics")]);
    assert_eq!(values, 4.0);
}

fn publish_bytes(sub: &std::path::Path, broker: &Mosquitto, topic: &str, bytes: &[u8]) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new(sub.with_file_name("mosquitto_pub"))
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &broker.address().port().to_string(),
        ])
        .args(["-q", "1", "-t", topic, "-s"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_flood_is_cut_and_others_lose_nothing() {
    const FLOOD: u64 = 20_000;
    const OTHERS: u64 = 200;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--rate-limit", "50"]);
    let now = now_ms();
    let flood = (0..FLOOD).map(move |n| task_sample("loud", "flood", now - n).to_string());
    let mut flood = Flood::start(&sub, broker.address(), &topic("task_metrics"), flood);
    let quiet = (0..OTHERS).map(move |n| task_sample("quiet", "task", now - n).to_string());
    let mut quiet = Flood::start(&sub, broker.address(), &topic("task_metrics"), quiet);
    quiet.wait();
    manager.get_when("/tasks/task/metrics", "all of the quiet one", |page| {
        total(page) == OTHERS
    });
    flood.wait();
    let metrics = manager.metrics_when("the flood is over", |metrics| {
        metrics.value("manager_messages_total", &[("kind", "task_metrics")])
            + metrics.value(
                "manager_messages_rejected_total",
                &[("reason", "rate_limited")],
            )
            >= (FLOOD + OTHERS) as f64
    });
    // A minute's worth may come at once, and what its rate adds meanwhile.
    let taken = total(&manager.get("/tasks/flood/metrics?limit=0"));
    assert!((3_000..FLOOD / 2).contains(&taken), "{taken}");
    let rejected = metrics.value(
        "manager_messages_rejected_total",
        &[("reason", "rate_limited")],
    );
    assert_eq!(rejected, (FLOOD - taken) as f64);
}

#[test]
fn two_managers_divide_the_messages_and_double_none() {
    const MESSAGES: u64 = 2_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let (first, second) = (Directory::new(), Directory::new());
    let start =
        |directory, id: &str| Manager::start(&broker.url(), directory, &["--client-id", id]);
    let managers = [start(&first, "manager-1"), start(&second, "manager-2")];
    let now = now_ms();
    let messages = (0..MESSAGES).map(move |n| task_sample("p", "t", now - n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), messages).wait();
    let taken = |manager: &Manager| {
        let metrics = manager.metrics();
        metrics.value("manager_messages_total", &[("kind", "task_metrics")])
    };
    let both = |_: &_| managers.iter().map(taken).sum::<f64>() >= MESSAGES as f64;
    managers[0].metrics_when("every message is taken by one of them", both);
    let each = managers.each_ref().map(taken);
    assert_eq!(each.iter().sum::<f64>(), MESSAGES as f64);
    assert!(
        each.iter().all(|taken| *taken > 0.25 * MESSAGES as f64),
        "{each:?}"
    );
    // What both count adds up to what the task did.
    let read = managers.each_ref().map(|manager| {
        manager.metrics().value(
            "proplet_task_disk_read_bytes_total",
            &[("proplet", "p"), ("task", "t")],
        )
    });
    assert_eq!(read.iter().sum::<f64>(), (MESSAGES * 1_048_576) as f64);
}

#[test]
fn two_managers_on_one_history_hold_everything_once() {
    const MESSAGES: u64 = 1_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let start = |id: &str| Manager::start(&broker.url(), &directory, &["--client-id", id]);
    let managers = [start("manager-1"), start("manager-2")];
    let now = now_ms();
    let messages = (0..MESSAGES).map(move |n| task_sample("p", "t", now - n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), messages).wait();
    for manager in &managers {
        manager.get_when("/tasks/t/metrics", "all of both", |page| {
            total(page) == MESSAGES
        });
        let failures = manager
            .metrics()
            .value("manager_history_failures_total", &[]);
        assert_eq!(failures, 0.0);
    }
}

#[test]
fn a_broker_that_binds_channels_to_users_leaves_no_forgery() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let Some(passwords) = peers::require("mosquitto_passwd") else {
        return;
    };
    let directory = Directory::new();
    let file = |name: &str| std::path::Path::new(&directory.history()).with_file_name(name);
    let (access, users) = (file("access"), file("users"));
    std::fs::write(
        &access,
        "user manager\ntopic readwrite #\npattern write m/+/c/%u/control/proplet/#\n",
    )
    .unwrap();
    for (number, user) in ["manager", "good", "evil"].iter().enumerate() {
        let mut command = std::process::Command::new(&passwords);
        if number == 0 {
            command.arg("-c");
        }
        command.arg("-b").arg(&users).args([user, "secret"]);
        assert!(command.output().unwrap().status.success());
    }
    let configuration = format!(
        "acl_file {}\npassword_file {}\n",
        access.display(),
        users.display()
    );
    let broker = Mosquitto::start(&mosquitto, &configuration);
    let arguments = ["--mqtt-username", "manager", "--mqtt-password", "secret"];
    let manager = Manager::start(&broker.url(), &directory, &arguments);
    let send = |user: &str, channel: &str, message: &str| {
        let status = std::process::Command::new(sub.with_file_name("mosquitto_pub"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.address().port().to_string(),
            ])
            .args(["-u", user, "-P", "secret", "-q", "1", "-m", message, "-t"])
            .arg(format!("m/d/c/{channel}/control/proplet/alive"))
            .status();
        assert!(status.unwrap().success());
    };
    send("good", "good", &alive("p", "alive"));
    // Another's channel: the broker swallows it. Its own: the manager tells.
    send("evil", "good", &alive("p", "offline"));
    send("evil", "evil", &alive("p", "offline"));
    send("evil", "evil", &alive("q", "alive"));
    manager.get_when("/proplets", "both are known", |page| page["total"] == 2);
    assert_eq!(manager.rejected("forged"), 1.0);
    assert_eq!(manager.get("/proplets/p")["alive"], json!(true));
}
