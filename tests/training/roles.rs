//! The roles as processes of their own: they find each other, wait for each
//! other, and resume where they were.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::peers;
use crate::support::pushgateway::{Pushgateway, free_address};
use crate::support::samples::Samples;
use crate::support::training::{Job, Training};

use super::resuming::files;

/// A training of four processes, small and slow enough to leave the machine alone.
struct Cluster {
    job: Job,
    shards: Vec<String>,
    worker: String,
}

impl Cluster {
    fn new(name: &str, gateway: &Pushgateway) -> Self {
        Self {
            job: Job::new(name, gateway.address()),
            shards: (0..2).map(|_| free_address().to_string()).collect(),
            worker: free_address().to_string(),
        }
    }

    fn start(&self, role: &str, more: &[&str]) -> Training {
        let shards = self.shards.join(",");
        let arguments = [
            "--role",
            role,
            "--parameter-servers",
            &shards,
            "--embedding-workers",
            &self.worker,
        ];
        self.job.start(&[&arguments, more].concat())
    }

    fn shard(&self, place: usize, more: &[&str]) -> Training {
        let bind = ["--bind", &self.shards[place]];
        self.start("parameter-server", &[&bind, more].concat())
    }

    fn worker(&self) -> Training {
        self.start("embedding-worker", &["--bind", &self.worker])
    }

    fn trainer(&self, more: &[&str]) -> Training {
        let small = [
            "--batch-size",
            "64",
            "--held-out",
            "256",
            "--evaluate-every",
            "50",
            "--examples-per-second",
            "6000",
        ];
        self.start("trainer", &[&small, more].concat())
    }
}

fn step(samples: &Samples) -> f64 {
    samples.sum("train_step", &[])
}

const SHARD_0: &[(&str, &str)] = &[("role", "parameter-server"), ("instance", "rep_0")];
const SHARD_1: &[(&str, &str)] = &[("role", "parameter-server"), ("instance", "rep_1")];

#[test]
fn the_roles_wait_for_each_other_and_outlive_each_other() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let cluster = Cluster::new("cluster", &gateway);

    // In the wrong order: the trainer first, then the worker, then the shards.
    let mut trainer = cluster.trainer(&[]);
    trainer.line_when("pushing metrics");
    let mut worker = cluster.worker();
    worker.address();
    // Each shard knows its place from its address.
    let mut shard_1 = cluster.shard(1, &[]);
    let mut shard_0 = cluster.shard(0, &[]);
    assert_eq!(shard_0.address(), cluster.shards[0]);
    assert_eq!(shard_1.line_when("listening")["replica"], 1);
    let mixed = "lookup_mixed_batch_time_cost_count";
    // Each role pushes on its own.
    let before = gateway.metrics_when("it trains", |samples| {
        let asked = |shard| samples.sum(mixed, shard) > 0.0;
        step(samples) > 100.0 && asked(SHARD_0) && asked(SHARD_1)
    });
    // Who needs whom, from which an alert learns that one is missing.
    assert_eq!(before.sum("num_shards", &[]), 2.0);
    assert_eq!(before.sum("num_workers", &[]), 1.0);
    assert_eq!(before.sum("node_ended", &[]), 0.0);

    // A shard dies, and all wait for it: at the start the worker may have waited for either.
    // What it pushed last stays at the gateway.
    let waits_for_0 = |worker: &Training| {
        let lines = worker.lines("waiting for a peer");
        let peer = cluster.shards[0].as_str();
        lines.iter().filter(|line| line["peer"] == peer).count()
    };
    let waited = waits_for_0(&worker);
    shard_0.kill();
    let waits = |samples: &Samples| samples.sum("shard_retries", &[]) > 0.0;
    let stands = gateway.metrics_when("the worker waits", waits);
    let killed = Instant::now();
    while waits_for_0(&worker) == waited {
        assert!(
            killed.elapsed() < TIMEOUT,
            "{:#?}",
            worker.lines("waiting for a peer")
        );
        thread::sleep(Duration::from_millis(20));
    }
    assert!(trainer.lines("trained on").is_empty());
    // It comes back empty: everything is missed again, and the training goes on.
    let mut shard_0 = cluster.shard(0, &[]);
    let goes_on = gateway.metrics_when("it goes on", |samples| {
        step(samples) > step(&stands) + 100.0 && samples.sum(mixed, SHARD_0) > 0.0
    });
    let entries = |samples: &Samples, labels| samples.value("embedding_table_entries", labels);
    let misses = |labels| goes_on.value("index_miss_count", labels);
    assert_eq!(misses(SHARD_0), entries(&goes_on, SHARD_0), "it began anew");
    assert!(entries(&goes_on, SHARD_0) < entries(&goes_on, SHARD_1));
    assert_eq!(
        goes_on.sum("batches_lost", &[]),
        0.0,
        "waiting loses nothing"
    );

    // The worker dies, and the batches in flight are lost.
    worker.kill();
    let mut worker = cluster.worker();
    let with_new = gateway.metrics_when("it goes on with a new worker", |samples| {
        step(samples) > step(&goes_on) + 200.0
    });
    let lost = with_new.sum("batches_lost", &[]);
    assert!(lost <= 10.0, "{lost}: more than were out");

    // The trainer ends, all its batches done; the others are there for the next.
    assert!(trainer.interrupt().success());
    trainer.line_when("trained on");
    let idle = |samples: &Samples| {
        samples.value("staleness", &[("role", "embedding-worker")]) == 0.0
            && samples.sum("num_pending_batches", &[]) == 0.0
    };
    gateway.metrics_when("nothing is left at the worker", idle);
    let mut trainer = cluster.trainer(&["--steps", "50"]);
    assert!(trainer.wait().success());
    // A trainer that dies leaves batches behind, which end when the next one starts.
    let mut dies = cluster.trainer(&[]);
    dies.line_when("examples/s");
    dies.kill();
    let mut last = cluster.trainer(&["--steps", "20"]);
    assert!(last.wait().success());
    gateway.metrics_when("nothing is left of either", idle);

    // Ctrl-C also ends it while it waits for a node that is gone.
    let mut waits = cluster.trainer(&["--evaluate-every", "1"]);
    waits.line_when("examples/s");
    worker.kill();
    waits.line_when("waiting for a peer");
    assert!(waits.interrupt().success(), "{:#?}", waits.log());
    waits.line_when("gave up the batches in flight");
    for process in [&mut shard_0, &mut shard_1] {
        assert!(process.interrupt().success(), "{:#?}", process.log());
        assert!(process.line_when("stopped; all requests served")["embeddings"].as_u64() > Some(0));
    }
    // They said that they would; the worker, which was killed, did not.
    let last = gateway.metrics();
    let ended = |labels| last.value("node_ended", labels);
    assert_eq!((ended(SHARD_0), ended(SHARD_1)), (1.0, 1.0));
    assert_eq!(ended(&[("role", "embedding-worker")]), 0.0);
}

