//! The live page's numbers are Prometheus': the same samples are given to the
//! page's evaluator and to `promtool test rules`, which runs Prometheus' own engine.
//!
//! To the last digit; only sums are compared with a tolerance of 1e-12, because
//! Prometheus adds with compensation (Kahan) and the page does not.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use golden_signals::service::live::history::History;
use golden_signals::service::live::panels::{Distribution, Point, Process, Queries, Range};
use golden_signals::service::live::promql::{Bucket, Sample, histogram_quantile, increase, rate};
use prometheus_client::encoding::prometheus_protobuf::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::peers;
use support::promtool::{Case, Near, Returned, judge};

fn samples(values: &[(i64, f64)]) -> Vec<Sample> {
    values
        .iter()
        .map(|&(at, value)| Sample { at, value })
        .collect()
}

fn unlabelled(value: Option<f64>) -> Returned {
    value
        .map(|value| ("{}".to_owned(), value))
        .into_iter()
        .collect()
}

/// A counter's `rate` and `increase`, at several times and over several ranges.
fn growth_case(counter: &[Sample], interval_ms: i64, times: &[i64], ranges: &[u64]) -> Case {
    let mut case = Case::new(interval_ms);
    case.series("x", counter);
    for &at in times {
        for &range in ranges {
            let of = Duration::from_millis(range);
            let rate = rate(counter, at, of);
            let increase = increase(counter, at, of);
            case.expect(
                &format!("rate(x[{range}ms])"),
                at,
                &unlabelled(rate),
                Near::Equal,
            );
            case.expect(
                &format!("increase(x[{range}ms])"),
                at,
                &unlabelled(increase),
                Near::Equal,
            );
        }
    }
    case
}

/// Counters as they come: scraped late, with holes, with restarts, from zero, from
/// far above zero, once, never.
#[test]
fn rate_and_increase_are_prometheus() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let mut random = StdRng::seed_from_u64(7);
    let mut cases = Vec::new();

    let told: [(&str, Vec<(i64, f64)>); 7] = [
        (
            "steady",
            (0..=20).map(|s| (s * 1_000, 5.0 * s as f64)).collect(),
        ),
        (
            "from far above zero",
            (0..=20)
                .map(|s| (s * 1_000, 1e6 + 3.0 * s as f64))
                .collect(),
        ),
        ("still", (0..=20).map(|s| (s * 1_000, 12.0)).collect()),
        (
            "restarted twice",
            vec![
                (0, 7.0),
                (1_000, 9.0),
                (2_000, 1.0),
                (3_000, 4.0),
                (4_000, 0.0),
                (5_000, 2.0),
            ],
        ),
        (
            "begins late",
            vec![(8_000, 0.0), (9_000, 4.0), (10_000, 6.0)],
        ),
        (
            "a hole",
            vec![
                (0, 1.0),
                (1_000, 2.0),
                (2_000, 3.0),
                (9_000, 40.0),
                (10_000, 41.0),
            ],
        ),
        ("one sample", vec![(9_000, 40.0)]),
    ];
    for (_, counter) in &told {
        let times = [500, 1_000, 5_000, 9_500, 10_000, 10_100, 15_000];
        cases.push(growth_case(
            &samples(counter),
            100,
            &times,
            &[2_000, 10_000, 30_000],
        ));
    }
    for _ in 0..150 {
        let mut counter = Vec::new();
        let mut value = if random.random_bool(0.5) {
            0.0
        } else {
            random.random_range(0.0..1e5)
        };
        for second in 0..30_i64 {
            if random.random_bool(0.15) {
                continue;
            }
            if random.random_bool(0.05) {
                value = 0.0;
            }
            if random.random_bool(0.8) {
                value += f64::from(random.random_range(0..50_u32)) / 3.0;
            }
            let late = random.random_range(0..40) * 10;
            counter.push(Sample {
                at: second * 1_000 + late,
                value,
            });
        }
        let times = [3_330, 10_000, 17_010, 28_000, 33_000];
        cases.push(growth_case(
            &counter,
            10,
            &times,
            &[1_000, 5_000, 10_000, 30_000],
        ));
    }
    judge(&promtool, "rate", cases);
}

