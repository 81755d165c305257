//! What a [`Collector`](prometheus_client::collector::Collector) writes most often:
//! a family of counters or gauges, whose labels and values it has at hand.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use crate::attachments::{Attachment, encode_with};
use crate::histogram::Exemplar;

/// Encodes whole families.
///
/// As [`Registry::register`](prometheus_client::registry::Registry::register) does,
/// it adds `_total` to the name of a counter and a full stop to the help text.
pub trait EncodeFamily {
    /// Encodes a gauge without labels.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_gauge<N: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: N,
    ) -> fmt::Result {
        self.encode_gauges(name, help, [(NO_LABELS, value)])
    }

    /// Encodes a counter without labels.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_counter<N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        value: N,
    ) -> fmt::Result {
        self.encode_counters(name, help, [(NO_LABELS, value)])
    }

    /// Encodes a gauge for each label set.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_gauges<L: EncodeLabelSet, N: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result;

    /// Encodes a counter for each label set.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_counters<L: EncodeLabelSet, N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result {
        let series = series.into_iter();
        let series = series.map(|(labels, value)| (labels, value, None));
        self.encode_counters_created(name, help, series)
    }

    /// Encodes a counter for each label set, with the time since when it has counted,
    /// where that is known.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_counters_created<L: EncodeLabelSet, N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N, Option<SystemTime>)>,
    ) -> fmt::Result {
        let series = series.into_iter();
        let series = series.map(|(labels, value, created)| (labels, value, created, None));
        self.encode_counters_traced(name, help, series)
    }

    /// The same, with the trace of its last event, where it belongs to one: an exemplar.
    ///
    /// # Errors
    ///
    /// As the encoder says.
    fn encode_counters_traced<L: EncodeLabelSet, N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N, Option<SystemTime>, Option<Traced>)>,
    ) -> fmt::Result;
}

/// An event that belongs to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The trace's id.
    pub trace_id: u128,
    /// When it happened.
    pub at: SystemTime,
}

/// The labels of a series that has none.
pub const NO_LABELS: [(&str, &str); 0] = [];

impl EncodeFamily for DescriptorEncoder<'_> {
    fn encode_gauges<L: EncodeLabelSet, N: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N)>,
    ) -> fmt::Result {
        let help = format!("{help}.");
        let mut family = self.encode_descriptor(name, &help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn encode_counters_traced<L: EncodeLabelSet, N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N, Option<SystemTime>, Option<Traced>)>,
    ) -> fmt::Result {
        let help = format!("{help}.");
        let mut family = self.encode_descriptor(name, &help, None, MetricType::Counter)?;
        for (labels, value, created, traced) in series {
            let exemplar = traced.map(|Traced { trace_id, at }| Exemplar {
                trace_id,
                value: 1.0,
                at,
            });
            let has_any = created.is_some() || exemplar.is_some();
            let attachment = has_any.then_some(Attachment::Counter { created, exemplar });
            encode_with(attachment, family.encode_family(&labels)?, |series| {
                series.encode_counter::<NoLabelSet, _, u64>(&value, None)
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use prometheus_client::collector::Collector;
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::gather;

    #[derive(Debug)]
    struct Jobs;

    impl Collector for Jobs {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let at = UNIX_EPOCH + Duration::from_secs(7);
            let traced = Traced { trace_id: 0xab, at };
            let series = [
                ([("task", "a")], 3_u64, Some(at), Some(traced)),
                ([("task", "b")], 4, None, Some(traced)),
                ([("task", "c")], 5, None, None),
            ];
            encoder.encode_counters_traced("jobs", "Jobs", series)
        }
    }

    #[test]
    fn a_counter_has_the_trace_of_its_last_event_and_no_mark() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Jobs));
        let families = gather(&registry).unwrap();
        let series = &families[0].metric;
        let labels: Vec<_> = series.iter().map(|one| one.label.len()).collect();
        assert_eq!(labels, [1, 1, 1]);
        let of = |at: usize| series[at].counter.as_ref().unwrap();
        let exemplar = of(0).exemplar.as_ref().unwrap();
        assert_eq!(exemplar.label[0].value, format!("{:032x}", 0xab));
        assert!(of(0).start_timestamp.is_some() && of(1).start_timestamp.is_none());
        assert!(of(1).exemplar.is_some() && of(2).exemplar.is_none());
        let text = crate::exposition::Format::OpenMetrics.encode(&families);
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("jobs_total{task=\"b\"} 4 # {trace_id="),
            "{text}"
        );
    }
}
