//! What is exposed: collectors that give their metric families when a scrape
//! asks. Holds no numbers of its own and knows no text format.
//!
//! The model is Prometheus' own (`io.prometheus.client`), from which every
//! exposition format is written, as Prometheus' other client libraries do it.

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

pub use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model as model;

use super::histogram::{Histogram, SCHEMA, ZERO_THRESHOLD};

/// Gives the present state of some metrics.
pub trait Collect: Send + Sync {
    /// Appends the metric families, each with all its series.
    fn collect(&self, into: &mut Vec<model::MetricFamily>);
}

/// All collectors of a process, in the order of their registration.
#[derive(Default)]
pub struct Registry {
    collectors: RwLock<Vec<Arc<dyn Collect>>>,
}

impl Registry {
    /// Adds a collector; it is asked from the next scrape on.
    pub fn register(&self, collector: Arc<dyn Collect>) {
        self.collectors
            .write()
            .expect("no collector panics while it is registered")
            .push(collector);
    }

    /// The present state of every metric.
    #[must_use]
    pub fn gather(&self) -> Vec<model::MetricFamily> {
        let collectors = self
            .collectors
            .read()
            .expect("no collector panics while it is registered");
        let mut families = Vec::with_capacity(2 * collectors.len());
        for collector in collectors.iter() {
            collector.collect(&mut families);
        }
        families
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

/// A metric's name, help and type: the one place where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// The name as Prometheus shows it, `_total` included.
    pub name: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: model::MetricType,
}

impl Description {
    /// The family of this metric with the given series.
    #[must_use]
    pub fn family(&self, metric: Vec<model::Metric>) -> model::MetricFamily {
        model::MetricFamily {
            name: self.name.to_owned(),
            help: self.help.to_owned(),
            r#type: self.kind as i32,
            metric,
            unit: String::new(),
        }
    }

    /// One series of this metric, which is a counter or a gauge.
    #[must_use]
    pub fn sample(&self, labels: &[(&str, &str)], value: f64) -> model::Metric {
        let mut metric = labelled(labels);
        if self.kind == model::MetricType::Counter {
            metric.counter = Some(model::Counter {
                value,
                ..model::Counter::default()
            });
        } else {
            metric.gauge = Some(model::Gauge { value });
        }
        metric
    }
}

/// One series of a histogram, with its classic and its native buckets.
#[must_use]
pub fn histogram_series(labels: &[(&str, &str)], histogram: &Histogram) -> model::Metric {
    let snapshot = histogram.snapshot();
    let native = snapshot.native();
    let bucket = snapshot
        .classic()
        .into_iter()
        .zip(&snapshot.exemplars)
        .map(
            |((upper_bound, cumulative_count), exemplar)| model::Bucket {
                cumulative_count,
                cumulative_count_float: 0.0,
                upper_bound,
                exemplar: exemplar.map(|exemplar| model::Exemplar {
                    label: vec![label("trace_id", &format!("{:032x}", exemplar.trace_id))],
                    value: exemplar.value,
                    timestamp: Some(timestamp(exemplar.at)),
                }),
            },
        )
        .collect();
    let (negative_span, negative_delta) = spans_and_deltas(&native.negative);
    let (mut positive_span, positive_delta) = spans_and_deltas(&native.positive);
    if positive_span.is_empty() && negative_span.is_empty() {
        // An empty span tells Prometheus that this is a native histogram which
        // has counted nothing yet, not a classic one.
        positive_span.push(model::BucketSpan {
            offset: 0,
            length: 0,
        });
    }
    model::Metric {
        histogram: Some(model::Histogram {
            sample_count: snapshot.count(),
            sample_sum: snapshot.sum,
            bucket,
            start_timestamp: Some(timestamp(snapshot.created)),
            schema: SCHEMA,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: native.zero,
            negative_span,
            negative_delta,
            positive_span,
            positive_delta,
            ..model::Histogram::default()
        }),
        ..labelled(labels)
    }
}

/// Native buckets as the format wants them: runs of consecutive buckets (the
/// first offset absolute, later ones the gap to the run before), and each
/// count as the difference to the one before.
fn spans_and_deltas(buckets: &[(i32, u64)]) -> (Vec<model::BucketSpan>, Vec<i64>) {
    let mut spans: Vec<model::BucketSpan> = Vec::new();
    let mut deltas = Vec::with_capacity(buckets.len());
    let mut end = 0;
    let mut before = 0;
    for &(index, count) in buckets {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match spans.last_mut() {
            Some(span) if index == end => span.length += 1,
            _ => spans.push(model::BucketSpan {
                offset: index - end,
                length: 1,
            }),
        }
        deltas.push(count - before);
        end = index + 1;
        before = count;
    }
    (spans, deltas)
}

fn labelled(labels: &[(&str, &str)]) -> model::Metric {
    model::Metric {
        label: labels
            .iter()
            .map(|(name, value)| label(name, value))
            .collect(),
        ..model::Metric::default()
    }
}

fn label(name: &str, value: &str) -> model::LabelPair {
    model::LabelPair {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn timestamp(at: SystemTime) -> prost_types::Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_skip_empty_buckets_and_deltas_undo_themselves() {
        let (spans, deltas) = spans_and_deltas(&[(-3, 5), (-2, 7), (4, 1)]);
        let spans: Vec<_> = spans.iter().map(|s| (s.offset, s.length)).collect();
        assert_eq!(spans, [(-3, 2), (5, 1)]);
        assert_eq!(deltas, [5, 2, -6]);
    }
}
