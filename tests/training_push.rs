//! Pushing, seen from the gateway and from Prometheus: everything arrives, apart
//! from everything else, and whatever becomes of the gateway, the training goes on.

mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use golden_signals::signals::model::{Metric, MetricType};
use golden_signals::training::dense::DenseNetwork;
use golden_signals::training::embedding_worker::EmbeddingWorker;
use golden_signals::training::faults::Faults;
use golden_signals::training::metrics::{
    EmbeddingWorkerMetrics, ParameterServerMetrics, TrainerMetrics, descriptions,
};
use golden_signals::training::node::{Node, Role};
use golden_signals::training::parameter_server::ParameterServer;
use golden_signals::training::push::Pushing;
use golden_signals::training::shard::Shard;
use golden_signals::training::trainer::{Progress, Settings, Start, Trainer};
use golden_signals::training::worker::Worker;
use golden_signals::transport::pushgateway::Pushgateway as Client;
use support::peers;
use support::prometheus::Prometheus;
use support::pushgateway::{FakeGateway, Pushgateway, free_address};
use support::training::{Job, Training};
use tokio::sync::watch;

const FEW: &[&str] = &[
    "--batch-size",
    "64",
    "--held-out",
    "256",
    "--evaluate-every",
    "20",
];

/// With the arguments that make a small training, which takes little of a machine.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [FEW, more].concat()
}

type Labels = BTreeMap<String, String>;

/// What a series of Prometheus must be worth: every sample that one of ours becomes.
fn samples(name: &str, metric: &Metric, group: &Labels) -> Vec<(Labels, f64)> {
    let mut labels = group.clone();
    for label in &metric.label {
        labels.insert(label.name.clone(), label.value.clone());
    }
    let named = |suffix: &str, more: Option<f64>| {
        let mut labels = labels.clone();
        labels.insert("__name__".to_owned(), format!("{name}{suffix}"));
        if let Some(bound) = more {
            // As Prometheus writes bounds: whole ones with a fraction.
            let bound = if bound.is_infinite() {
                "+Inf".to_owned()
            } else {
                format!("{bound:?}")
            };
            labels.insert("le".to_owned(), bound);
        }
        labels
    };
    if let Some(counter) = &metric.counter {
        return vec![(named("", None), counter.value)];
    }
    if let Some(gauge) = &metric.gauge {
        return vec![(named("", None), gauge.value)];
    }
    let histogram = metric.histogram.as_ref().expect("it is one of the three");
    let mut samples = vec![
        (named("_count", None), histogram.sample_count as f64),
        (named("_sum", None), histogram.sample_sum),
    ];
    for bucket in &histogram.bucket {
        samples.push((
            named("_bucket", Some(bucket.upper_bound)),
            bucket.cumulative_count as f64,
        ));
    }
    samples
}

/// A bound is the same number however it is written.
fn normalised(mut labels: Labels) -> Labels {
    if let Some(bound) = labels.get_mut("le")
        && let Ok(number) = bound.parse::<f64>()
        && number.is_finite()
    {
        *bound = format!("{number:?}");
    }
    labels
}

