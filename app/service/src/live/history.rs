//! The last minutes of the service's own metrics: what a Prometheus that scrapes
//! every second would hold of them.
//!
//! Only what the page draws is kept ([`KEPT`]), so that memory stays bounded:
//! some three hundred series of [`History::keeps`] seconds each, under 1 MiB.
//! What is asked of the samples belongs to [`super::panels`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::promql::Sample;
use golden_metrics::model::{Histogram, LabelPair, Metric, MetricFamily};

/// The route whose workload the page shows. Scrapes, probes and the page itself
/// are traffic too, but not the service's work: in the same graph they would hide
/// it.
pub const ROUTE: &str = "/random";

/// Requests that ended, by status.
pub const REQUESTS: &str = "http_requests_total";
/// How long they took, in seconds.
pub const REQUEST_DURATION: &str = "http_request_duration_seconds";
/// How full each constrained resource is.
pub const SATURATION_RATIO: &str = "saturation_ratio";

/// Prometheus' standard names for what a process uses
/// (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).
pub const CPU_SECONDS: &str = "process_cpu_seconds_total";
/// Resident memory, bytes.
pub const RESIDENT_MEMORY: &str = "process_resident_memory_bytes";
/// Threads, the main one included.
pub const THREADS: &str = "process_threads";
/// Open file descriptors.
pub const OPEN_FDS: &str = "process_open_fds";
/// When the process started, seconds since the Unix epoch.
pub const START_TIME: &str = "process_start_time_seconds";

/// Predictions, by who answered.
pub const PREDICTIONS: &str = "predictions_total";
/// Scores that were answered.
pub const SCORE: &str = "prediction_score";
/// The share of scores up to a bound among wines held out.
pub const SCORE_REFERENCE: &str = "prediction_score_reference_ratio";
/// Labelled predictions, by what was said and what came out.
pub const OUTCOMES: &str = "prediction_outcomes_total";
/// Labels that matched a prediction.
pub const LABELS: &str = "labels_total";
/// Time from a prediction to its label, in seconds.
pub const LABEL_DELAY: &str = "label_delay_seconds";

/// The families that are kept. Of those with a `route`, only [`ROUTE`] is; of the
/// histogram, only answers that succeeded (see [`super::panels`] for why).
const KEPT: [&str; 14] = [
    REQUESTS,
    REQUEST_DURATION,
    SATURATION_RATIO,
    CPU_SECONDS,
    RESIDENT_MEMORY,
    THREADS,
    OPEN_FDS,
    START_TIME,
    PREDICTIONS,
    SCORE,
    SCORE_REFERENCE,
    OUTCOMES,
    LABELS,
    LABEL_DELAY,
];

/// Maximum series kept: a registry that grows without bound must not make the
/// page grow with it.
const MAX_SERIES: usize = 1_000;

/// The labels of a series, without its name.
pub type Labels = BTreeMap<String, String>;

/// The samples of the last few minutes, series by series.
#[derive(Debug)]
pub struct History {
    keep: Duration,
    scrapes: VecDeque<i64>,
    series: BTreeMap<(String, Labels), VecDeque<Sample>>,
}

impl History {
    /// An empty history that forgets samples older than `keep`.
    pub fn new(keep: Duration) -> Self {
        Self {
            keep,
            scrapes: VecDeque::new(),
            series: BTreeMap::new(),
        }
    }

    /// How far back samples are kept.
    pub fn keeps(&self) -> Duration {
        self.keep
    }

    /// Takes one sample of every kept series from a scrape at `at` (ms since the
    /// epoch, later than the last time), and forgets what has become too old. A series
    /// that is new begins with the 0 that it was at its created timestamp, as in
    /// Prometheus with the feature `created-timestamp-zero-ingestion`.
    pub fn record(&mut self, scraped: &[MetricFamily], at: i64) {
        for family in scraped {
            if KEPT.contains(&family.name.as_str()) {
                self.take(family, at);
            }
        }
        self.scrapes.push_back(at);
        let keep_ms = i64::try_from(self.keep.as_millis()).unwrap_or(i64::MAX);
        let old = |then: i64| then <= at - keep_ms;
        while self.scrapes.front().is_some_and(|then| old(*then)) {
            self.scrapes.pop_front();
        }
        self.series.retain(|_, samples| {
            while samples.front().is_some_and(|oldest| old(oldest.at)) {
                samples.pop_front();
            }
            !samples.is_empty()
        });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.scrapes.clear();
        self.series.clear();
    }

