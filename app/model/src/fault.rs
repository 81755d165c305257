//! The one thing that is wrong with the model at a time: what, for which share of whose
//! requests, from when on, and how slowly it comes; told, or hidden by a [`Mystery`]. Knows
//! no HTTP.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::mystery::Mystery;
use crate::scenario::Scenario;
use crate::segment::Segment;
use crate::wine::Wine;

/// A scenario with its course in time. `Debug` shows nothing of a hidden one.
#[derive(Clone)]
pub(crate) struct Fault {
    pub(crate) scenario: Scenario,
    /// Those whose requests it meets; everybody's without one.
    pub(crate) segment: Option<Segment>,
    /// The share of their requests that it meets at last, from 0 to 1.
    pub(crate) share: f64,
    pub(crate) begins: Instant,
    /// How long the share takes to grow from 0.
    pub(crate) ramp: Duration,
    /// What hides it.
    pub(crate) mystery: Option<Arc<Mystery>>,
    /// Sums of the wines' weights, up to each of them.
    pub(crate) weights: Arc<[f64]>,
}

impl Fault {
    /// Something is wrong, or nothing, with the wines of this population or with what
    /// answers them: from now on, always, and for everybody. The rest can be set.
    pub(crate) fn new(scenario: Scenario, population: &[Wine]) -> Self {
        let mut sum = 0.0;
        let weights = scenario.weights(population).into_iter().map(|weight| {
            sum += weight;
            sum
        });
        Self {
            scenario,
            segment: None,
            share: 1.0,
            begins: Instant::now(),
            ramp: Duration::ZERO,
            mystery: None,
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

    /// What is wrong with one request, for which this number from 0 to 1 was drawn.
    pub(crate) fn meets(&self, segment: Segment, now: Instant, drawn: f64) -> Scenario {
        let concerned = self.segment.is_none_or(|only| only == segment);
        if concerned && drawn < self.strength(now) {
            self.scenario
        } else {
            Scenario::None
        }
    }

    /// The row of the wine that this number from 0 to 1 draws among those that come.
    pub(crate) fn row(&self, drawn: f64) -> usize {
        let at = drawn * self.weights.last().copied().unwrap_or_default();
        let row = self.weights.partition_point(|sum| *sum <= at);
        row.min(self.weights.len().saturating_sub(1))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Fault");
        if let Some(mystery) = &self.mystery {
            return shown.field("mystery", mystery).finish_non_exhaustive();
        }
        shown
            .field("scenario", &self.scenario)
            .field("segment", &self.segment)
            .field("share", &self.share)
            .field("ramp", &self.ramp)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_and_grows_when_it_was_told_to() {
        let begins = Instant::now() + Duration::from_secs(10);
        let ramp = Duration::from_secs(20);
        let fault = Fault {
            share: 0.5,
            begins,
            ramp,
            ..Fault::new(Scenario::Absent, &[])
        };
        let strength = |seconds: u64| fault.strength(begins + Duration::from_secs(seconds));
        assert_eq!(fault.strength(begins - Duration::from_secs(1)), 0.0);
        assert_eq!((strength(0), strength(10), strength(20)), (0.0, 0.25, 0.5));
        assert_eq!(strength(1_000), 0.5);
    }

    #[test]
    fn it_meets_only_those_whom_it_concerns() {
        let fault = Fault {
            segment: Some(Segment::Partner),
            share: 0.5,
            ..Fault::new(Scenario::Fraction, &[])
        };
        let now = Instant::now();
        assert_eq!(fault.meets(Segment::Partner, now, 0.4), Scenario::Fraction);
        assert_eq!(fault.meets(Segment::Partner, now, 0.6), Scenario::None);
        assert_eq!(fault.meets(Segment::Web, now, 0.4), Scenario::None);
    }
}
