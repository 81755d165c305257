//! Traffic that comes by itself: Poisson arrivals at a rate.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::{Rng, RngExt};
use rand_distr::Exp1;
use thiserror::Error;

use super::excerpt::excerpt;

/// How many requests arrive in a second, on average: 0 for none, or from
/// [`ArrivalRate::MIN`] to [`ArrivalRate::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct ArrivalRate(f64);

/// Why something is not an [`ArrivalRate`].
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ArrivalRateError {
    /// The text is not a number.
    #[error("`{0}` is not a number; a rate is in requests a second: 0 (off), or 0.001 to 100000")]
    NotANumber(String),
    /// The number is neither 0 nor in the range.
    #[error("{0} is out of range; a rate is in requests a second: 0 (off), or 0.001 to 100000")]
    OutOfRange(f64),
}

impl ArrivalRate {
    /// Nothing arrives.
    pub const OFF: Self = Self(0.0);
    /// The slowest traffic: one request in a thousand seconds.
    pub const MIN: Self = Self(0.001);
    /// The fastest traffic: as much as one machine can be made to serve.
    pub const MAX: Self = Self(100_000.0);

    /// The rate in requests a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// This many times the rate, from [`MIN`](Self::MIN) to [`MAX`](Self::MAX), and still
    /// off where it is off.
    #[must_use]
    pub fn times(self, times: f64) -> Self {
        if self.is_off() {
            return self;
        }
        Self((self.0 * times).clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Whether nothing arrives.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.0 == 0.0
    }
}

impl TryFrom<f64> for ArrivalRate {
    type Error = ArrivalRateError;

    fn try_from(per_second: f64) -> Result<Self, ArrivalRateError> {
        let range = Self::MIN.0..=Self::MAX.0;
        if per_second == 0.0 {
            Ok(Self::OFF)
        } else if range.contains(&per_second) {
            Ok(Self(per_second))
        } else {
            Err(ArrivalRateError::OutOfRange(per_second))
        }
    }
}

impl FromStr for ArrivalRate {
    type Err = ArrivalRateError;

    fn from_str(text: &str) -> Result<Self, ArrivalRateError> {
        let number = text.trim().parse::<f64>();
        number
            .map_err(|_| ArrivalRateError::NotANumber(excerpt(text)))?
            .try_into()
    }
}

impl fmt::Display for ArrivalRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The gaps of a Poisson process: open-loop traffic, in which every arrival
/// comes by itself, whatever became of the ones before.
///
/// The caller adds each gap to the *planned* time of the arrival before, not
/// to the time at which it got around to it: then lateness is caught up, and
/// the rate holds also where the service is slow.
///
/// ```
/// use simulation::{ArrivalRate, PoissonArrivals, Streams};
///
/// let mut arrivals = PoissonArrivals::new(Streams::new(1).arrivals());
/// let rate: ArrivalRate = "5".parse()?;
/// assert!(arrivals.next_gap(rate).is_some());
/// assert_eq!(arrivals.next_gap(ArrivalRate::OFF), None);
/// # Ok::<(), simulation::ArrivalRateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PoissonArrivals<R> {
    rng: R,
}

impl<R: Rng> PoissonArrivals<R> {
    /// Arrivals drawn from `rng`.
    pub fn new(rng: R) -> Self {
        Self { rng }
    }

    /// The time from one arrival to the next at `rate`; `None` if it is off.
    ///
    /// When the rate changes during a gap, drop what is left of it and draw a
    /// new one from that moment on. The exponential distribution has no memory:
    /// the result is exactly a Poisson process of the new rate.
    pub fn next_gap(&mut self, rate: ArrivalRate) -> Option<Duration> {
        if rate.is_off() {
            return None;
        }
        let standard: f64 = self.rng.sample(Exp1);
        Some(Duration::from_secs_f64(standard / rate.0))
    }
}
