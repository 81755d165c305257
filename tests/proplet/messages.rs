//! Topics and messages, key by key: the document's, and Propeller's where the
//! document says nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::support::mosquitto::{Mosquitto, Subscriber, publish};
use crate::support::proplet::{Running, of_task, topic};
use crate::support::{TIMEOUT, peers};
use proplet_schema::{PropletMetrics, TaskMetrics, payload};
use serde_json::{Value, json};

/// Every key of an object, those of objects in it with their path.
fn keys(value: &Value, prefix: &str) -> BTreeSet<String> {
    let Value::Object(object) = value else {
        return BTreeSet::from([prefix.to_owned()]);
    };
    let path = |key: &str| match prefix {
        "" => key.to_owned(),
        prefix => format!("{prefix}.{key}"),
    };
    object
        .iter()
        .flat_map(|(key, value)| keys(value, &path(key)))
        .collect()
}

/// Whether a key is one of ours, which are absent where the kernel does not list sockets.
fn is_of_sockets(key: &str) -> bool {
    ["tcp_rx_bytes", "tcp_tx_bytes", "network_namespace"]
        .contains(&key.trim_start_matches("metrics."))
}

/// The document's message.
fn documents() -> Value {
    json!({
        "task_id": "uuid",
        "proplet_id": "uuid",
        "metrics": {
            "cpu_percent": 42.5, "memory_bytes": 67_108_864, "memory_percent": 1.5,
            "disk_read_bytes": 1_048_576, "disk_write_bytes": 524_288,
            "network_rx_bytes": 4096, "network_tx_bytes": 8192,
            "uptime_seconds": 120, "thread_count": 4, "file_descriptor_count": 12,
            "timestamp": "2025-01-15T10:30:00.000Z"
        },
        "aggregated": {
            "avg_cpu_usage": 38.2, "max_cpu_usage": 65.0,
            "avg_memory_usage": 62_914_560, "max_memory_usage": 71_303_168,
            "total_disk_read": 2_097_152, "total_disk_write": 1_048_576,
            "total_network_rx": 12_288, "total_network_tx": 24_576, "sample_count": 24
        }
    })
}

/// A proplet with one idle task, both sampled ten times a second, and who hears of it.
struct Heard {
    proplet: Running,
    subscriber: Subscriber,
    broker: Mosquitto,
    sub: PathBuf,
}

impl Heard {
    /// `None` where a program is missing.
    fn start() -> Option<Self> {
        let binary = peers::require("mosquitto")?;
        let sub = peers::require("mosquitto_sub")?;
        let broker = Mosquitto::start(&binary, "");
        let subscriber = Subscriber::start(&sub, broker.address(), &["m/#"]);
        let task = json!({"id": "t", "name": "idle", "monitoring_profile": {"interval": "100ms"}});
        let proplet = Running::proplet(
            broker.address(),
            &[
                "--task",
                &task.to_string(),
                "--metrics-interval",
                "100ms",
                "--liveliness-interval",
                "0.1",
            ],
        );
        Some(Self {
            proplet,
            subscriber,
            broker,
            sub,
        })
    }

    /// The messages on this topic, once there are this many.
    fn on(&self, subtopic: &str, count: usize) -> Vec<Value> {
        let what = format!("{count} messages");
        self.subscriber
            .json_when(&topic(subtopic), &what, |all| all.len() >= count)
    }
}

#[test]
fn a_tasks_message_has_the_documents_keys_and_types_on_both_its_topics() {
    let Some(heard) = Heard::start() else { return };
    let tasks = heard.on("control/proplet/task_metrics", 3);
    let second = heard.on("metrics/proplet", 3);
    assert_eq!(
        tasks[..3],
        second[..3],
        "the document's two topics say the same"
    );
    let message = &tasks[1];
    // Beyond the document's: Propeller's timestamp, the control group where there is one,
    // the task's processes and its own TCP bytes.
    let mut ours = keys(message, "");
    assert!(ours.remove("timestamp") && ours.remove("metrics.process_count"));
    ours.retain(|key| !key.starts_with("metrics.cgroup") && !is_of_sockets(key));
    assert_eq!(ours, keys(&documents(), ""));
    for (key, value) in documents()["metrics"].as_object().unwrap() {
        let of_same_type =
            std::mem::discriminant(value) == std::mem::discriminant(&message["metrics"][key]);
        assert!(of_same_type, "{key}: {message}");
    }
    let written = message["metrics"]["timestamp"].as_str().unwrap();
    assert!(
        written.len() == "2025-01-15T10:30:00.000Z".len() && written.ends_with('Z'),
        "{written}"
    );
}

