//! Everything that is pushed arrives at a real Prometheus, by a real gateway: type,
//! labels and value as the process itself has them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use golden_metrics::model::{Metric, MetricType};
use golden_pushgateway::Pushgateway as Client;
use training::embedding_worker::EmbeddingWorker;
use training::faults::Faults;
use training::metrics::{EmbeddingWorkerMetrics, TrainerMetrics};
use training::node::{Node, Role};
use training::push::PushTask;
use training::shard::Shard;
use training::worker::Worker;

use super::wiring::{faults, shard, train};
use crate::support::peers;
use crate::support::prometheus::Prometheus;
use crate::support::pushgateway::Pushgateway;
use crate::support::steps::{self, steps};

type Labels = BTreeMap<String, String>;

/// The value that a series of Prometheus must have: every sample that one of ours becomes.
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

/// What was pushed of a training, and the Prometheus that it arrived at.
struct Arrived {
    prometheus: Prometheus,
    _gateway: Pushgateway,
    /// What the process says of itself.
    expected: BTreeMap<Labels, f64>,
    types: BTreeMap<String, MetricType>,
}

const JOB: &str = "dlrm v1.0";
const IP_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const TRAINED: u64 = 200;

/// A whole training in this process, so that what it says of itself can be asked
/// without the gateway.
#[test]
fn every_metric_arrives_with_type_labels_and_the_process_s_own_value() {
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
    let nodes = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("there are threads")
        .block_on(trained_and_pushed(gateway.address()));
    let (expected, types) = said(&nodes);
    // The last push has been scraped when its counter has.
    let steps = "sum(lookup_batched_time_cost_count)";
    prometheus.number_when(steps, |steps| steps == TRAINED as f64);
    let arrived = Arrived {
        prometheus,
        _gateway: gateway,
        expected,
        types,
    };
    steps::run(
        &arrived,
        &steps![
            what_should_be_rare_has_happened,
            values_and_labels_are_the_process_s_own_and_no_others_arrive,
            types_are_the_described_ones,
            histograms_arrive_native_and_classic,
            each_node_shows_that_it_lives,
        ],
    );
}

/// Trains with two shards, a worker and a trainer, all of which push to the gateway to the
/// end, and returns them.
async fn trained_and_pushed(gateway: SocketAddr) -> Vec<Arc<Node>> {
    let faults = faults(Faults {
        table_capacity: 100,
        nan_every: 10,
        drift: 1.0,
        ..Faults::default()
    });
    let mut nodes = Vec::new();
    let shards = (0..2).map(|place| {
        let (shard, metrics) = shard(place, "1", &faults);
        nodes.push(Node::new(Role::ParameterServer, place, &*metrics));
        Shard::Local(shard)
    });
    let shards: Vec<_> = shards.collect();
    let worker_metrics = Arc::<EmbeddingWorkerMetrics>::default();
    nodes.push(Node::new(Role::EmbeddingWorker, 0, &*worker_metrics));
    let worker = EmbeddingWorker::new(shards, Some(worker_metrics));
    let trainer_metrics = Arc::<TrainerMetrics>::default();
    nodes.push(Node::new(Role::Trainer, 0, &*trainer_metrics));
    let nodes: Vec<_> = nodes.into_iter().map(Arc::new).collect();
    let client = Client::new(
        gateway.to_string().parse().expect("it is one"),
        Duration::from_secs(5),
    );
    let pushing: Vec<_> = nodes
        .iter()
        .map(|node| {
            let group = node.group(JOB, IP_ADDRESS);
            let group = group.expect("the name has no slash");
            PushTask::start(
                Arc::clone(node),
                client.clone(),
                group,
                Duration::from_millis(200),
                Arc::default(),
            )
        })
        .collect();
    let workers = vec![Worker::Local(Arc::new(worker))];
    train((TRAINED, 1), workers, faults, trainer_metrics).await;
    for pushing in pushing {
        pushing.end(false).await;
    }
    nodes
}

/// What the process says of itself; of pushing it says more since the last push.
fn said(nodes: &[Arc<Node>]) -> (BTreeMap<Labels, f64>, BTreeMap<String, MetricType>) {
    let mut expected: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut types = BTreeMap::new();
    for node in nodes {
        let group = node.group(JOB, IP_ADDRESS).expect("as before");
        let group: Labels = group
            .labels()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        for family in node.gather().expect("nothing fails") {
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
    (expected, types)
}

fn what_should_be_rare_has_happened(arrived: &Arrived) {
    let some = |name: &str| {
        arrived
            .expected
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
}

fn values_and_labels_are_the_process_s_own_and_no_others_arrive(arrived: &Arrived) {
    let stored: BTreeMap<Labels, f64> = arrived
        .prometheus
        .query(r#"{job="dlrm v1.0", __name__!~"metrics_push.*|push_.*"}"#)
        .iter()
        .filter_map(|series| {
            let labels = series["metric"].as_object()?.iter();
            let labels = labels
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
            let value = series["value"][1].as_str()?.parse().ok()?;
            Some((normalised(labels.collect()), value))
        })
        .collect();
    for (labels, value) in &arrived.expected {
        assert_eq!(stored.get(labels), Some(value), "{labels:?}");
    }
    assert_eq!(stored.len(), arrived.expected.len(), "others arrived");
}

fn types_are_the_described_ones(arrived: &Arrived) {
    let metadata = arrived.prometheus.api("metadata");
    for (name, kind) in &arrived.types {
        let expected = match kind {
            MetricType::Counter => "counter",
            MetricType::Histogram => "histogram",
            _ => "gauge",
        };
        assert_eq!(metadata[name][0]["type"], expected, "{name}");
    }
}

fn histograms_arrive_native_and_classic(arrived: &Arrived) {
    let histograms = arrived.types.iter();
    let histograms = histograms.filter(|(_, kind)| **kind == MetricType::Histogram);
    let names: Vec<_> = histograms.map(|(name, _)| name).collect();
    assert!(names.len() > 6, "the document alone has six: {names:?}");
    for name in names {
        let native = format!("sum(histogram_count({name}))");
        let classic = format!("sum({name}_count)");
        assert_eq!(
            arrived.prometheus.number(&native),
            arrived.prometheus.number(&classic),
            "{native}"
        );
    }
}

fn each_node_shows_that_it_lives(arrived: &Arrived) {
    let alive = r#"count(push_time_seconds{job="dlrm v1.0"})"#;
    assert_eq!(arrived.prometheus.number(alive), Some(4.0));
}
