//! The same order for every dialect, without a broker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::watch;

use super::*;
use crate::fleet::{Bounds, Fleet};
use crate::group::Place;
use crate::history::{History, Range, Retention};
use crate::ingest::{Limits, Statistics};
use crate::live::Live;
use crate::options::Options;
use crate::tasks::Tasks;
use prometheus_client::registry::Registry;

const EVERYTHING: Range = Range {
    from: i64::MIN,
    to: i64::MAX,
    offset: 0,
    limit: 100,
};

/// A manager without a broker, on a history of its own.
struct Parts {
    ingest: Ingest,
    directory: PathBuf,
}

impl Parts {
    fn new(name: &str) -> Self {
        let name = format!("manager-ingest-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let history = History::open(&directory.join("history.sqlite")).unwrap();
        let bounds = Bounds {
            series: 1_000,
            proplets: 10,
            rate: 1_000,
            alive_timeout: Duration::from_secs(30),
            expire_after: Duration::from_secs(60),
        };
        let fleet = Arc::new(Fleet::new(bounds, Vec::new(), clock::now()));
        // Nobody listens there.
        let arguments = ["manager", "--mqtt-address", "tcp://127.0.0.1:1"];
        let command = Options::augment_args(clap::Command::new("manager"));
        let matches = command.try_get_matches_from(arguments).unwrap();
        let options = Options::from_arg_matches(&matches).unwrap();
        let settings = options.mqtt.settings("manager").unwrap();
        let place = Place::new("none", settings);
        let (client, publisher, _) = golden_mqtt::start(place.settings());
        let group = place.take(client, publisher.clone()).inbox();
        let tasks = Tasks::new(history.clone(), Arc::clone(&fleet), publisher).unwrap();
        let (_, shutdown) = watch::channel(false);
        Self {
            ingest: Ingest {
                history,
                fleet,
                group,
                tasks: Arc::new(tasks),
                live: Arc::new(Live::new(shutdown)),
                statistics: Arc::new(Statistics::register(&mut Registry::default())),
                limits: Limits {
                    stale_after: Duration::from_secs(3_600),
                    bytes: 1_000_000,
                },
                retention: Retention {
                    age: Duration::from_secs(3_600),
                    bytes: 1 << 30,
                },
            },
            directory,
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A time in each dialect: the document's, Propeller's Rust and embedded proplet's.
fn each_timestamp() -> [(&'static str, Value); 3] {
    let now = clock::now();
    let at = json!({"secs_since_epoch": now / 1_000_000_000, "nanos_since_epoch": 5});
    [
        ("document", json!(clock::rfc3339(now))),
        ("rust", at),
        ("embedded", json!(120_000)),
    ]
}

fn topic(kind: TopicKind) -> Topic<'static> {
    Topic {
        domain_id: "d",
        channel_id: "c",
        kind,
    }
}

#[tokio::test]
async fn a_tasks_sample_that_comes_three_times_counts_once_in_every_dialect() {
    let parts = Parts::new("task");
    let ingest = &parts.ingest;
    let mut watcher = ingest.live.watch();
    let connection = ingest.history.connect().unwrap();
    let mut writer = Writer::new(&connection).unwrap();
    for (proplet, timestamp) in each_timestamp() {
        let mut metrics = json!({"cpu_percent": 1.5, "memory_bytes": 4_096, "disk_read_bytes": 7});
        if proplet == "document" {
            metrics["timestamp"] = timestamp.clone();
        }
        let message = json!({"task_id": "t", "proplet_id": proplet, "metrics": metrics,
            "timestamp": timestamp});
        let report: TaskReport = serde_json::from_value(message).unwrap();
        // In batches of their own, as a broker delivers a message again.
        let outcomes = [0, 10, 20].map(|later| {
            let now = clock::now() + later * 1_000_000_000;
            let mut records = Records::new(ingest, &mut writer, now);
            records.begin();
            let outcome = records.task(topic(TopicKind::TaskMetrics), report.clone());
            records.commit();
            outcome
        });
        let again = Err(Reason::Duplicate);
        assert_eq!(outcomes, [Ok(Kind::Task), again, again], "{proplet}");
        assert_eq!(ingest.fleet.samples(proplet, "t"), 1, "{proplet}");
        assert_eq!(watcher.try_recv().unwrap().proplet, proplet);
        assert!(matches!(watcher.try_recv(), Err(TryRecvError::Empty)));
    }
    let page = ingest.history.task_samples("t", EVERYTHING).unwrap();
    assert_eq!(page.total, 3);
    let pieces = ingest
        .history
        .rollups(None, 0, i64::MAX, 86_400, 10)
        .unwrap();
    assert_eq!(pieces.iter().map(|piece| piece.samples).sum::<u64>(), 3);
    let of_one = ingest.history.rollups(Some("rust"), 0, i64::MAX, 60, 10);
    assert_eq!(of_one.unwrap()[0].samples, 1);
}

#[tokio::test]
async fn a_proplets_sample_that_comes_three_times_is_kept_once_in_every_dialect() {
    let parts = Parts::new("proplet");
    let ingest = &parts.ingest;
    let mut watcher = ingest.live.watch();
    let connection = ingest.history.connect().unwrap();
    let mut writer = Writer::new(&connection).unwrap();
    for (proplet, timestamp) in each_timestamp() {
        let message = json!({"proplet_id": proplet, "timestamp": timestamp,
            "memory_metrics": {"rss_bytes": 5, "heap_free_bytes": 3}});
        let message: PropletMetrics = serde_json::from_value(message).unwrap();
        let outcomes = [0, 10, 20].map(|later| {
            let now = clock::now() + later * 1_000_000_000;
            let mut records = Records::new(ingest, &mut writer, now);
            records.begin();
            let outcome = records.proplet(topic(TopicKind::Metrics), message.clone());
            records.commit();
            outcome
        });
        let again = Err(Reason::Duplicate);
        assert_eq!(outcomes, [Ok(Kind::Proplet), again, again], "{proplet}");
        let page = ingest.history.proplet_samples(proplet, EVERYTHING).unwrap();
        assert_eq!(page.total, 1, "{proplet}");
        // What was shown is what the history answers.
        let shown = watcher.try_recv().unwrap();
        let answered = serde_json::to_string(&page.items[0]).unwrap();
        assert_eq!(shown.data, answered);
        assert!(matches!(watcher.try_recv(), Err(TryRecvError::Empty)));
    }
}

#[tokio::test]
async fn bytes_since_the_start_become_bytes_since_the_sample_before() {
    let parts = Parts::new("traffic");
    let ingest = &parts.ingest;
    let connection = ingest.history.connect().unwrap();
    let mut writer = Writer::new(&connection).unwrap();
    let seconds = clock::now() / 1_000_000_000;
    // Twice each, and one that comes late.
    for (at, read) in [(0, 100), (0, 100), (2, 130), (2, 130), (1, 110), (3, 150)] {
        let message = json!({"task_id": "t", "proplet_id": "p",
            "metrics": {"disk_read_bytes": read},
            "timestamp": {"secs_since_epoch": seconds + at, "nanos_since_epoch": 0}});
        let report = serde_json::from_value(message).unwrap();
        let mut records = Records::new(ingest, &mut writer, clock::now());
        records.begin();
        let _ = records.task(topic(TopicKind::TaskMetrics), report);
        records.commit();
    }
    let page = ingest.history.task_samples("t", EVERYTHING).unwrap();
    let read = page.items.iter().rev();
    let read: Vec<_> = read.map(|sample| sample.metrics.disk_read_bytes).collect();
    assert_eq!(read, [Some(0), Some(0), Some(30), Some(20)]);
    assert_eq!(ingest.fleet.samples("p", "t"), 4);
}

/// It is kept in memory, and copied for whoever asks.
#[tokio::test]
async fn what_a_proplet_says_of_itself_is_bounded() {
    let parts = Parts::new("metadata");
    let ingest = &parts.ingest;
    let connection = ingest.history.connect().unwrap();
    let mut writer = Writer::new(&connection).unwrap();
    let long = "x".repeat(200_000);
    for (proplet, description) in [("short", "of the test"), ("long", &*long)] {
        let message = json!({"proplet_id": proplet, "metadata": {"description": description}});
        let mut records = Records::new(ingest, &mut writer, clock::now());
        records.begin();
        let create = serde_json::from_value(message).unwrap();
        records.create(topic(TopicKind::Create), &create).unwrap();
        records.commit();
    }
    let (total, page) = ingest.fleet.page(clock::now(), 0, 10);
    assert_eq!(total, 2);
    let metadata = |at: usize| page[at].identity.metadata.as_deref().unwrap();
    assert!(metadata(0).contains("left_out") && metadata(0).len() < 100);
    assert!(metadata(1).contains("of the test"));
    let (total, page) = ingest.fleet.page(clock::now(), 1, 1);
    assert_eq!((total, page[0].identity.name.as_str()), (2, "short"));

    let namespaced = json!({"proplet_id": "p", "status": "alive", "namespace": long});
    let error = serde_json::from_value::<Alive>(namespaced).unwrap_err();
    assert!(error.to_string().contains("at most 256 bytes"), "{error}");
}
