//! The one thing that is wrong with the model at a time: what, for which share of the
//! requests, from when on, and how slowly it comes. Knows no HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use simulation::Stream;

use crate::scenario::Scenario;
use crate::wine::Wine;

/// A scenario with its course in time.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) scenario: Scenario,
    /// The share of requests that it meets at last, from 0 to 1.
    pub(crate) share: f64,
    pub(crate) begins: Instant,
    /// How long the share takes to grow from 0.
    pub(crate) ramp: Duration,
    weights: Arc<[f64]>,
}

impl Fault {
    /// Nothing is wrong.
    pub(crate) fn none() -> Self {
        Self::new(Scenario::None, 1.0, Instant::now(), Duration::ZERO, &[])
    }

    /// Something is wrong with the wines of this population, or with what answers them.
    pub(crate) fn new(
        scenario: Scenario,
        share: f64,
        begins: Instant,
        ramp: Duration,
        population: &[Wine],
    ) -> Self {
        let mut sum = 0.0;
        let weights = scenario.weights(population).into_iter().map(|weight| {
            sum += weight;
            sum
        });
        Self {
            scenario,
            share,
            begins,
            ramp,
            weights: weights.collect(),
        }
    }

    /// The share of requests that it meets at this time.
    pub(crate) fn strength(&self, now: Instant) -> f64 {
        let Some(since) = now.checked_duration_since(self.begins) else {
            return 0.0;
        };
        if self.ramp.is_zero() {
            return self.share;
        }
        self.share * (since.as_secs_f64() / self.ramp.as_secs_f64()).min(1.0)
    }

    /// What is wrong with one request. Takes one number from `rng`, whatever it is.
    pub(crate) fn meets(&self, now: Instant, rng: &mut Stream) -> Scenario {
        let drawn = rng.random::<f64>();
        if drawn < self.strength(now) {
            self.scenario
        } else {
            Scenario::None
        }
    }

    /// Sums of the wines' weights, up to each of them.
    pub(crate) fn cumulative_weights(&self) -> &[f64] {
        &self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_and_grows_when_it_was_told_to() {
        let begins = Instant::now() + Duration::from_secs(10);
        let ramp = Duration::from_secs(20);
        let fault = Fault::new(Scenario::Absent, 0.5, begins, ramp, &[]);
        let strength = |seconds: u64| fault.strength(begins + Duration::from_secs(seconds));
        assert_eq!(fault.strength(begins - Duration::from_secs(1)), 0.0);
        assert_eq!((strength(0), strength(10), strength(20)), (0.0, 0.25, 0.5));
        assert_eq!(strength(1_000), 0.5);
    }
}
