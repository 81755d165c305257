//! How a [`Histogram`] is encoded: by `prometheus_client`'s encoder, like every
//! other metric, but for its exemplars.
//!
//! [`MetricEncoder::encode_histogram_with_native`] takes exemplars, but nobody else
//! can make a value of its type `Exemplar`, whose fields are private. So
//! [`gather`](crate::gather) opens a collection ([`Exemplars::collect`]), a histogram
//! leaves its exemplars there and marks its series with their place, and the model's
//! series get them afterwards. Outside a collection nothing is marked: whoever encodes
//! the registry in another way gets the histograms without exemplars.

use std::cell::RefCell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::{
    EncodeMetric, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::layout::{SCHEMA, ZERO_THRESHOLD};
use super::{Exemplar, Histogram};
use crate::model;

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        let native = snapshot.native();
        let (negative_spans, negative_deltas) = spans_and_deltas(&native.negative);
        let (mut positive_spans, positive_deltas) = spans_and_deltas(&native.positive);
        if positive_spans.is_empty() && negative_spans.is_empty() {
            // An empty span tells Prometheus that this is a native histogram which
            // has counted nothing yet, not a classic one.
            positive_spans.push((0, 0));
        }
        let native = NativeHistogram {
            schema: SCHEMA,
            zero_threshold: ZERO_THRESHOLD,
            zero_count: native.zero,
            negative: NativeHistogramBuckets {
                spans: &negative_spans,
                deltas: &negative_deltas,
            },
            positive: NativeHistogramBuckets {
                spans: &positive_spans,
                deltas: &positive_deltas,
            },
            created: Some(snapshot.created),
        };
        let (sum, count, classic) = (snapshot.sum, snapshot.count(), snapshot.classic());
        let encode = |encoder: &mut MetricEncoder<'_>| {
            encoder.encode_histogram_with_native::<NoLabelSet>(sum, count, &classic, None, native)
        };
        match Exemplars::leave(snapshot.exemplars) {
            Some(place) => encode(&mut encoder.encode_family(&[(MARKER, place)])?),
            None => encode(&mut encoder),
        }
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// The label that marks a series whose exemplars wait. No metric can have it: names
/// that begin with two underscores are Prometheus' own.
const MARKER: &str = "__exemplars";

thread_local! {
    /// The exemplars left so far by the histograms that this thread encodes.
    static LEFT: RefCell<Option<Exemplars>> = const { RefCell::new(None) };
}

/// The exemplars of histograms that were encoded: one a classic bucket of each.
#[derive(Debug, Default)]
pub(crate) struct Exemplars(Vec<Vec<Option<Exemplar>>>);

impl Exemplars {
    /// What `encode` returns, with the exemplars of the histograms that it encoded.
    pub(crate) fn collect<T>(encode: impl FnOnce() -> T) -> (T, Self) {
        /// Ends the collection even when a collector panics: the thread may live on.
        struct Ended(Option<Exemplars>);

        impl Drop for Ended {
            fn drop(&mut self) {
                LEFT.set(self.0.take());
            }
        }

        let _ended = Ended(LEFT.replace(Some(Self::default())));
        let encoded = encode();
        (encoded, LEFT.take().unwrap_or_default())
    }

    /// Leaves the exemplars of a histogram, in a collection and where there are any:
    /// then their place.
    fn leave(exemplars: Vec<Option<Exemplar>>) -> Option<u64> {
        if exemplars.iter().all(Option::is_none) {
            return None;
        }
        LEFT.with_borrow_mut(|left| {
            let Self(left) = left.as_mut()?;
            left.push(exemplars);
            u64::try_from(left.len() - 1).ok()
        })
    }

    /// Gives a series the exemplars that its histogram left.
    pub(crate) fn attach(&self, series: &mut model::Metric) {
        let Some(marker) = series.label.iter().position(|label| label.name == MARKER) else {
            return;
        };
        let place: Option<usize> = series.label.remove(marker).value.parse().ok();
        let exemplars = place.and_then(|place| self.0.get(place));
        if let (Some(histogram), Some(exemplars)) = (&mut series.histogram, exemplars) {
            for (bucket, exemplar) in histogram.bucket.iter_mut().zip(exemplars) {
                bucket.exemplar = exemplar.as_ref().map(modelled);
            }
        }
    }
}

fn modelled(exemplar: &Exemplar) -> model::Exemplar {
    model::Exemplar {
        label: vec![model::LabelPair {
            name: "trace_id".to_owned(),
            value: format!("{:032x}", exemplar.trace_id),
        }],
        value: exemplar.value,
        timestamp: Some(timestamp(exemplar.at)),
    }
}

fn timestamp(at: SystemTime) -> prost_types::Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap_or(0),
    }
}

/// Native buckets as the format wants them: runs of consecutive buckets (the
/// first offset absolute, later ones the gap to the run before), and each
/// count as the difference to the one before.
fn spans_and_deltas(buckets: &[(i32, u64)]) -> (Vec<(i32, u32)>, Vec<i64>) {
    let mut spans: Vec<(i32, u32)> = Vec::new();
    let mut deltas = Vec::with_capacity(buckets.len());
    let mut end = 0;
    let mut before = 0;
    for &(index, count) in buckets {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match spans.last_mut() {
            Some((_, length)) if index == end => *length += 1,
            _ => spans.push((index - end, 1)),
        }
        deltas.push(count - before);
        end = index + 1;
        before = count;
    }
    (spans, deltas)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{Buckets, gather};

    #[test]
    fn the_mark_is_seen_by_nobody_even_after_a_collector_panicked() {
        let histogram = Histogram::new(&Buckets::new(&[0.5]));
        histogram.observe(0.1, Some(7));
        let mut registry = Registry::default();
        registry.register("seconds", "Time", histogram);

        let panicked = catch_unwind(|| Exemplars::collect(|| panic!("as it is meant to")));
        assert!(panicked.is_err());
        let mut by_its_own_encoder = String::new();
        text::encode(&mut by_its_own_encoder, &registry).unwrap();
        assert!(!by_its_own_encoder.contains(MARKER), "{by_its_own_encoder}");

        let families = gather(&registry).unwrap();
        let series = &families[0].metric[0];
        assert!(series.label.is_empty(), "{series:?}");
        let bucket = &series.histogram.as_ref().unwrap().bucket[0];
        assert!(bucket.exemplar.is_some(), "{bucket:?}");
    }

    #[test]
    fn spans_skip_empty_buckets_and_deltas_undo_themselves() {
        let (spans, deltas) = spans_and_deltas(&[(-3, 5), (-2, 7), (4, 1)]);
        assert_eq!(spans, [(-3, 2), (5, 1)]);
        assert_eq!(deltas, [5, 2, -6]);
    }
}
