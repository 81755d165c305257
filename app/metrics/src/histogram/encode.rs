//! How a [`Histogram`] is encoded: by `prometheus_client`'s encoder, like every
//! other metric, but for its [exemplars](Attachment::Exemplars).

use std::fmt;

use prometheus_client::encoding::{
    EncodeMetric, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::Histogram;
use super::layout::{SCHEMA, ZERO_THRESHOLD};
use crate::attachments::{Attachment, encode_with};

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
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
        let exemplars = snapshot.exemplars;
        let exemplars = exemplars.iter().any(Option::is_some).then_some(exemplars);
        encode_with(exemplars.map(Attachment::Exemplars), encoder, |encoder| {
            encoder.encode_histogram_with_native::<NoLabelSet>(sum, count, &classic, None, native)
        })
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
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
    use super::*;

    #[test]
    fn spans_skip_empty_buckets_and_deltas_undo_themselves() {
        let (spans, deltas) = spans_and_deltas(&[(-3, 5), (-2, 7), (4, 1)]);
        assert_eq!(spans, [(-3, 2), (5, 1)]);
        assert_eq!(deltas, [5, 2, -6]);
    }
}