/// Histograms of every kind: whole, empty, without `+Inf`, below zero, torn.
#[test]
fn histogram_quantile_is_prometheus() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let mut random = StdRng::seed_from_u64(8);
    // Bounds as text, because two texts may mean one bound.
    let mut told: Vec<Vec<(String, f64)>> = [
        vec![("0.1", 10.0), ("0.5", 60.0), ("1", 90.0), ("+Inf", 100.0)],
        vec![("0.1", 0.0), ("0.5", 0.0), ("+Inf", 0.0)],
        vec![("0.1", 10.0), ("0.5", 60.0)],
        vec![("+Inf", 60.0)],
        vec![("0.1", 0.0), ("+Inf", 60.0)],
        vec![("-1", 5.0), ("0", 20.0), ("1", 50.0), ("+Inf", 50.0)],
        vec![("0", 20.0), ("1", 50.0), ("+Inf", 50.0)],
        vec![
            ("0.1", 10.0),
            ("0.5", 9.0),
            ("1", 12.0),
            ("2", 3.0),
            ("+Inf", 11.0),
        ],
        vec![
            ("0.1", 10.0),
            ("0.5", 10.000_000_000_000_002),
            ("1", 10.0),
            ("+Inf", 10.0),
        ],
        vec![
            ("1", 3.0),
            ("1.0", 4.0),
            ("1.00", 5.0),
            ("2", 20.0),
            ("+Inf", 21.0),
        ],
        vec![
            ("0.1", 0.0),
            ("0.5", 0.0),
            ("1", 7.0),
            ("2", 7.0),
            ("+Inf", 7.0),
        ],
    ]
    .into_iter()
    .map(|buckets| {
        buckets
            .into_iter()
            .map(|(le, count)| (le.to_owned(), count))
            .collect()
    })
    .collect();
    for _ in 0..60 {
        let (mut bound, mut count) = (0.0, 0.0);
        let mut buckets = Vec::new();
        for _ in 0..random.random_range(2..15) {
            bound += random.random_range(0.001..0.5);
            count += f64::from(random.random_range(0..90_u32)) / 7.0;
            // Now and then torn, as if scraped in the middle of an observation.
            let torn = if random.random_bool(0.1) { 0.5 } else { 1.0 };
            buckets.push((format!("{bound}"), count * torn));
        }
        buckets.push(("+Inf".to_owned(), count));
        told.push(buckets);
    }

    let cases = told.iter().map(|buckets| {
        let mut case = Case::new(1_000);
        for (le, count) in buckets {
            case.series(
                &format!("x_bucket{{le=\"{le}\"}}"),
                &samples(&[(0, *count)]),
            );
        }
        for q in [0.0, 0.01, 0.3, 0.5, 0.9, 0.95, 0.99, 1.0, -0.1, 1.1] {
            let mut buckets: Vec<_> = buckets
                .iter()
                .map(|(le, count)| Bucket {
                    upper_bound: le.parse().unwrap(),
                    count: *count,
                })
                .collect();
            let value = histogram_quantile(q, &mut buckets);
            let query = format!("histogram_quantile({q}, x_bucket)");
            case.expect(&query, 0, &unlabelled(Some(value)), Near::Equal);
        }
        case
    });
    judge(&promtool, "quantile", cases.collect());
    assert!(
        histogram_quantile(
            f64::NAN,
            &mut [Bucket {
                upper_bound: f64::INFINITY,
                count: 1.0
            }]
        )
        .is_nan()
    );
    assert!(histogram_quantile(0.5, &mut []).is_nan());
}

type LabelPairs = Vec<(&'static str, &'static str)>;

/// Metrics like the service's, moved at random.
struct Pretended {
    registry: Registry,
    requests: Family<LabelPairs, Counter>,
    durations: Family<LabelPairs, Histogram>,
    saturation: Family<LabelPairs, Gauge<f64, AtomicU64>>,
    cpu: Counter<f64, AtomicU64>,
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
        self.cpu.inc_by(random.random_range(0.0..0.3));
        for gauge in [&self.gauges[0], &self.gauges[1], &self.gauges[3]] {
            gauge.set(f64::from(random.random_range(1..1_000_u32)));
        }
    }
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
        // From 60 s on nobody asks for anything: no quantile, no share of errors.
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

        let mut below = 0.0;
        let cumulative =
            distribution
                .bounds
                .iter()
                .zip(&distribution.counts)
                .map(|(bound, count)| {
                    below += count;
                    let le = if bound.is_infinite() {
                        "+Inf".to_owned()
                    } else {
                        bound.to_string()
                    };
                    (format!("{{le={le:?}}}"), below)
                });
        case.expect(
            &queries.distribution,
            at,
            &cumulative.collect(),
            Near::Summed,
        );

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
