//! What the page shows: four signals and the process, each with the PromQL that
//! says the same, and what it evaluates to.
//!
//! Text and arithmetic stand side by side here, because they must agree;
//! `tests/page/promql.rs` gives the text to `promtool` and compares. How the page draws
//! it is the page's matter.
//!
//! Latency counts successful answers only: an error that fails at once would make
//! a broken service look fast.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::history::{
    CPU_SECONDS, History, OPEN_FDS, REQUEST_DURATION, REQUESTS, RESIDENT_MEMORY, ROUTE,
    SATURATION_RATIO, START_TIME, THREADS,
};
use super::model::{self, ModelQueries};
use super::promql::{Bucket, Sample, histogram_quantile, increase, rate};

/// The range over which the distribution is counted. Longer than most rates':
/// a shape needs more requests than a mean.
pub const DISTRIBUTION_RANGE: Range = Range::OneMinute;

/// The range of a rate: over how much of the past it is a mean. A short one
/// follows a change at once and is noisy; a long one is smooth and late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// `[10s]`
    #[default]
    TenSeconds,
    /// `[30s]`
    ThirtySeconds,
    /// `[1m]`
    OneMinute,
}

/// A range that the page does not offer.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("range must be one of 10s, 30s, 1m; found {0:?}")]
pub struct UnknownRange(String);

impl Range {
    /// Every range, from the shortest.
    pub const ALL: [Self; 3] = [Self::TenSeconds, Self::ThirtySeconds, Self::OneMinute];

    /// How long it is.
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::TenSeconds => 10,
            Self::ThirtySeconds => 30,
            Self::OneMinute => 60,
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TenSeconds => "10s",
            Self::ThirtySeconds => "30s",
            Self::OneMinute => "1m",
        })
    }
}

impl FromStr for Range {
    type Err = UnknownRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|range| range.to_string() == text)
            .ok_or_else(|| UnknownRange(text.to_owned()))
    }
}

/// The PromQL of each panel, ready to be pasted into Prometheus.
#[derive(Clone, Debug, Serialize)]
pub struct Queries {
    /// Requests a second, by status.
    pub traffic: String,
    /// Seconds within which 50% of the answers came.
    pub p50: String,
    /// … 95% …
    pub p95: String,
    /// … 99% …
    pub p99: String,
    /// Answers of the last minute by bucket of their duration, cumulative.
    pub distribution: String,
    /// The share of requests that failed by the service's fault, 0..1.
    pub errors: String,
    /// How full each resource is, 0..1.
    pub saturation: String,
    /// The fullest resource and how full it is: *the* saturation.
    pub fullest: String,
    /// Processor seconds used a second: 1 is one core.
    pub cpu: String,
    /// Resident memory in bytes.
    pub memory: String,
    /// Threads, the main one included.
    pub threads: String,
    /// Open file descriptors.
    pub fds: String,
    /// Seconds since the process started.
    pub uptime: String,
    /// Those of the model.
    #[serde(flatten)]
    pub model: ModelQueries,
}

impl Queries {
    /// The queries with the given range in their rates.
    pub fn new(range: Range) -> Self {
        let all = format!("{REQUESTS}{{route=\"{ROUTE}\"}}[{range}]");
        let failed = format!("{REQUESTS}{{route=\"{ROUTE}\",status=~\"5..\"}}[{range}]");
        let buckets = format!("{REQUEST_DURATION}_bucket{{route=\"{ROUTE}\",outcome=\"success\"}}");
        let quantile =
            |q: f64| format!("histogram_quantile({q}, sum by (le) (rate({buckets}[{range}])))");
        Self {
            traffic: format!("sum by (status) (rate({all}))"),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            distribution: format!("sum by (le) (increase({buckets}[{DISTRIBUTION_RANGE}]))"),
            errors: format!("sum(rate({failed})) / sum(rate({all}))"),
            saturation: format!("max by (resource) ({SATURATION_RATIO})"),
            fullest: format!("topk(1, {SATURATION_RATIO})"),
            cpu: format!("rate({CPU_SECONDS}[{range}])"),
            memory: RESIDENT_MEMORY.to_owned(),
            threads: THREADS.to_owned(),
            fds: OPEN_FDS.to_owned(),
            uptime: format!("time() - {START_TIME}"),
            model: ModelQueries::new(range),
        }
    }
}

/// The signals at one moment. What Prometheus would leave out or call NaN is
/// `null` in JSON: nothing is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The moment, in milliseconds since the Unix epoch.
    pub at: i64,
    /// [`Queries::traffic`] by status.
    pub traffic: BTreeMap<String, f64>,
    /// [`Queries::p50`], seconds.
    pub p50: Option<f64>,
    /// [`Queries::p95`], seconds.
    pub p95: Option<f64>,
    /// [`Queries::p99`], seconds.
    pub p99: Option<f64>,
    /// [`Queries::errors`], 0..1.
    pub errors: Option<f64>,
    /// [`Queries::saturation`] by resource, 0..1.
    pub saturation: BTreeMap<String, f64>,
    /// [`ModelQueries::fallback`], 0..1.
    pub fallback: Option<f64>,
}

