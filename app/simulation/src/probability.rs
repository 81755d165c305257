//! A probability: a number from 0 to 1.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};
use thiserror::Error;

use super::excerpt::excerpt;

/// How likely something is: a number from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Probability(f64);

/// Why something is not a [`Probability`].
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ProbabilityError {
    /// The text is not a number.
    #[error("`{0}` is not a number; a probability is a number from 0 to 1, such as 0.01")]
    NotANumber(String),
    /// The number is not from 0 to 1.
    #[error("{0} is out of range; a probability is a number from 0 to 1, such as 0.01")]
    OutOfRange(f64),
}

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0.0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1.0);

    /// The probability as a number from 0 to 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// Whether it happens this time. Takes one number from `rng`, also where
    /// the answer is certain, so that what is drawn afterwards does not depend
    /// on the probability.
    pub fn happens(self, rng: &mut impl Rng) -> bool {
        rng.random::<f64>() < self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = ProbabilityError;

    fn try_from(number: f64) -> Result<Self, ProbabilityError> {
        if (0.0..=1.0).contains(&number) {
            Ok(Self(number + 0.0)) // no negative zero
        } else {
            Err(ProbabilityError::OutOfRange(number))
        }
    }
}

impl FromStr for Probability {
    type Err = ProbabilityError;

    fn from_str(text: &str) -> Result<Self, ProbabilityError> {
        let number = text.trim().parse::<f64>();
        number
            .map_err(|_| ProbabilityError::NotANumber(excerpt(text)))?
            .try_into()
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
