//! What a series has beyond what `prometheus_client`'s encoder takes: the exemplars of
//! a histogram, the created timestamp of a counter. Knows how they reach the model, not
//! what they mean.
//!
//! `encode_histogram_with_native` takes exemplars, but nobody else can make a value of
//! its type `Exemplar`, whose fields are private; for the created timestamp of a counter
//! there is nothing at all. So [`gather`](crate::gather) opens a collection
//! ([`Attachments::collect`]), a metric leaves its attachment there and marks its series
//! with the place, and the model's series get them afterwards. Outside a collection
//! nothing is marked: whoever encodes the registry in another way gets the series
//! without.

use std::cell::RefCell;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::MetricEncoder;

use crate::histogram::Exemplar;
use crate::model;

/// The label that marks a series whose attachment waits, as its last. No metric can
/// have it: names that begin with two underscores are Prometheus' own.
const MARKER: &str = "__attachment";

/// What a metric has left.
#[derive(Debug)]
pub(crate) enum Attachment {
    /// Of a histogram: one a classic bucket.
    Exemplars(Vec<Option<Exemplar>>),
    /// Of a counter: since when it counts, and one of its events.
    Counter {
        created: Option<SystemTime>,
        exemplar: Option<Exemplar>,
    },
}

thread_local! {
    /// What the metrics that this thread encodes have left so far.
    static LEFT: RefCell<Option<Attachments>> = const { RefCell::new(None) };
}

/// What was left by the metrics that were encoded.
#[derive(Debug, Default)]
pub(crate) struct Attachments(Vec<Attachment>);

/// Encodes one series; in a collection, with its attachment.
pub(crate) fn encode_with(
    attachment: Option<Attachment>,
    mut encoder: MetricEncoder<'_>,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    match attachment.and_then(Attachments::leave) {
        Some(place) => encode(&mut encoder.encode_family(&[(MARKER, place)])?),
        None => encode(&mut encoder),
    }
}

impl Attachments {
    /// What `encode` returns, with what the metrics left that it encoded.
    pub(crate) fn collect<T>(encode: impl FnOnce() -> T) -> (T, Self) {
        /// Ends the collection even when a collector panics: the thread may live on.
        struct Ended(Option<Attachments>);

        impl Drop for Ended {
            fn drop(&mut self) {
                LEFT.set(self.0.take());
            }
        }

        let _ended = Ended(LEFT.replace(Some(Self::default())));
        let encoded = encode();
        (encoded, LEFT.take().unwrap_or_default())
    }

    /// Leaves an attachment, in a collection: then its place.
    fn leave(attachment: Attachment) -> Option<u64> {
        LEFT.with_borrow_mut(|left| {
            let Self(left) = left.as_mut()?;
            left.push(attachment);
            u64::try_from(left.len() - 1).ok()
        })
    }

    /// Gives a series what its metric left.
    pub(crate) fn attach(&self, series: &mut model::Metric) {
        let Some(marker) = series.label.pop_if(|label| label.name == MARKER) else {
            return;
        };
        let place: Option<usize> = marker.value.parse().ok();
        match place.and_then(|place| self.0.get(place)) {
            Some(Attachment::Exemplars(exemplars)) => {
                let buckets = series.histogram.iter_mut().flat_map(|h| &mut h.bucket);
                for (bucket, exemplar) in buckets.zip(exemplars) {
                    bucket.exemplar = exemplar.as_ref().map(modelled);
                }
            }
            Some(Attachment::Counter { created, exemplar }) => {
                if let Some(counter) = &mut series.counter {
                    counter.start_timestamp = created.map(timestamp);
                    counter.exemplar = exemplar.as_ref().map(modelled);
                }
            }
            None => {}
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

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::{Buckets, Histogram, gather};

    #[test]
    fn the_mark_is_seen_by_nobody_even_after_a_collector_panicked() {
        let histogram = Histogram::new(&Buckets::new(&[0.5]));
        histogram.observe(0.1, Some(7));
        let mut registry = Registry::default();
        registry.register("seconds", "Time", histogram);

        let panicked = catch_unwind(|| Attachments::collect(|| panic!("as it is meant to")));
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
}