/// A whole training in this process, so that what it says of itself can be asked
/// without the gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_arrives_with_type_labels_and_the_process_s_own_value() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let Some(prometheus) = peers::require("prometheus") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let prometheus = Prometheus::configured(
        &prometheus,
        &format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: metrics_gateway\n    \
             honor_labels: true\n    always_scrape_classic_histograms: true\n    \
             static_configs:\n      - targets: ['{}']\n",
            gateway.address()
        ),
    );

    let faults = watch::channel(Faults {
        table_capacity: 100,
        nan_every: 10,
        drift: 1.0,
        ..Faults::default()
    });
    let mut nodes = Vec::new();
    let shards = (0..2).map(|place| {
        let metrics = Arc::<ParameterServerMetrics>::default();
        nodes.push(Node::new(
            Role::ParameterServer,
            place,
            Arc::clone(&metrics) as _,
        ));
        let always = "1".parse().expect("it is a probability");
        let shard = ParameterServer::new(place, always, 1, faults.1.clone(), None, Some(metrics));
        Shard::Local(Arc::new(shard))
    });
    let shards: Vec<_> = shards.collect();
    let worker_metrics = Arc::<EmbeddingWorkerMetrics>::default();
    nodes.push(Node::new(
        Role::EmbeddingWorker,
        0,
        Arc::clone(&worker_metrics) as _,
    ));
    let worker = EmbeddingWorker::new(shards, Some(worker_metrics));
    let trainer_metrics = Arc::<TrainerMetrics>::default();
    nodes.push(Node::new(
        Role::Trainer,
        0,
        Arc::clone(&trainer_metrics) as _,
    ));
    let nodes: Vec<_> = nodes.into_iter().map(Arc::new).collect();
    let ip_address = "192.0.2.7".parse().expect("it is one");
    let client = Client::new(
        gateway.address().to_string().parse().expect("it is one"),
        Duration::from_secs(5),
    );
    let pushing: Vec<_> = nodes
        .iter()
        .map(|node| {
            let group = node.group("dlrm v1.0", ip_address);
            let group = group.expect("the name has no slash");
            Pushing::start(
                Arc::clone(node),
                client.clone(),
                group,
                Duration::from_millis(200),
                Arc::default(),
            )
        })
        .collect();
    let trainer = Trainer {
        settings: Settings {
            name: "trainer-0".to_owned(),
            batch_size: 64,
            steps: Some(200),
            staleness_bound: 4,
            pending_bound: 8,
            examples_per_second: None,
            evaluate_every: 50,
            held_out: 256,
            checkpoint_every: u64::MAX,
            seed: 1,
        },
        workers: vec![Worker::Local(Arc::new(worker))],
        faults: faults.1.clone(),
        checkpoints: None,
        metrics: Some(trainer_metrics),
        progress: Arc::<Progress>::default(),
    };
    let start = Start {
        step: 0,
        age: 0.0,
        network: DenseNetwork::new(1),
    };
    let (_going_on, stop) = watch::channel(false);
    trainer.run(start, stop).await.expect("nobody refuses");
    for pushing in pushing {
        pushing.end(false).await;
    }

    // What the process says of itself; of pushing it says more since the last push.
    let mut expected: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut types = BTreeMap::new();
    for node in &nodes {
        let group = node.group("dlrm v1.0", ip_address).expect("as before");
        let group: Labels = group
            .labels()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        for family in node.registry().gather() {
            types.insert(family.name.clone(), family.r#type());
            if family.name.starts_with("metrics_push") {
                continue;
            }
            for metric in &family.metric {
                let samples = samples(&family.name, metric, &group);
                expected.extend(
                    samples
                        .into_iter()
                        .map(|(labels, value)| (normalised(labels), value)),
                );
            }
        }
    }
    let some = |name: &str| {
        expected
            .iter()
            .filter(|(labels, value)| labels["__name__"] == name && **value > 0.0)
            .count()
    };
    for name in [
        "index_miss_count",
        "gradient_id_miss_count",
        "nan_count",
        "evaluation_auc",
    ] {
        assert!(
            some(name) > 0,
            "{name} is 0 everywhere: this would show little"
        );
    }

    tokio::task::spawn_blocking(move || {
        // The last push has been scraped when its counter has.
        let steps = "sum(lookup_batched_time_cost_count)";
        prometheus.number_when(steps, |steps| steps == 200.0);
        let stored: BTreeMap<Labels, f64> = prometheus
            .query(r#"{job="dlrm v1.0", __name__!~"metrics_push.*|push_.*"}"#)
            .iter()
            .filter_map(|series| {
                let labels = series["metric"].as_object()?.iter();
                let labels = labels.map(|(name, value)| {
                    (name.clone(), value.as_str().unwrap_or_default().to_owned())
                });
                let value = series["value"][1].as_str()?.parse().ok()?;
                Some((normalised(labels.collect()), value))
            })
            .collect();
        for (labels, value) in &expected {
            assert_eq!(stored.get(labels), Some(value), "{labels:?}");
        }
        assert_eq!(stored.len(), expected.len(), "others arrived");

        let metadata = prometheus.api("metadata");
        for (name, kind) in types {
            let expected = match kind {
                MetricType::Counter => "counter",
                MetricType::Histogram => "histogram",
                _ => "gauge",
            };
            assert_eq!(metadata[&name][0]["type"], expected, "{name}");
        }
        for name in descriptions::ALL
            .iter()
            .filter(|metric| metric.kind == MetricType::Histogram)
        {
            let native = format!("sum(histogram_count({}))", name.name);
            let classic = format!("sum({}_count)", name.name);
            assert_eq!(
                prometheus.number(&native),
                prometheus.number(&classic),
                "{native}"
            );
        }
        // The natural sign of life, for each node.
        let alive = r#"count(push_time_seconds{job="dlrm v1.0"})"#;
        assert_eq!(prometheus.number(alive), Some(4.0));
    })
    .await
    .expect("as asserted");
}

#[test]
fn a_gateway_that_is_killed_has_everything_again_when_it_comes_back() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let mut gateway = Pushgateway::start(&binary);
    let job = Job::new("killed", gateway.address());
    let mut training = job.start(&small(&["--examples-per-second", "3000"]));
    let trainer: &[(&str, &str)] = &[("job", "killed"), ("role", "trainer")];
    let first = gateway.metrics_when("it pushes", |samples| {
        samples.sum("train_step", trainer) > 0.0
    });
    gateway.kill();
    // The process says so once, whatever nodes it is.
    training.lines_when("cannot push metrics", 1);
    // It trains on meanwhile.
    training.lines_when("examples/s", training.lines("examples/s").len() + 2);
    gateway.restart();
    let again = gateway.metrics_when("it is back", |samples| {
        samples
            .select("push_time_seconds", &[("job", "killed")])
            .count()
            == 4
    });
    let step = |samples: &support::samples::Samples| samples.value("train_step", trainer);
    assert!(step(&again) > step(&first));
    training.lines_when("pushes metrics again", 1);
    assert!(training.interrupt().success());
    assert_eq!(training.lines("cannot push metrics").len(), 1);
    assert_eq!(training.lines("pushes metrics again").len(), 1);

    // The last push was the last word: the gateway ends where the training did.
    let done = training.line_when("trained on");
    let last = gateway.metrics();
    let said = format!("to step {};", step(&last));
    assert!(
        done["message"].as_str().unwrap().contains(&said),
        "{done}, {said}"
    );
    assert_eq!(last.sum("staleness", &[("job", "killed")]), 0.0);
    for role in ["trainer", "embedding-worker", "parameter-server"] {
        let labels = [("job", "killed"), ("role", role)];
        assert!(last.sum("metrics_push_failures", &labels) > 0.0, "{role}");
    }
}