#[test]
fn the_proplets_own_message_has_propellers_keys_and_the_documents() {
    let Some(heard) = Heard::start() else { return };
    let own = heard.on("control/proplet/metrics", 2);
    let propellers = json!({
        "proplet_id": "", "namespace": "", "timestamp": "",
        "cpu_metrics": {"user_seconds": 0, "system_seconds": 0, "percent": 0},
        "memory_metrics": {"rss_bytes": 0, "heap_alloc_bytes": 0, "heap_sys_bytes": 0, "heap_inuse_bytes": 0}
    });
    let missing: Vec<_> = keys(&propellers, "")
        .difference(&keys(&own[1], ""))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let mut metrics = keys(&own[1]["metrics"], "");
    metrics.retain(|key| !key.starts_with("cgroup") && !is_of_sockets(key));
    assert_eq!(metrics, keys(&documents()["metrics"], ""));
    assert!(own[1]["memory_metrics"]["rss_bytes"].as_u64().unwrap() > 1024 * 1024);
    // What is read back is what was written.
    let text = heard.subscriber.on(&topic("control/proplet/metrics"));
    assert!(payload::decode::<PropletMetrics>(text[1].as_bytes(), 10_000).is_ok());
}

#[test]
fn it_announces_itself_once_and_sends_heartbeats() {
    let Some(heard) = Heard::start() else { return };
    let alive = heard.on("control/proplet/alive", 2);
    assert_eq!(
        alive[0],
        json!({"proplet_id": "p", "status": "alive", "namespace": "default"})
    );
    // After two samples of its own nothing of the start is still to come.
    heard.on("control/proplet/metrics", 2);
    let create = heard.subscriber.json(&topic("control/proplet/create"));
    assert_eq!((create.len(), &create[0]["proplet_id"]), (1, &json!("p")));
    for key in [
        "environment",
        "os",
        "cpu_arch",
        "total_memory_bytes",
        "proplet_version",
        "wasm_runtime",
    ] {
        assert!(
            create[0]["metadata"].get(key).is_some(),
            "{key}: {create:?}"
        );
    }
}

#[test]
fn it_signs_off_and_leaves_no_will() {
    let Some(mut heard) = Heard::start() else {
        return;
    };
    heard.on("control/proplet/alive", 2);
    heard.proplet.signal(rustix::process::Signal::TERM);
    assert!(heard.proplet.wait().success());
    let subscriber = &heard.subscriber;
    let offline = |all: &[Value]| {
        all.iter()
            .filter(|alive| alive["status"] == "offline")
            .count()
    };
    let all = subscriber.json_when(&topic("control/proplet/alive"), "goodbye", |all| {
        offline(all) > 0
    });
    // A will, if there were one, would have arrived before this.
    publish(&heard.sub, heard.broker.address(), "m/end", "{}");
    subscriber.json_when("m/end", "the end", |all| !all.is_empty());
    assert_eq!(
        offline(&subscriber.json(&topic("control/proplet/alive"))),
        1,
        "{all:?}"
    );
}

#[test]
fn propellers_variables_mean_the_same() {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&binary, "");
    let subscriber = Subscriber::start(&sub, broker.address(), &["m/#"]);
    let url = broker.url();
    let task = json!({"id": "t", "name": "idle"}).to_string();
    let variables = [
        ("PROPLET_MQTT_ADDRESS", url.as_str()),
        ("PROPLET_MQTT_TIMEOUT", "30s"),
        ("PROPLET_MQTT_KEEP_ALIVE", "30"),
        ("PROPLET_DOMAIN_ID", "not this one"),
        ("PROPLET_TENANT_ID", "dom"),
        ("PROPLET_CHANNEL_ID", "chan"),
        ("PROPLET_CLIENT_ID", "old"),
        ("PROPLET_METRICS_INTERVAL", "1"),
        ("PROPLET_LIVELINESS_INTERVAL", "10s"),
        ("GOLDEN_TASK", &task),
    ];
    let proplet = Running::start(&["proplet", "--log", "warn"], &variables);
    let own = "m/dom/c/chan/control/proplet/metrics";
    let seen = subscriber.json_when(own, "two", |all| all.len() >= 2);
    assert_eq!(seen[0]["proplet_id"], "old");
    drop(proplet);
    // Without monitoring it lives, and its task runs, and nothing is sampled.
    let mut quiet = variables.to_vec();
    quiet.extend([
        ("PROPLET_ENABLE_MONITORING", "false"),
        ("PROPLET_ENTITY_ID", "quiet"),
    ]);
    quiet.push(("GOLDEN_LIVELINESS_INTERVAL", "100ms"));
    let _quiet = Running::start(&["proplet", "--log", "warn"], &quiet);
    let lives = |all: &[Value]| {
        all.iter()
            .filter(|alive| alive["proplet_id"] == "quiet")
            .count()
    };
    subscriber.json_when("m/dom/c/chan/control/proplet/alive", "life", |all| {
        lives(all) > 15
    });
    let sampled = |topic: &str| lives(&subscriber.json(topic));
    assert_eq!(
        sampled(own) + sampled("m/dom/c/chan/control/proplet/task_metrics"),
        0
    );
}

