//! What the service pretends at the moment, and what that makes of a request.

use std::time::Duration;

use rand::Rng;
use thiserror::Error;

use super::{DelayDistribution, Probability, ServedValue};

/// What the service pretends to be: how often a request fails, how long it
/// takes, and which number it answers with.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// How likely a request fails.
    pub error_rate: Probability,
    /// How long a request takes, whether it fails or not.
    pub delay: DelayDistribution,
    /// What a request that does not fail answers with.
    pub value: ServedValue,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How long it takes to answer.
    pub delay: Duration,
    /// The number to answer with after that time, or that the request fails.
    pub result: Result<f64, Failure>,
}

/// A request fails because the service pretends so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("simulated failure")]
pub struct Failure;

impl Faults {
    /// Draws what becomes of a request.
    ///
    /// Whether it fails is drawn first, then the delay, then the value: from
    /// the same stream, a changed error rate leaves the delays as they were.
    pub fn draw(&self, rng: &mut impl Rng) -> Outcome {
        let fails = self.error_rate.happens(rng);
        let delay = self.delay.sample(rng);
        let result = if fails {
            Err(Failure)
        } else {
            Ok(self.value.sample(rng))
        };
        Outcome { delay, result }
    }
}

impl Default for Faults {
    /// One request in a hundred fails, so that no graph of errors is empty;
    /// the rest answer with `normal(mean=50, sd=15)` after
    /// `lognormal(mean=120ms, cv=0.6)`.
    fn default() -> Self {
        let valid = "a constant, and read by the tests";
        Self {
            error_rate: Probability::try_from(0.01).expect(valid),
            delay: "lognormal(mean=120ms, cv=0.6)".parse().expect(valid),
            value: "normal(mean=50, sd=15)".parse().expect(valid),
        }
    }
}