    /// When samples were taken (ms since the epoch), from the oldest.
    pub fn scrapes(&self) -> impl Iterator<Item = i64> {
        self.scrapes.iter().copied()
    }

    /// The series of a name, in the order of their labels, each with its samples
    /// from the oldest to the newest. The buckets of a histogram are series of
    /// their own, `…_bucket`, as in Prometheus.
    pub fn select(&self, name: &str) -> impl Iterator<Item = (&Labels, &VecDeque<Sample>)> {
        self.series
            .range((name.to_owned(), Labels::new())..)
            .take_while(move |((of, _), _)| of == name)
            .map(|((_, labels), samples)| (labels, samples))
    }

    /// Every series with its name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Labels, &VecDeque<Sample>)> {
        self.series
            .iter()
            .map(|((name, labels), samples)| (name.as_str(), labels, samples))
    }

    fn take(&mut self, family: &MetricFamily, at: i64) {
        for metric in &family.metric {
            if !shown(&metric.label) {
                continue;
            }
            let created = created(metric);
            if let Some(histogram) = &metric.histogram {
                for (upper_bound, count) in buckets(histogram) {
                    let mut labels = pairs(&metric.label);
                    labels.insert("le".to_owned(), bound(upper_bound));
                    // Counts stay far below 2^53: exact.
                    let value = count as f64;
                    let name = format!("{}_bucket", family.name);
                    self.push(name, labels, Sample { at, value }, created);
                }
            } else if let Some(value) = value(metric) {
                self.push(
                    family.name.clone(),
                    pairs(&metric.label),
                    Sample { at, value },
                    created,
                );
            }
        }
    }

    fn push(&mut self, name: String, labels: Labels, sample: Sample, created: Option<i64>) {
        let full = self.series.len() >= MAX_SERIES;
        let id = (name, labels);
        if let Some(samples) = self.series.get_mut(&id) {
            samples.push_back(sample);
        } else if !full {
            // One that is too old goes with this scrape.
            let created = created.filter(|created| *created < sample.at);
            let zero = created.map(|at| Sample { at, value: 0.0 });
            self.series
                .insert(id, zero.into_iter().chain([sample]).collect());
        }
    }
}

/// Whether a series is of the workload: see [`KEPT`].
fn shown(labels: &[LabelPair]) -> bool {
    labels.iter().all(|label| match label.name.as_str() {
        "route" => label.value == ROUTE,
        "outcome" => label.value == "success",
        _ => true,
    })
}

fn pairs(labels: &[LabelPair]) -> Labels {
    labels
        .iter()
        .map(|label| (label.name.clone(), label.value.clone()))
        .collect()
}

fn value(metric: &Metric) -> Option<f64> {
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    counter.or_else(|| metric.gauge.as_ref().map(|gauge| gauge.value))
}

/// Since when a series has counted (ms since the epoch).
fn created(metric: &Metric) -> Option<i64> {
    let of_counter = metric.counter.as_ref().map(|c| &c.start_timestamp);
    let of_histogram = metric.histogram.as_ref().map(|h| &h.start_timestamp);
    let created = of_counter.or(of_histogram)?.as_ref()?;
    Some(created.seconds * 1_000 + i64::from(created.nanos / 1_000_000))
}

/// The classic buckets with their cumulative counts. The highest, which holds all,
/// may be left out of the format; Prometheus then adds it, and so does this.
fn buckets(histogram: &Histogram) -> impl Iterator<Item = (f64, u64)> {
    let told = histogram.bucket.iter();
    let whole = told
        .clone()
        .any(|bucket| bucket.upper_bound == f64::INFINITY);
    let all = (!whole).then_some((f64::INFINITY, histogram.sample_count));
    told.map(|bucket| (bucket.upper_bound, bucket.cumulative_count))
        .chain(all)
}

/// The label `le` of a bucket, as Prometheus writes it.
fn bound(upper: f64) -> String {
    if upper == f64::INFINITY {
        "+Inf".to_owned()
    } else {
        upper.to_string()
    }
}
