//! Managers of a group that come and go while samples arrive: from four to two, one killed
//! and one asked to end, to three.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::TIMEOUT;
use super::manager::{Directory, Manager, now_ms, task_sample, topic};
use super::mosquitto::Mosquitto;

/// Samples sent at a time.
const AT_A_TIME: u64 = 20;

/// What the samples are stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Histories {
    /// One that all managers share.
    Shared,
    /// One for each of them.
    Own,
}

/// Managers after they have been scaled, and what became of the samples.
pub struct Scaled {
    /// Those that are left.
    pub managers: Vec<Manager>,
    /// Samples that are in no history.
    pub lost: u64,
    /// Samples that are in a history more than once, or in several.
    pub doubled: u64,
    /// Their histories, which are removed in the end.
    pub directories: Vec<Directory>,
}

/// Scales managers while so many samples of one task are sent, so many a second.
///
/// # Panics
///
/// If a manager does not come up, or the broker does not take the samples.
pub fn scale(broker: &Mosquitto, samples: u64, per_second: u64, histories: Histories) -> Scaled {
    let mut directories = Vec::new();
    let mut start = |id: &str| {
        if directories.is_empty() || histories == Histories::Own {
            directories.push(Directory::new());
        }
        let directory = directories.last().expect("there is one");
        let arguments = ["--client-id", id, "--rate-limit", "1000000"];
        Manager::start(&broker.url(), directory, &arguments)
    };
    let mut managers: Vec<_> = ["a", "b", "c", "d"].map(&mut start).into();
    for manager in &managers {
        manager.metrics_when("knows the others", |metrics| {
            metrics.value("manager_group_members", &[]) >= 4.0
        });
    }
    let now = now_ms();
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let sender = Sender::start(broker);
    let publisher = sender.publisher.clone();
    let topic: Arc<str> = topic("task_metrics").into();
    let flood = thread::spawn(move || {
        for number in 0..samples {
            if number % AT_A_TIME == 0 {
                thread::sleep(Duration::from_millis(1_000 * AT_A_TIME / per_second));
            }
            let sample = task_sample("p", "t", now - number).to_string();
            publisher.publish(&topic, sample.into());
            count.store(number, Relaxed);
        }
    });
    let after = |part: u64| {
        let begun = Instant::now();
        while sent.load(Relaxed) < samples * part / 6 {
            assert!(begun.elapsed() < TIMEOUT, "the broker takes no samples");
            thread::sleep(Duration::from_millis(2));
        }
    };
    after(1);
    // The first of them, whose turn it would be to take over.
    managers.remove(0).server.signal(Signal::KILL);
    after(3);
    let mut stopped = managers.remove(0);
    assert!(stopped.server.stop().success());
    after(4);
    managers.push(start("e"));
    flood.join().expect("it does not panic");
    sender.wait();
    // Of the one that had taken over the first.
    managers[0].metrics_when("takes over what is left of the second", |metrics| {
        metrics.value("manager_sessions_taken_over_total", &[]) >= 1.0
    });
    // The last ones are on their way; what is lost never comes.
    let begun = Instant::now();
    loop {
        let stored: Vec<_> = directories.iter().flat_map(times).collect();
        let times: BTreeSet<i64> = stored.iter().copied().collect();
        let distinct = times.len() as u64;
        if distinct < samples && begun.elapsed() > TIMEOUT {
            let number = |at: i64| now - u64::try_from(at / 1_000_000).expect("it is later");
            let stored: BTreeSet<_> = times.into_iter().map(number).collect();
            let lost = (0..samples).filter(|number| !stored.contains(number));
            eprintln!("lost: {:?}", lost.collect::<Vec<_>>());
            for manager in &managers {
                let log = manager.server.log();
                let told = log.iter().filter(|line| !line.contains("\"INFO\""));
                eprintln!("{:#?}", told.collect::<Vec<_>>());
            }
        }
        if distinct == samples || begun.elapsed() > TIMEOUT {
            return Scaled {
                managers,
                lost: samples - distinct,
                doubled: stored.len() as u64 - distinct,
                directories,
            };
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// A client that keeps everything until the broker has it: `mosquitto_pub -l` ends before,
/// where lines come faster than the broker takes them.
struct Sender {
    runtime: tokio::runtime::Runtime,
    publisher: golden_mqtt::Publisher,
    _client: golden_mqtt::Client,
}

impl Sender {
    fn start(broker: &Mosquitto) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime of one thread needs nothing that could be missing");
        let address = broker.url().parse().expect("it is an address");
        let inside = runtime.enter();
        let settings = golden_mqtt::Settings::new(address, "sender");
        let (client, publisher, _) = golden_mqtt::start(settings);
        drop(inside);
        Self {
            runtime,
            publisher,
            _client: client,
        }
    }

    fn wait(&self) {
        self.runtime.block_on(self.publisher.emptied());
    }
}

/// The times of all samples in a history, of which the managers may be gone.
fn times(directory: &Directory) -> Vec<i64> {
    let history = rusqlite::Connection::open(directory.history()).expect("a manager made it");
    let mut statement = history
        .prepare("SELECT at FROM task_metrics")
        .expect("it has its tables");
    let rows = statement.query_map([], |row| row.get(0));
    rows.expect("it is whole")
        .map(|at| at.expect("it is a number"))
        .collect()
}

impl Scaled {
    /// The sum of a metric without labels over the managers that are left.
    pub fn sum(&self, name: &str) -> f64 {
        let managers = self.managers.iter();
        managers
            .map(|manager| manager.metrics().value(name, &[]))
            .sum()
    }
}