#[test]
fn a_training_goes_on_from_its_checkpoint() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let job = Job::new("resumed", gateway.address());
    let directory = job.file("checkpoints");
    let arguments = |steps: &'static str| {
        let directory = directory.to_str().expect("it is UTF-8").to_owned();
        vec![
            "--batch-size=64".to_owned(),
            "--held-out=256".to_owned(),
            "--checkpoint-every=40".to_owned(),
            "--resume".to_owned(),
            format!("--checkpoints={directory}"),
            format!("--steps={steps}"),
        ]
    };
    let run = |steps| {
        let arguments = arguments(steps);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut training = job.start(&arguments);
        let status = training.wait();
        (training, status)
    };
    // Nothing has been saved yet: it begins at the beginning.
    let (first, status) = run("100");
    assert!(status.success());
    // Every 40 steps, and at the end.
    assert_eq!(first.lines("saved a checkpoint").len(), 3);
    let entries =
        |labels: &[(&str, &str)]| gateway.metrics().value("embedding_table_entries", labels);
    let (before_0, before_1) = (entries(SHARD_0), entries(SHARD_1));

    let (second, status) = run("120");
    assert!(status.success());
    let resumed = second.line_when("resuming from a checkpoint");
    assert_eq!(
        second.lines("resuming from a checkpoint").len(),
        3,
        "{resumed}"
    );
    second.line_when("trained on 20 batches");
    let now = gateway.metrics();
    assert_eq!(step(&now), 120.0);
    for (labels, before) in [(SHARD_0, before_0), (SHARD_1, before_1)] {
        // What was loaded is no miss: only the ids of the last 20 batches can be.
        assert!(now.value("index_miss_count", labels) < before / 1.5);
        assert_eq!(now.value("set_embedding_time_cost_count", labels), 1.0);
    }

    // A file that is not a checkpoint is named, once, and nothing is trained.
    let shard_1 = files(&directory)
        .into_iter()
        .find(|name| name.starts_with("shard-1-of-2.step-120."))
        .expect("it is complete");
    fs::write(directory.join(&shard_1), b"").expect("the directory is ours");
    let (third, status) = run("150");
    assert_eq!(status.code(), Some(2));
    let line = third.log().last().cloned().expect("it says why");
    let line = line.as_str().expect("it is no log line").to_owned();
    for part in [shard_1.as_str(), "it is empty (0 bytes)", "--checkpoints"] {
        assert!(
            line.starts_with("error: ") && line.matches(part).count() == 1,
            "{part}: {line}"
        );
    }
}

