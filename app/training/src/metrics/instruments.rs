//! The kinds of instruments that the roles have beside `prometheus_client`'s counter.
//! Knows no metric's name.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use golden_metrics::{Buckets, Histogram};
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{MetricType, TypedMetric, gauge};

use super::TIME_COST_SECONDS;
use crate::distinct::DistinctIds;
use crate::features::FEATURES;

/// A number that rises and falls.
pub type Gauge = gauge::Gauge<f64, AtomicU64>;

/// A number that is not always there: the series is absent until it has a value, and
/// again when it has lost it. 0 would be a value.
#[derive(Clone, Debug)]
pub struct SometimesGauge(Arc<AtomicU64>);

/// A NaN, which is no value that is ever told.
const ABSENT: f64 = f64::NAN;

impl Default for SometimesGauge {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(ABSENT.to_bits())))
    }
}

impl SometimesGauge {
    /// Has this value from now on, or none.
    pub fn set(&self, value: impl Into<Option<f64>>) {
        let value = value.into().unwrap_or(ABSENT);
        self.0.store(value.to_bits(), Relaxed);
    }

    /// Its value, if it has one.
    #[must_use]
    pub fn get(&self) -> Option<f64> {
        let value = f64::from_bits(self.0.load(Relaxed));
        (!value.is_nan()).then_some(value)
    }
}

impl EncodeMetric for SometimesGauge {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => encoder.encode_gauge(&value),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

impl TypedMetric for SometimesGauge {
    const TYPE: MetricType = MetricType::Gauge;
}

/// What has begun and not ended; told as the age of the oldest, in seconds, 0 where there
/// is none.
#[derive(Clone, Debug, Default)]
pub struct OldestAge(Arc<Mutex<Vec<Instant>>>);

/// Something that has begun. Dropping it ends it, for whatever reason.
#[derive(Debug)]
pub struct InFlight {
    of: OldestAge,
    began: Instant,
}

impl OldestAge {
    /// Something begins now.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        let began = Instant::now();
        self.began().push(began);
        InFlight {
            of: self.clone(),
            began,
        }
    }

    /// The age of the oldest.
    #[must_use]
    pub fn get(&self) -> Duration {
        let oldest = self.began().iter().min().copied();
        oldest.map_or(Duration::ZERO, |began| began.elapsed())
    }

    fn began(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.0.lock().expect("nothing panics while it holds times")
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut began = self.of.began();
        if let Some(place) = began.iter().position(|began| *began == self.began) {
            began.swap_remove(place);
        }
    }
}

impl EncodeMetric for OldestAge {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.get().as_secs_f64())
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
