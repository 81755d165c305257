//! Probability distributions with a text form: those that the service's values
//! and delays follow.
//!
//! | text | distribution | mean |
//! |---|---|---|
//! | `constant(value)` | always the same | `value` |
//! | `uniform(min, max)` | every number between as likely | `(min + max) / 2` |
//! | `normal(mean, sd)` | the bell curve | `mean` |
//! | `lognormal(mean, cv)` | its logarithm is normal; `cv` is standard deviation / mean | `mean` |
//! | `exponential(mean)` | memoryless | `mean` |
//! | `gamma(shape, scale)` | the sum of `shape` exponentials of mean `scale` | `shape * scale` |
//! | `weibull(shape, scale)` | `P(X > x) = exp(-(x / scale)^shape)` | `scale * Γ(1 + 1 / shape)` |
//! | `pareto(scale, shape)` | `P(X > x) = (scale / x)^shape` from `scale` on | `scale * shape / (shape - 1)`; infinite for `shape <= 1` |
//! | `beta(a, b, scale)` | between 0 and `scale`; density `x^(a-1) * (1-x)^(b-1)` on the unit scale | `scale * a / (a + b)` |
//! | `triangular(min, mode, max)` | rises to `mode`, falls to `max` | `(min + mode + max) / 3` |
//! | `0.9*DIST + 0.1*DIST` | a mixture: each drawn with its weight; the weights sum to 1 | the weighted sum |
//! | `clamp(DIST, lo, hi)` | what lies outside goes to the bounds | |
//!
//! Arguments are given in this order, or by name (`gamma(scale=40ms,
//! shape=3)`), or first in order and then by name. `clamp` may stand wherever a
//! distribution may, 8 deep; at most 64 families and clamps make one
//! distribution.
//!
//! | parameter | in a [`ValueDistribution`] | in a [`DelayDistribution`] |
//! |---|---|---|
//! | `value`, `min`, `mode`, `max`, normal's `mean` | -1e9 to 1e9 | -60s to 60s |
//! | `lo`, `hi` | -1e9 to 1e9 | 0s to 60s |
//! | `sd`, `scale`, other `mean` | 1e-9 to 1e9 | 1ns to 60s |
//! | `shape`, `a`, `b` | 0.1 to 1000 | the same |
//! | `cv` | 0.001 to 100 | the same |
//!
//! Times need a unit (`ns`, `us` or `µs`, `ms`, `s`, `m`), plain numbers must
//! not have one. `scale` of `beta` is 1 for values and required for delays.

mod arguments;
mod bisection;
mod composite;
mod cursor;
mod family;
pub mod nearest;
mod parse;
mod parse_error;
mod print;
mod quantity;
mod sampler;
mod signature;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::Rng;

pub use self::parse_error::ParseError;

use self::composite::Distribution;
use self::print::Canonical;
use self::quantity::Measure;

/// The distribution of the numbers that the service answers with: plain
/// numbers, without a unit.
///
/// Its text form is described in [the module](self). Printing gives the
/// canonical text, and reading that gives an equal distribution again.
///
/// ```
/// use simulation::ValueDistribution;
///
/// let distribution: ValueDistribution = "normal(50, sd=15)".parse()?;
/// assert_eq!(distribution.to_string(), "normal(mean=50, sd=15)");
/// assert_eq!(distribution.mean(), 50.0);
/// assert_eq!(distribution.cdf(50.0), 0.5);
/// assert!((distribution.quantile(0.975) - 79.4).abs() < 0.01);
///
/// let error = "gamma(shpae=3, scale=10)".parse::<ValueDistribution>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "column 7: unknown parameter `shpae` of gamma; did you mean `shape`? gamma takes shape, scale",
/// );
/// # Ok::<(), simulation::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ValueDistribution(Distribution);

