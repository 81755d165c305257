//! What the page shows of the model behind `/predict`, each with the PromQL that says the
//! same: who answered, how the scores are distributed against those of wines held out, and
//! what has come out, as far as somebody has said so.
//!
//! Text and arithmetic stand side by side here as in [`super::panels`], and are compared in
//! the same way.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::history::{
    History, LABEL_DELAY, LABELS, Labels, OUTCOMES, PREDICTIONS, SCORE, SCORE_REFERENCE,
};
use super::panels::Range;
use super::promql::{Bucket, Sample, histogram_quantile, increase, rate};

/// The range over which scores and labels are counted: of the default traffic, two
/// predictions a second, a minute has too few to say anything. Samples are kept for three.
const RANGE: Duration = Duration::from_secs(120);
const RANGE_TEXT: &str = "2m";

/// The PromQL of the model's panel.
#[derive(Clone, Debug, Serialize)]
pub struct ModelQueries {
    /// The share of predictions that the rules made, 0..1.
    pub fallback: String,
    /// Predictions of two minutes by bucket of their score, cumulative.
    pub scores: String,
    /// How far the scores are from their reference, 0..1.
    pub distance: String,
    /// What chance explains of that, in 99 of 100 cases.
    pub chance: String,
    /// The share of the model's labelled predictions that were right, 0..1.
    pub accuracy: String,
    /// Labels of two minutes.
    pub labels: String,
    /// Seconds within which half of them came.
    pub label_delay: String,
}

impl ModelQueries {
    /// The queries, with the given range in the rate of the fallback.
    pub fn new(range: Range) -> Self {
        let all = format!("{SCORE}_bucket{{le=\"+Inf\"}}");
        let right = |what: &str| {
            format!(
                "sum(rate({OUTCOMES}{{by=\"model\",predicted=\"{what}\",actual=\"{what}\"}}[{RANGE_TEXT}]))"
            )
        };
        Self {
            fallback: format!(
                "sum(rate({PREDICTIONS}{{by=\"rules\"}}[{range}])) / sum(rate({PREDICTIONS}[{range}]))"
            ),
            scores: format!("sum by (le) (increase({SCORE}_bucket[{RANGE_TEXT}]))"),
            distance: format!(
                "max(abs(sum by (le) (rate({SCORE}_bucket{{le!=\"+Inf\"}}[{RANGE_TEXT}])) \
                 / scalar(sum(rate({all}[{RANGE_TEXT}]))) \
                 - on (le) label_replace(max by (bound) ({SCORE_REFERENCE}), \
                 \"le\", \"$1\", \"bound\", \"(.+)\")))"
            ),
            chance: format!("1.63 / sqrt(sum(increase({all}[{RANGE_TEXT}])) > 0)"),
            accuracy: format!(
                "({} + {}) / sum(rate({OUTCOMES}{{by=\"model\"}}[{RANGE_TEXT}]))",
                right("good"),
                right("bad")
            ),
            labels: format!("sum(increase({LABELS}[{RANGE_TEXT}]))"),
            label_delay: format!(
                "histogram_quantile(0.5, sum by (le) (rate({LABEL_DELAY}_bucket[{RANGE_TEXT}])))"
            ),
        }
    }
}

/// The model at one moment. `None` where Prometheus would say NaN, or nothing.
#[derive(Clone, Debug, Serialize)]
pub struct ModelNow {
    /// Upper bounds of the scores' buckets, from the lowest; the last is infinite, `null` in
    /// JSON.
    pub bounds: Vec<f64>,
    /// Predictions of two minutes in each bucket alone: the differences between neighbours
    /// of [`ModelQueries::scores`].
    pub counts: Vec<f64>,
    /// The share of each bucket alone among wines held out.
    pub reference: Vec<f64>,
    /// [`ModelQueries::distance`]
    pub distance: Option<f64>,
    /// [`ModelQueries::chance`]
    pub chance: Option<f64>,
    /// [`ModelQueries::accuracy`]
    pub accuracy: Option<f64>,
    /// [`ModelQueries::labels`]
    pub labels: Option<f64>,
    /// [`ModelQueries::label_delay`]
    pub label_delay: Option<f64>,
}