/// Batches that are not looked up yet are dropped, however slowly they arrive; what was
/// learned is saved.
#[test]
fn ctrl_c_finishes_the_batches_in_flight_and_no_others() {
    let job = Job::new("stopped", free_address());
    let directory = job.file("checkpoints");
    let checkpoints = format!("--checkpoints={}", directory.display());
    // One batch in 64 seconds, and four are drawn ahead.
    let slow = [
        "--batch-size=64",
        "--examples-per-second=1",
        "--progress-every=100ms",
    ];
    let mut training = job.start(&[&slow[..], &[checkpoints.as_str()]].concat());
    let mut seen = 0;
    loop {
        let lines = training.lines_when("examples/s", seen + 1);
        seen = lines.len();
        if lines[seen - 1]["step"] == 1 {
            break;
        }
    }
    assert!(training.interrupt().success(), "{:#?}", training.log());
    training.line_when("trained on 1 batches (64 examples)");
    assert!(training.lines("gave up the batches").is_empty());
    assert_eq!(training.line_when("saved a checkpoint")["step"], 1);
    let saved = files(&directory);
    for part in ["shard-0-of-2.step-1.", "shard-1-of-2.step-1.", "trainer."] {
        assert!(saved.iter().any(|name| name.starts_with(part)), "{saved:?}");
    }
}

#[test]
fn faults_change_while_it_runs() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let job = Job::new("faulty", gateway.address());
    let file = job.file("faults.yaml");
    fs::write(&file, "# all is well\n").expect("the directory is ours");
    let mut training = job.start(&[
        "--batch-size=64",
        "--held-out=256",
        "--examples-per-second=6000",
        &format!("--faults-file={}", file.display()),
    ]);
    let healthy = gateway.metrics_when("it trains", |samples| step(samples) > 50.0);
    for name in [
        "nan_count",
        "nan_grad_skipped",
        "embedding_evictions",
        "gradient_id_miss_count",
    ] {
        assert_eq!(healthy.sum(name, &[]), 0.0, "{name}");
    }

    fs::write(
        &file,
        "nan_every: 5\nnan_feature: user\nmasked_features: [context]\ntable_capacity: 50\nslow_shard: 1=20ms\n",
    )
    .expect("the directory is ours");
    training.line_when("faults changed");
    let slow = |samples: &Samples, labels: &[(&str, &str)]| {
        let mean =
            |what: &str| samples.value(&format!("lookup_mixed_batch_time_cost_{what}"), labels);
        mean("sum") / mean("count")
    };
    let ill = gateway.metrics_when("the faults show", |samples| {
        samples.sum("nan_count", &[("feat", "user")]) > 0.0
            && samples.sum("nan_grad_skipped", &[("feat", "context")]) > 0.0
            && samples.sum("embedding_evictions", &[]) > 0.0
            && samples.sum("gradient_id_miss_count", &[]) > 0.0
            && slow(samples, SHARD_1) > 4.0 * slow(samples, SHARD_0)
    });
    assert_eq!(ill.value("nan_count", &[("feat", "item")]), 0.0);
    assert_eq!(ill.value("embedding_table_capacity", SHARD_0), 50.0);

    // Nonsense changes nothing, and is complained about once.
    fs::write(&file, "nan_evry: 5\n").expect("the directory is ours");
    let complaint = training.line_when("cannot apply the faults file; faults unchanged");
    assert!(
        complaint["wrong"].as_str().unwrap().contains("nan_evry"),
        "{complaint}"
    );
    fs::write(&file, "slow_shard: 2=1ms\n").expect("the directory is ours");
    let complaints = training.lines_when("cannot apply the faults file; faults unchanged", 2);
    let complaint = complaints[1]["wrong"].as_str().unwrap();
    assert_eq!(complaint, "slow_shard: 2: the shards are 0 to 1");
    fs::write(&file, "slow_shard: none\n").expect("the directory is ours");
    training.lines_when("faults changed", 2);
    assert_eq!(
        training
            .lines("cannot apply the faults file; faults unchanged")
            .len(),
        2
    );
    assert!(training.interrupt().success());
}