#[test]
fn a_bad_option_is_reported_in_one_line() {
    let refused = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
            .arg("proplet")
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    for (arguments, expected) in [
        (
            &["--metrics-interval", "0"][..],
            "error: --metrics-interval 0: must be 100ms to 24h",
        ),
        (
            &["--metrics-interval", "-1"],
            "error: --metrics-interval -1: must be",
        ),
        (
            &["--mqtt-address", "http://x"],
            "error: --mqtt-address http://x: must be a broker's",
        ),
        (&["--mqtt-qos", "2"], "error: --mqtt-qos 2: must be 1"),
        (
            &["--watch", "app"],
            "error: --watch app: must be a task's id and a process id",
        ),
        (
            &["--watch", "app=2000000000"],
            "error: --watch app=2000000000: ",
        ),
        (
            &["--domain-id", "a/b"],
            "error: --domain-id a/b: must be 1 to 256 bytes without /",
        ),
        (&["--watch-profile", "fast"], "must be one of standard"),
        (&["--task", "{\"id\": \"t\"}"], "name null: is required"),
        (
            &["--mqtt-tls-insecure-skip-verify", "true"],
            "certificates are always verified",
        ),
        (&["--compression", "zip"], "must be one of"),
        (
            &[
                "--mqtt-address",
                "ssl://127.0.0.1:1",
                "--mqtt-tls-ca-cert",
                "/nowhere",
            ],
            "--mqtt-tls-ca-cert /nowhere: ",
        ),
    ] {
        let said = refused(arguments, &[]);
        assert!(said.contains(expected), "{said}");
    }
    let said = refused(&[], &[("PROPLET_METRICS_INTERVAL", "soon")]);
    let expected = "error: --metrics-interval soon (from PROPLET_METRICS_INTERVAL): must be";
    assert!(said.starts_with(expected), "{said}");
    let said = refused(
        &[],
        &[
            ("GOLDEN_METRICS_INTERVAL", "soon"),
            ("PROPLET_METRICS_INTERVAL", "1"),
        ],
    );
    assert!(said.contains("(from GOLDEN_METRICS_INTERVAL)"), "{said}");
    // The earlier name of an option, and of its variable.
    let said = refused(&["--settle", "2m"], &[]);
    assert!(said.starts_with("error: --reconnect-grace 2m: "), "{said}");
    let said = refused(&[], &[("GOLDEN_SETTLE", "2m")]);
    let expected = "error: --reconnect-grace 2m (from GOLDEN_SETTLE): must be a time";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn batches_and_compression_carry_the_same_samples() {
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&binary, "");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let messages = runtime.block_on(async {
        use clap::Parser as _;
        use golden_mqtt::{Content, MqttOptions};

        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            mqtt: MqttOptions,
        }

        let url = broker.url();
        let mut settings = Cli::parse_from(["test", "--mqtt-address", &url])
            .mqtt
            .settings("reader")
            .unwrap();
        settings.subscriptions = vec![topic("control/proplet/task_metrics")];
        let (_client, _, mut deliveries) = golden_mqtt::start(settings);
        let task = json!({"id": "t", "name": "idle", "monitoring_profile": {"interval": "100ms"}});
        let _proplet = Running::proplet(
            broker.address(),
            &[
                "--task",
                &task.to_string(),
                "--batch",
                "5",
                "--batch-delay",
                "1h",
                "--compression",
                "gzip",
            ],
        );
        let mut batches: Vec<Vec<TaskMetrics>> = Vec::new();
        while batches.len() < 2 {
            let delivery = tokio::time::timeout(TIMEOUT, deliveries.next())
                .await
                .unwrap()
                .unwrap();
            let Content::Whole(content) = delivery.content else {
                panic!("it is small");
            };
            delivery.receipt.acknowledge();
            assert_eq!(content[..2], [0x1F, 0x8B]);
            batches.push(payload::decode(&content, 100_000).unwrap());
        }
        batches
    });
    assert!(messages.iter().all(|batch| batch.len() == 5));
    let counts = messages
        .iter()
        .flatten()
        .map(|message| message.aggregated.as_ref().unwrap().sample_count);
    let counts: Vec<_> = counts.collect();
    assert!(
        counts.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{counts:?}"
    );
    let first = serde_json::to_value(&messages[0][0]).unwrap();
    assert_eq!(of_task(&[first], "t").len(), 1);
}
