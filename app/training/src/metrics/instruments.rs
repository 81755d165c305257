//! The kinds of instruments that the roles have beside `prometheus_client`'s counter.
//! Knows no metric's name.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use golden_metrics::{Buckets, Histogram};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric, gauge};

use super::TIME_COST_SECONDS;
use crate::distinct::DistinctIds;
use crate::features::FEATURES;

/// A number that rises and falls.
pub type Gauge = gauge::Gauge<f64, AtomicU64>;

/// A gauge without a series until it is set: no number would be true before.
#[derive(Clone, Debug, Default)]
pub struct LateGauge(Arc<OnceLock<Gauge>>);

impl LateGauge {
    /// It is this from now on.
    pub fn set(&self, value: f64) {
        let first = || {
            let gauge = Gauge::default();
            gauge.set(value);
            gauge
        };
        self.0.get_or_init(first).set(value);
    }

    /// What it was set to last; `None` before.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        self.0.get().map(Gauge::get)
    }
}

impl EncodeMetric for LateGauge {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.get().map_or(Ok(()), |gauge| gauge.encode(encoder))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// How long something takes, in seconds.
#[derive(Clone, Debug)]
pub struct TimeCost(Histogram);

impl Default for TimeCost {
    fn default() -> Self {
        Self(Histogram::new(&Buckets::new(TIME_COST_SECONDS)))
    }
}

impl TimeCost {
    /// It took this long.
    pub fn observe(&self, took: Duration) {
        self.0.observe(took.as_secs_f64(), None);
    }

    /// How often it has happened.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.count()
    }
}

impl EncodeMetric for TimeCost {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

/// The label that the document gives to what is counted by feature.
type Feat = [(&'static str, &'static str); 1];

/// One instrument a feature, in the order of the features: handles of a family that
/// are resolved once.
#[derive(Clone, Debug)]
pub struct PerFeature<M> {
    family: Family<Feat, M>,
    handles: [M; FEATURES.len()],
}

impl<M: Clone + Default> Default for PerFeature<M> {
    fn default() -> Self {
        let family = Family::<Feat, M>::default();
        let handles = FEATURES
            .each_ref()
            .map(|feature| family.get_or_create_owned(&[("feat", feature.name)]));
        Self { family, handles }
    }
}

impl<M> PerFeature<M> {
    /// The instrument of the feature at this place.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    #[must_use]
    pub fn of(&self, place: usize) -> &M {
        &self.handles[place]
    }
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for PerFeature<M> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.family.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

/// The distinct ids of each feature, estimated when asked for.
#[derive(Clone, Debug, Default)]
pub struct DistinctEstimates(Arc<DistinctIds>);

impl Deref for DistinctEstimates {
    type Target = DistinctIds;

    fn deref(&self) -> &DistinctIds {
        &self.0
    }
}

impl EncodeMetric for DistinctEstimates {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (place, feature) in FEATURES.iter().enumerate() {
            let labels: Feat = [("feat", feature.name)];
            encoder
                .encode_family(&labels)?
                .encode_gauge(&self.0.estimate(place))?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// A count as Prometheus' number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn exact(count: u64) -> f64 {
    count as f64
}