/// How long the answers of the last minute took.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// The upper bounds of the buckets in seconds, from the lowest; the last is
    /// infinite, `null` in JSON.
    pub bounds: Vec<f64>,
    /// Answers in each bucket alone, not in those below: the differences between
    /// neighbours of [`Queries::distribution`]. Not whole numbers, since
    /// `increase` extrapolates.
    pub counts: Vec<f64>,
    /// The 0.5, 0.95 and 0.99 quantiles of these buckets in seconds.
    pub quantiles: [f64; 3],
}

/// The process at one moment; `None` where the platform does not tell.
#[derive(Clone, Debug, Serialize)]
pub struct Process {
    /// [`Queries::cpu`]
    pub cpu: Option<f64>,
    /// [`Queries::memory`]
    pub memory: Option<f64>,
    /// [`Queries::threads`]
    pub threads: Option<f64>,
    /// [`Queries::fds`]
    pub fds: Option<f64>,
    /// [`Queries::uptime`]
    pub uptime: Option<f64>,
}

impl Point {
    /// Evaluates the signals at `at`, with rates over `range`.
    pub fn at(history: &History, at: i64, range: Range) -> Self {
        let of = range.duration();
        let mut traffic = BTreeMap::new();
        for (labels, samples) in history.select(REQUESTS) {
            if let (Some(status), Some(rate)) = (labels.get("status"), rate(samples, at, of)) {
                *traffic.entry(status.clone()).or_insert(0.0) += rate;
            }
        }
        let failed = |status: &str| status.len() == 3 && status.starts_with('5');
        let sum = |wanted: &dyn Fn(&str) -> bool| {
            let rates = traffic.iter().filter(|(status, _)| wanted(status));
            rates.map(|(_, rate)| *rate).reduce(|sum, rate| sum + rate)
        };
        let errors = match (sum(&failed), sum(&|_| true)) {
            (Some(failed), Some(all)) => known(failed / all),
            _ => None,
        };

        let mut buckets = duration_buckets(history, |samples| rate(samples, at, of));
        let mut saturation = BTreeMap::new();
        for (labels, samples) in history.select(SATURATION_RATIO) {
            if let (Some(resource), Some(ratio)) = (labels.get("resource"), latest(samples, at)) {
                let fullest = saturation.entry(resource.clone()).or_insert(ratio);
                *fullest = ratio.max(*fullest);
            }
        }
        Self {
            at,
            traffic,
            p50: known(histogram_quantile(0.5, &mut buckets)),
            p95: known(histogram_quantile(0.95, &mut buckets)),
            p99: known(histogram_quantile(0.99, &mut buckets)),
            errors,
            saturation,
            fallback: model::fallback(history, at, range),
        }
    }
}

impl Distribution {
    /// Counts the answers of the minute before `at`.
    pub fn at(history: &History, at: i64) -> Self {
        let mut buckets = duration_buckets(history, |samples| {
            increase(samples, at, DISTRIBUTION_RANGE.duration())
        });
        let quantiles = [0.5, 0.95, 0.99].map(|q| histogram_quantile(q, &mut buckets));
        buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
        let below = std::iter::once(0.0).chain(buckets.iter().map(|bucket| bucket.count));
        // Neighbours are extrapolated apart, so a difference of nothing can come
        // out as a tiny negative number.
        let alone = |(bucket, below): (&Bucket, f64)| (bucket.count - below).max(0.0);
        Self {
            bounds: buckets.iter().map(|bucket| bucket.upper_bound).collect(),
            counts: buckets.iter().zip(below).map(alone).collect(),
            quantiles,
        }
    }
}

impl Process {
    /// Reads the process' metrics at `at`, the processor's over `range`.
    pub fn at(history: &History, at: i64, range: Range) -> Self {
        let only = |name: &str| history.select(name).next().map(|(_, samples)| samples);
        let gauge = |name| only(name).and_then(|samples| latest(samples, at));
        // Milliseconds of today are far below 2^53: exact.
        let now = at as f64 / 1_000.0;
        Self {
            cpu: only(CPU_SECONDS).and_then(|samples| rate(samples, at, range.duration())),
            memory: gauge(RESIDENT_MEMORY),
            threads: gauge(THREADS),
            fds: gauge(OPEN_FDS),
            uptime: gauge(START_TIME).map(|start| now - start),
        }
    }
}

/// `sum by (le)` of a function of each bucket's samples.
fn duration_buckets<'a>(
    history: &'a History,
    growth: impl Fn(&'a std::collections::VecDeque<Sample>) -> Option<f64>,
) -> Vec<Bucket> {
    let mut sums: Vec<Bucket> = Vec::new();
    for (labels, samples) in history.select(&format!("{REQUEST_DURATION}_bucket")) {
        let bound = labels.get("le").and_then(|le| le.parse().ok());
        let (Some(upper_bound), Some(count)) = (bound, growth(samples)) else {
            continue;
        };
        match sums
            .iter_mut()
            .find(|bucket| bucket.upper_bound == upper_bound)
        {
            Some(bucket) => bucket.count += count,
            None => sums.push(Bucket { upper_bound, count }),
        }
    }
    sums
}

/// The newest value at a moment.
fn latest(samples: &std::collections::VecDeque<Sample>, at: i64) -> Option<f64> {
    let sample = samples.iter().rev().find(|sample| sample.at <= at)?;
    known(sample.value)
}

fn known(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}
