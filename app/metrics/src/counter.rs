//! A counter that knows since when it counts. Knows no labels and no formats.
//!
//! Why not `prometheus_client`'s: that one has no created timestamp, without which
//! Prometheus cannot know that a series which it meets at 1 was at 0 before, and so
//! that its first event was one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use crate::attachments::{Attachment, encode_with};

/// Counts events. Clones share the count, as those of `prometheus_client`'s metrics do.
///
/// ```
/// use golden_metrics::{Counter, exposition::Format};
/// use prometheus_client::registry::Registry;
///
/// let orders = Counter::default();
/// let mut registry = Registry::default();
/// registry.register("orders", "Orders taken", orders.clone());
/// orders.inc();
///
/// let text = Format::OpenMetrics.encode(&golden_metrics::gather(&registry)?);
/// let text = String::from_utf8(text)?;
/// assert!(text.contains("\norders_total 1\norders_created "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter(Arc<Count>);

#[derive(Debug)]
struct Count {
    value: AtomicU64,
    created: SystemTime,
}

/// At 0, created now.
impl Default for Counter {
    fn default() -> Self {
        Self::created(SystemTime::now())
    }
}

impl Counter {
    /// At 0, created at this time: since then nothing has been left uncounted.
    #[must_use]
    pub fn created(at: SystemTime) -> Self {
        Self(Arc::new(Count {
            value: AtomicU64::new(0),
            created: at,
        }))
    }

    /// Counts one event.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Counts several events.
    pub fn inc_by(&self, events: u64) {
        self.0.value.fetch_add(events, Relaxed);
    }

    /// How many have been counted.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.value.load(Relaxed)
    }
}

impl TypedMetric for Counter {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for Counter {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        let attachment = Attachment::Counter {
            created: Some(self.0.created),
            exemplar: None,
        };
        encode_with(Some(attachment), encoder, |encoder| {
            encoder.encode_counter::<NoLabelSet, _, u64>(&self.get(), None)
        })
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::gather;

    #[test]
    fn the_model_says_when_it_was_created_and_no_label_does() {
        let counter = Counter::created(UNIX_EPOCH + Duration::from_millis(1_500));
        counter.inc_by(7);
        let mut registry = Registry::default();
        registry.register("events", "Events", counter);

        let families = gather(&registry).unwrap();
        let series = &families[0].metric[0];
        assert!(series.label.is_empty(), "{series:?}");
        let counted = series.counter.as_ref().unwrap();
        assert_eq!(counted.value, 7.0);
        let created = counted.start_timestamp.as_ref().unwrap();
        assert_eq!((created.seconds, created.nanos), (1, 500_000_000));

        let mut by_its_own_encoder = String::new();
        text::encode(&mut by_its_own_encoder, &registry).unwrap();
        assert!(
            by_its_own_encoder.contains("\nevents_total 7\n"),
            "{by_its_own_encoder}"
        );
    }
}