impl ModelNow {
    /// Evaluates them at `at`.
    pub fn at(history: &History, at: i64) -> Self {
        let growth = |samples: &VecDeque<Sample>| increase(samples, at, RANGE);
        let per_second = |samples: &VecDeque<Sample>| rate(samples, at, RANGE);
        let buckets = buckets(history, SCORE, &growth);
        let reference = reference(history, at);
        let outcomes = |wanted: &dyn Fn(&Labels) -> bool| {
            let by_model = |labels: &Labels| labels.get("by").is_some_and(|by| by == "model");
            sum(
                history,
                OUTCOMES,
                &|l: &Labels| by_model(l) && wanted(l),
                &per_second,
            )
        };
        let right = |what: &'static str| {
            outcomes(&move |labels: &Labels| {
                ["predicted", "actual"]
                    .iter()
                    .all(|name| labels.get(*name).is_some_and(|is| is == what))
            })
        };
        let accuracy = match (right("good"), right("bad"), outcomes(&|_: &Labels| true)) {
            (Some(good), Some(bad), Some(all)) => known((good + bad) / all),
            _ => None,
        };
        let mut delays = self::buckets(history, LABEL_DELAY, &per_second);
        let total = buckets.last().map(|all| all.count);
        Self {
            distance: distance(&self::buckets(history, SCORE, &per_second), &reference),
            chance: total.filter(|all| *all > 0.0).map(|all| 1.63 / all.sqrt()),
            accuracy,
            labels: sum(history, LABELS, &|_: &Labels| true, &growth),
            label_delay: known(histogram_quantile(0.5, &mut delays)),
            reference: alone(reference.iter().map(|(_, share)| *share).chain([1.0])),
            counts: alone(buckets.iter().map(|bucket| bucket.count)),
            bounds: buckets.iter().map(|bucket| bucket.upper_bound).collect(),
        }
    }
}

/// [`ModelQueries::fallback`] at `at`, over `range`.
pub(super) fn fallback(history: &History, at: i64, range: Range) -> Option<f64> {
    let per_second = |samples: &VecDeque<Sample>| rate(samples, at, range.duration());
    let by_rules = |labels: &Labels| labels.get("by").is_some_and(|by| by == "rules");
    let rules = sum(history, PREDICTIONS, &by_rules, &per_second)?;
    known(rules / sum(history, PREDICTIONS, &|_: &Labels| true, &per_second)?)
}

type Growth<'a> = dyn Fn(&VecDeque<Sample>) -> Option<f64> + 'a;

/// `sum` of a function of the samples of each series that is wanted; `None` of none.
fn sum(
    history: &History,
    name: &str,
    wanted: &dyn Fn(&Labels) -> bool,
    growth: &Growth<'_>,
) -> Option<f64> {
    let series = history.select(name).filter(|(labels, _)| wanted(labels));
    let grown = series.filter_map(|(_, samples)| growth(samples));
    grown.reduce(|sum, more| sum + more)
}

/// `sum by (le)` of it, from the lowest bound.
fn buckets(history: &History, name: &str, growth: &Growth<'_>) -> Vec<Bucket> {
    let mut sums: Vec<Bucket> = Vec::new();
    for (labels, samples) in history.select(&format!("{name}_bucket")) {
        let bound = labels.get("le").and_then(|le| le.parse().ok());
        let (Some(upper_bound), Some(count)) = (bound, growth(samples)) else {
            continue;
        };
        let same = sums.iter_mut().find(|sum| sum.upper_bound == upper_bound);
        match same {
            Some(bucket) => bucket.count += count,
            None => sums.push(Bucket { upper_bound, count }),
        }
    }
    sums.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
    sums
}

/// The shares of scores up to each bound among wines held out, from the lowest.
fn reference(history: &History, at: i64) -> Vec<(f64, f64)> {
    let shares = history
        .select(SCORE_REFERENCE)
        .filter_map(|(labels, samples)| {
            let bound = labels.get("bound")?.parse().ok()?;
            let newest = samples.iter().rev().find(|sample| sample.at <= at)?;
            Some((bound, newest.value))
        });
    let mut shares: Vec<(f64, f64)> = shares.collect();
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    shares
}

/// The largest difference between shares and reference at any bound.
fn distance(buckets: &[Bucket], reference: &[(f64, f64)]) -> Option<f64> {
    let all = buckets.last()?.count;
    let apart = reference.iter().filter_map(|(bound, share)| {
        let bucket = buckets.iter().find(|bucket| bucket.upper_bound == *bound)?;
        known((bucket.count / all - share).abs())
    });
    apart.reduce(f64::max)
}

/// What each has more than the one before. Neighbours are extrapolated apart, so a
/// difference of nothing can come out as a tiny negative number.
fn alone(cumulative: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut below = 0.0;
    cumulative
        .map(|up_to| {
            let more = (up_to - below).max(0.0);
            below = up_to;
            more
        })
        .collect()
}

fn known(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