#[test]
fn whatever_a_gateway_answers_the_training_trains() {
    // Slow, refusing, ill, moved.
    let gateway = FakeGateway::start(200);
    let job = Job::new("ill", gateway.address());
    let mut training = job.start(&small(&["--examples-per-second", "3000"]));
    training.lines_when("examples/s", 1);
    let mut warnings = 0;
    for (status, reason) in [
        (0, "does not answer"),
        (400, "answers 400: why?"),
        (500, "answers 500: why?"),
        (301, "has moved to http://elsewhere/"),
    ] {
        gateway.answer_with(status);
        warnings += 1;
        let lines = training.lines_when("cannot push metrics", warnings);
        let error = lines[warnings - 1]["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{error}");
        // It goes on trying, and says nothing more; and it goes on training.
        let pushes = gateway.pushes();
        let steps = training.lines("examples/s").len();
        training.lines_when("examples/s", steps + 3);
        assert!(gateway.pushes() > pushes);
        assert_eq!(training.lines("cannot push metrics").len(), warnings);
        for line in training.lines_when("examples/s", steps + 3) {
            let rate = line["message"].as_str().unwrap_or_default();
            assert!(!rate.starts_with("0 "), "it stood still: {line}");
        }
        gateway.answer_with(202);
        training.lines_when("pushes metrics again", warnings);
    }
    // A last push that nobody takes does not keep it from ending.
    gateway.answer_with(0);
    assert!(training.interrupt().success());
}

#[test]
fn without_any_gateway_it_trains_to_the_end_and_without_metrics_it_pushes_nothing() {
    let job = Job::new("alone", free_address());
    let mut training = job.start(&small(&["--steps", "50"]));
    assert!(training.wait().success());
    assert_eq!(training.lines("cannot push metrics").len(), 1);
    training.line_when("trained on 50 batches (3200 examples)");

    let gateway = FakeGateway::start(200);
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args(["train", "--log-format", "json", "--steps", "50"])
        .args(FEW)
        .env("PERSIA_METRICS_GATEWAY_ADDR", gateway.address().to_string());
    let mut training = Training::spawn(command);
    assert!(training.wait().success());
    training.line_when("trained on 50 batches");
    assert_eq!(gateway.pushes(), 0);
}

#[test]
fn two_jobs_on_one_gateway_stay_apart_and_can_be_deleted() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let (first, second) = (
        Job::new("first", gateway.address()),
        Job::new("second", gateway.address()),
    );
    let mut short = first.start(&small(&["--steps", "30"]));
    let mut long = second.start(&small(&["--steps", "70", "--delete-metrics"]));
    assert!(short.wait().success());
    assert!(long.wait().success());
    let samples = gateway.metrics();
    assert_eq!(samples.value("train_step", &[("job", "first")]), 30.0);
    // Each node of a job has a group of its own, though all are one process.
    let groups: Vec<_> = samples
        .select("push_time_seconds", &[("job", "first")])
        .collect();
    assert_eq!(groups.len(), 4);
    assert_eq!(
        samples.select("train_step", &[("job", "second")]).count(),
        0
    );
    assert_eq!(
        samples
            .select("push_time_seconds", &[("job", "second")])
            .count(),
        0
    );

    // And both at once, while they run.
    let mut one = first.start(&small(&["--examples-per-second", "2000"]));
    let mut other = second.start(&small(&["--examples-per-second", "2000"]));
    gateway.metrics_when("both push", |samples| {
        ["first", "second"]
            .iter()
            .all(|job| samples.sum("train_examples", &[("job", job)]) > 0.0)
    });
    assert!(one.interrupt().success() && other.interrupt().success());
}
