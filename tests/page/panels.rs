//! What the live page draws is what its PromQL says: the samples of metrics like the
//! service's are given to `promtool test rules`, and every query that the page shows
//! must return what the page makes of them.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::support::peers;
use crate::support::promtool::{Case, Near, Returned, judge, unlabelled};
use prometheus_client::encoding::prometheus_protobuf::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use service::live::history::History;
use service::live::model::ModelNow;
use service::live::panels::{Distribution, Point, Process, Queries, Range};

type LabelPairs = Vec<(&'static str, &'static str)>;

/// Metrics like the service's, moved at random.
struct Pretended {
    registry: Registry,
    requests: Family<LabelPairs, Counter>,
    durations: Family<LabelPairs, Histogram>,
    saturation: Family<LabelPairs, Gauge<f64, AtomicU64>>,
    cpu: Counter<f64, AtomicU64>,
    predictions: Family<LabelPairs, Counter>,
    scores: Family<LabelPairs, Histogram>,
    outcomes: Family<LabelPairs, Counter>,
    labels: Counter,
    label_delays: Family<LabelPairs, Histogram>,
    gauges: Vec<Gauge<f64, AtomicU64>>,
}

impl Pretended {
    fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        registry.register("http_requests", "requests", requests.clone());
        let buckets: fn() -> Histogram = || Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0]);
        let durations = Family::new_with_constructor(buckets);
        registry.register(
            "http_request_duration_seconds",
            "durations",
            durations.clone(),
        );
        let saturation = Family::default();
        registry.register("saturation_ratio", "saturation", saturation.clone());
        let cpu = Counter::default();
        registry.register("process_cpu_seconds", "cpu", cpu.clone());
        let predictions = Family::default();
        registry.register("predictions", "predictions", predictions.clone());
        let buckets: fn() -> Histogram = || Histogram::new([0.1, 0.25, 0.5, 0.8]);
        let scores = Family::new_with_constructor(buckets);
        registry.register("prediction_score", "scores", scores.clone());
        let reference = Family::<LabelPairs, Gauge<f64, AtomicU64>>::default();
        for (bound, share) in [("0.1", 0.2), ("0.25", 0.4), ("0.5", 0.5), ("0.8", 0.9)] {
            reference.get_or_create(&vec![("bound", bound)]).set(share);
        }
        let name = "prediction_score_reference_ratio";
        registry.register(name, "reference", reference);
        let outcomes = Family::default();
        registry.register("prediction_outcomes", "outcomes", outcomes.clone());
        let labels = Counter::default();
        registry.register("labels", "labels", labels.clone());
        let buckets: fn() -> Histogram = || Histogram::new([1.0, 10.0, 60.0]);
        let label_delays = Family::new_with_constructor(buckets);
        registry.register("label_delay_seconds", "delays", label_delays.clone());
        let names = [
            "process_open_fds",
            "process_resident_memory_bytes",
            "process_start_time_seconds",
            "process_threads",
        ];
        let gauges = names.map(|name| {
            let gauge = Gauge::default();
            registry.register(name, name, gauge.clone());
            gauge
        });
        gauges[2].set(0.25);
        Self {
            registry,
            requests,
            durations,
            saturation,
            cpu,
            predictions,
            scores,
            outcomes,
            labels,
            label_delays,
            gauges: gauges.into(),
        }
    }

    fn move_on(&self, random: &mut StdRng) {
        for (route, method) in [("/random", "GET"), ("/random", "HEAD"), ("/metrics", "GET")] {
            for (status, outcome, often) in [
                ("200", "success", 30),
                ("500", "server_error", 4),
                ("499", "cancelled", 2),
                ("422", "client_error", 1),
            ] {
                let labels = vec![("method", method), ("route", route), ("status", status)];
                let requests = random.random_range(0..often);
                self.requests.get_or_create(&labels).inc_by(requests);
                let labels = vec![("method", method), ("route", route), ("outcome", outcome)];
                for _ in 0..requests {
                    self.durations
                        .get_or_create(&labels)
                        .observe(random.random_range(0.0..0.7));
                }
            }
        }
        for resource in ["cpu", "memory", "queue"] {
            let ratio = random.random_range(0.0..1.0);
            self.saturation
                .get_or_create(&vec![("resource", resource)])
                .set(ratio);
        }
        self.predict(random);
        self.cpu.inc_by(random.random_range(0.0..0.3));
        for gauge in [&self.gauges[0], &self.gauges[1], &self.gauges[3]] {
            gauge.set(f64::from(random.random_range(1..1_000_u32)));
        }
    }

    fn predict(&self, random: &mut StdRng) {
        for by in ["model", "rules"] {
            for _ in 0..random.random_range(1..9) {
                self.predictions.get_or_create(&vec![("by", by)]).inc();
                let scores = self.scores.get_or_create(&vec![("by", by)]);
                scores.observe(random.random_range(0.0..1.0));
            }
            for predicted in ["good", "bad"] {
                for actual in ["good", "bad"] {
                    let labels = vec![("by", by), ("predicted", predicted), ("actual", actual)];
                    let labelled = random.random_range(0..4);
                    self.outcomes.get_or_create(&labels).inc_by(labelled);
                    self.labels.inc_by(labelled);
                    let delays = self.label_delays.get_or_create(&vec![("segment", by)]);
                    delays.observe(random.random_range(0.0..30.0));
                }
            }
        }
    }
}

