//! Counters, gauges and time costs that many threads may touch at once without
//! waiting for each other. Knows no metric's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::TIME_COST_SECONDS;
use crate::features::FEATURES;
use golden_metrics::{Description, Histogram, Layout, histogram_series, model};

/// What only rises, from 0.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// What it has come to.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// What it is from now on.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }

    /// What it is.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// How long something takes, in seconds.
#[derive(Debug)]
pub struct TimeCost(Histogram);

impl Default for TimeCost {
    fn default() -> Self {
        Self(Histogram::new(Arc::new(Layout::new(TIME_COST_SECONDS))))
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

/// One instrument a feature, in the order of the features.
#[derive(Debug, Default)]
pub struct PerFeature<T>([T; FEATURES.len()]);

impl<T> PerFeature<T> {
    /// The instrument of the feature at this place.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    #[must_use]
    pub fn of(&self, place: usize) -> &T {
        &self.0[place]
    }

    fn series(&self, one: impl Fn(&[(&str, &str)], &T) -> model::Metric) -> Vec<model::Metric> {
        let named = FEATURES.iter().zip(&self.0);
        named
            .map(|(feature, instrument)| one(&[("feat", feature.name)], instrument))
            .collect()
    }
}

/// What can be exposed under a description.
pub(super) trait Instrument {
    /// Its series.
    fn series(&self, description: &Description) -> Vec<model::Metric>;
}

impl Instrument for Counter {
    fn series(&self, description: &Description) -> Vec<model::Metric> {
        vec![description.sample(&[], exact(self.get()))]
    }
}

impl Instrument for Gauge {
    fn series(&self, description: &Description) -> Vec<model::Metric> {
        vec![description.sample(&[], self.get())]
    }
}

impl Instrument for TimeCost {
    fn series(&self, _: &Description) -> Vec<model::Metric> {
        vec![histogram_series(&[], &self.0)]
    }
}

impl Instrument for PerFeature<Counter> {
    fn series(&self, description: &Description) -> Vec<model::Metric> {
        self.series(|labels, counter| description.sample(labels, exact(counter.get())))
    }
}

impl Instrument for PerFeature<Gauge> {
    fn series(&self, description: &Description) -> Vec<model::Metric> {
        self.series(|labels, gauge| description.sample(labels, gauge.get()))
    }
}

/// A count as Prometheus' number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn exact(count: u64) -> f64 {
    count as f64
}
