//! The live page's functions are Prometheus', to the last digit: the same samples are
//! given to them and to `promtool test rules`, which runs Prometheus' own engine.

use std::time::Duration;

use crate::support::peers;
use crate::support::promtool::{Case, Near, judge, unlabelled};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use service::live::promql::{Bucket, Sample, histogram_quantile, increase, rate};

fn samples(values: &[(i64, f64)]) -> Vec<Sample> {
    values
        .iter()
        .map(|&(at, value)| Sample { at, value })
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