/// What buckets hold with those below them, as `sum by (le)` returns it.
fn cumulative(bounds: &[f64], counts: &[f64]) -> Returned {
    let mut below = 0.0;
    let buckets = bounds.iter().zip(counts).map(|(bound, count)| {
        below += count;
        let le = if bound.is_infinite() {
            "+Inf".to_owned()
        } else {
            bound.to_string()
        };
        (format!("{{le={le:?}}}"), below)
    });
    buckets.collect()
}

/// Every query that the page shows returns what the page draws.
#[test]
fn the_queries_say_what_the_panels_show() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let mut random = StdRng::seed_from_u64(9);
    let pretended = Pretended::new();
    let mut history = History::new(Duration::from_secs(600));
    let mut case = Case::new(1_000);
    let mut asked = Vec::new();

    for second in 0..90_i64 {
        // A hole of some seconds, as when the machine slept.
        if (40..47).contains(&second) {
            continue;
        }
        // From 60 s on there are no requests: no quantile, no ratio of errors.
        if second < 60 {
            pretended.move_on(&mut random);
        }
        let at = second * 1_000;
        history.record(&encode(&pretended.registry).unwrap(), at);
        for range in Range::ALL {
            if [0, 1, 5, 30, 48, 59, 66, 75, 89].contains(&second) {
                asked.push((at, range));
            }
        }
    }
    for (name, labels, samples) in history.all() {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}={value:?}"))
            .collect();
        let samples: Vec<_> = samples.iter().copied().collect();
        case.series(&format!("{name}{{{}}}", labels.join(",")), &samples);
    }

    let by = |label: &str, values: &BTreeMap<String, f64>| -> Returned {
        values
            .iter()
            .map(|(text, value)| (format!("{{{label}={text:?}}}"), *value))
            .collect()
    };
    for (at, range) in asked {
        let queries = Queries::new(range);
        let point = Point::at(&history, at, range);
        let process = Process::at(&history, at, range);
        let distribution = Distribution::at(&history, at);
        // Where the page draws nothing, Prometheus says NaN, or, after the first
        // scrape alone, returns nothing.
        let unknown = (at > 0).then_some(f64::NAN);

        case.expect(
            &queries.traffic,
            at,
            &by("status", &point.traffic),
            Near::Summed,
        );
        let quantiles = [
            (&queries.p50, point.p50),
            (&queries.p95, point.p95),
            (&queries.p99, point.p99),
        ];
        for (query, value) in quantiles {
            let value = value.or(unknown);
            case.expect(query, at, &unlabelled(value), Near::Summed);
        }
        let errors = point.errors.or(unknown);
        case.expect(&queries.errors, at, &unlabelled(errors), Near::Summed);
        case.expect(
            &queries.saturation,
            at,
            &by("resource", &point.saturation),
            Near::Equal,
        );
        let fullest = point.saturation.values().copied().reduce(f64::max);
        let fullest_ratio = format!("max({})", queries.fullest);
        case.expect(&fullest_ratio, at, &unlabelled(fullest), Near::Equal);

        let durations = cumulative(&distribution.bounds, &distribution.counts);
        case.expect(&queries.distribution, at, &durations, Near::Summed);

        let model = ModelNow::at(&history, at);
        for (query, value) in [
            (&queries.model.fallback, point.fallback.or(unknown)),
            (&queries.model.distance, model.distance.or(unknown)),
            (&queries.model.chance, model.chance),
            (&queries.model.accuracy, model.accuracy.or(unknown)),
            (&queries.model.labels, model.labels),
            (&queries.model.label_delay, model.label_delay.or(unknown)),
        ] {
            case.expect(query, at, &unlabelled(value), Near::Summed);
        }
        let cumulative = cumulative(&model.bounds, &model.counts);
        case.expect(&queries.model.scores, at, &cumulative, Near::Summed);

        case.expect(&queries.cpu, at, &unlabelled(process.cpu), Near::Equal);
        // A name stays on a plain selector: take it off.
        for (query, value) in [
            (&queries.memory, process.memory),
            (&queries.threads, process.threads),
            (&queries.fds, process.fds),
            (&queries.uptime, process.uptime),
        ] {
            case.expect(
                &format!("{query} + 0"),
                at,
                &unlabelled(value),
                Near::Summed,
            );
        }
    }
    judge(&promtool, "panels", vec![case]);
}
