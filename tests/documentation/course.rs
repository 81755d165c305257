//! The course's mysteries, from end to end: the service hides its distributions behind
//! a name, and who looks at it as a student would recovers them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::prometheus::Prometheus;
use crate::support::server::Server;
use crate::support::{http, peers};
use simulation::Mystery;
use workshop::checks::recover;
use workshop::mystery::{Distribution, Kind};
use workshop::stack::Stack;

const SALT: &str = "golden-signals";
// The draws of this seed are the same each time: nothing here is up to chance.
const SEED: &str = "11";
const REQUESTS: usize = 1500;

fn mystery(name: &str, salt: &str) -> Mystery {
    Mystery::new(&name.parse().expect("it is a name"), salt)
}

/// The first of many names whose values and delays follow such distributions.
fn name(value: &str, delay: &str) -> String {
    (0..10_000)
        .map(|number| format!("student-{number}"))
        .find(|name| {
            let mystery = mystery(name, SALT);
            mystery.value().to_string().starts_with(value)
                && mystery.delay().to_string().starts_with(delay)
                // Long beside what a busy machine adds, short enough to wait for.
                && (0.1..0.2).contains(&mystery.delay().mean())
        })
        .expect("every distribution is somebody's")
}

fn service(name: &str) -> Server {
    Server::start(&["--mystery", name, "--seed", SEED, "--traffic", "0"])
}

fn answer(exercise: usize, lines: &[String]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course");
    fs::create_dir_all(&folder).expect("the folder for tests can be written");
    let path = folder.join(format!("answer-{exercise}.txt"));
    let text = lines
        .iter()
        .zip(1..)
        .fold(String::new(), |text, (line, number)| {
            text + &format!("# {number}. Question\n{line}\n")
        });
    fs::write(&path, text).expect("the folder for tests can be written");
    path
}

/// The points that buckets show: bound, and the share up to it.
struct Points(Vec<(f64, f64)>);

impl Points {
    /// Where this share is reached, by straight lines between the points.
    fn quantile(&self, p: f64) -> f64 {
        let mut before = (0.0, 0.0);
        for &(bound, share) in &self.0 {
            if share >= p {
                return before.0 + (bound - before.0) * (p - before.1) / (share - before.1);
            }
            before = (bound, share);
        }
        before.0
    }
}

fn joined(numbers: &[f64]) -> String {
    let words: Vec<_> = numbers.iter().map(f64::to_string).collect();
    words.join(" ")
}

/// Hands the distribution in, with its own quantiles.
fn hand_in(exercise: usize, name: &str, bounds: &[f64], distribution: &str) -> String {
    let (kind, check): (_, fn(&Path, &Stack) -> _) = match exercise {
        11 => (Kind::Values, recover::values),
        _ => (Kind::Delays, recover::delays),
    };
    let fitted = Distribution::parse(kind, distribution).expect("it was written by rule");
    let quantiles = [0.5, 0.9, 0.99].map(|p| fitted.quantile(p));
    let lines = [
        name.to_owned(),
        joined(bounds),
        distribution.to_owned(),
        joined(&quantiles),
    ];
    check(&answer(exercise, &lines), &Stack::default())
        .unwrap_or_else(|finding| panic!("{distribution} by {name}: {finding:?}"))
        .expect("a right answer is told how near it is")
}

#[test]
fn the_distribution_of_the_delays_is_recovered_from_the_running_service() {
    let name = name("normal(", "lognormal(");
    let server = service(&name);
    let mean = mystery(&name, SALT).delay().mean();
    // A student finds out by looking; here it is known where to look.
    let bounds: Vec<_> = (0..20).map(|n| 0.25 * mean * 1.15_f64.powi(n)).collect();
    let file = answer(12, &[name.clone(), joined(&bounds)]);
    let from = server.url("/");
    let page = recover::page(Kind::Delays, &file, Some((&from, REQUESTS))).expect("it answers");

    let samples: BTreeMap<_, _> = page
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse::<f64>().ok()?)))
        .collect();
    let count = samples["http_request_duration_seconds_count"];
    let share = |bound: &f64| {
        let bucket = format!("http_request_duration_seconds_bucket{{le=\"{bound}\"}}");
        (*bound, samples[&bucket] / count)
    };
    let points = Points(bounds.iter().map(share).collect());
    // As the third hint has it: the median of a lognormal is mean / sqrt(1 + cv²).
    let mean = samples["http_request_duration_seconds_sum"] / count;
    let cv = ((mean / points.quantile(0.5)).powi(2) - 1.0)
        .max(0.01)
        .sqrt();
    let distribution = format!("lognormal(mean={:.1}ms, cv={cv:.2})", 1000.0 * mean);

    let said = hand_in(12, &name, &bounds, &distribution);
    assert!(said.contains("away from the truth"), "{said}");
    assert!(
        said.contains("The best that your 20 bounds could tell"),
        "{said}"
    );
}

#[test]
fn the_distribution_of_the_values_is_recovered_with_prometheus() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    let name = name("normal(", "");
    let server = service(&name);
    for path in ["/control/mystery", "/metrics", "/openapi.json"] {
        let page = http::get(server.address(), path, &[]);
        let distribution = mystery(&name, SALT).value().to_string();
        assert!(!page.text().contains(&distribution), "{path} tells");
    }
    // The traffic is the same as above: who asks sees the numbers as well.
    let bounds: Vec<_> = (1..=19).map(|n| 5.0 * f64::from(n)).collect();
    let file = answer(11, &[name.clone(), joined(&bounds)]);
    let from = server.url("/");
    recover::page(Kind::Values, &file, Some((&from, REQUESTS))).expect("it answers");

    let prometheus = Prometheus::scraping(&binary, server.address());
    prometheus.number_when("histogram_count(random_value)", |count| {
        count > 0.9 * REQUESTS as f64
    });
    let share = |bound: &f64| {
        let query = format!("histogram_fraction(-Inf, {bound}, random_value)");
        (*bound, prometheus.number(&query).expect("it has counted"))
    };
    let points = Points(bounds.iter().map(share).collect());
    // Of a bell, 68% lie within one `sd` of the mean.
    let sd = (points.quantile(0.84) - points.quantile(0.16)) / 2.0;
    let distribution = format!("normal(mean={:.1}, sd={sd:.1})", points.quantile(0.5));

    let said = hand_in(11, &name, &bounds, &distribution);
    assert!(said.contains("away from the truth"), "{said}");
}
