//! What a [`Collector`](prometheus_client::collector::Collector) writes most often:
//! a family of counters or gauges, whose labels and values it has at hand.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use crate::attachments::{Attachment, encode_with};

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
    ) -> fmt::Result;
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

    fn encode_counters_created<L: EncodeLabelSet, N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (L, N, Option<SystemTime>)>,
    ) -> fmt::Result {
        let help = format!("{help}.");
        let mut family = self.encode_descriptor(name, &help, None, MetricType::Counter)?;
        for (labels, value, created) in series {
            let created = created.map(Attachment::Created);
            encode_with(created, family.encode_family(&labels)?, |series| {
                series.encode_counter::<NoLabelSet, _, u64>(&value, None)
            })?;
        }
        Ok(())
    }
}