/// The distribution of the time the service takes to answer.
///
/// Times carry units in the text; every number here is in seconds. A delay is
///
/// - **never negative**: a family that reaches below 0 is truncated there, that
///   is, it becomes the distribution of `X` given `X >= 0`. It is not folded, and
///   nothing piles up at 0. In a mixture each family is truncated by itself, so
///   the weights hold as written. A family of which less than 0.1% lies at or
///   above 0 is refused.
/// - **at most [`DelayDistribution::MAX`]**: what lies above counts as that,
///   as if `clamp(DIST, 0s, 60s)` were written around the whole. So no heavy
///   tail can hold a request for an hour, and every mean is finite. A smaller
///   bound is a `clamp` of one's own.
///
/// [`mean`](Self::mean), [`cdf`](Self::cdf) and [`quantile`](Self::quantile)
/// are those of the delay that is really drawn, with both rules applied.
///
/// ```
/// use simulation::DelayDistribution;
///
/// let distribution: DelayDistribution = "0.99*gamma(3, 30ms) + 0.01*uniform(1s, 2s)".parse()?;
/// assert_eq!(distribution.to_string(), "0.99*gamma(shape=3, scale=30ms) + 0.01*uniform(1s, 2s)");
/// assert!((distribution.mean() - 0.1041).abs() < 1e-12);
/// assert_eq!(distribution.quantile(1.0), 60.0); // gamma has no end of its own
/// # Ok::<(), simulation::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DelayDistribution(Distribution);

impl ValueDistribution {
    /// Draws a number. It is always finite.
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        self.0.sample(rng)
    }

    /// The expected value; infinite where a Pareto distribution of shape at
    /// most 1 is not clamped from above.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.limited_mean(f64::INFINITY)
    }

    /// The probability of a number at or below `x`; NaN for NaN.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { self.0.cdf(x) }
    }

    /// The least `x` with `cdf(x) >= p`; at 0 and 1 the ends of what can be
    /// drawn, which may be infinite. NaN for a `p` outside 0 to 1.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) {
            self.0.quantile(p)
        } else {
            f64::NAN
        }
    }
}

impl DelayDistribution {
    /// The longest delay there is: 60 s.
    pub const MAX: Duration = Duration::from_secs(60);

    const MAX_SECONDS: f64 = 60.0;

    /// The distribution with a share of the requests, above 0 and below 1,
    /// following `tail` instead.
    #[must_use]
    pub fn with_tail(&self, share: f64, tail: &Self) -> Self {
        let parts = vec![(1.0 - share, self.0.clone()), (share, tail.0.clone())];
        Self(Distribution::mixture(parts))
    }

    /// The distribution with every time in it multiplied by `factor`, which is
    /// at least 1, but by no more than what takes the largest of them to
    /// [`MAX`](Self::MAX).
    #[must_use]
    pub fn slowed(&self, factor: f64) -> Self {
        let possible = Self::MAX_SECONDS / self.0.largest().max(f64::MIN_POSITIVE);
        Self(self.0.scaled(factor.min(possible).max(1.0)))
    }

    /// Draws a delay, rounded to whole nanoseconds; the distribution itself, in
    /// the functions below, is not rounded.
    pub fn sample(&self, rng: &mut impl Rng) -> Duration {
        let seconds = self.0.sample(rng).clamp(0.0, Self::MAX_SECONDS);
        Duration::from_secs_f64(seconds)
    }

    /// The expected delay in seconds.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.0.limited_mean(Self::MAX_SECONDS)
    }

    /// The probability of a delay of at most `x` seconds; NaN for NaN.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            x
        } else if x < Self::MAX_SECONDS {
            self.0.cdf(x)
        } else {
            1.0
        }
    }

    /// The least `x` in seconds with `cdf(x) >= p`; at 0 and 1 the shortest
    /// and the longest delay. NaN for a `p` outside 0 to 1.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) {
            self.0.quantile(p).min(Self::MAX_SECONDS)
        } else {
            f64::NAN
        }
    }
}

impl FromStr for ValueDistribution {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse::parse(text, Measure::Number).map(Self)
    }
}

impl FromStr for DelayDistribution {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse::parse(text, Measure::Time).map(Self)
    }
}

impl fmt::Display for ValueDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Canonical(&self.0, Measure::Number).fmt(f)
    }
}

impl fmt::Display for DelayDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Canonical(&self.0, Measure::Time).fmt(f)
    }
}
