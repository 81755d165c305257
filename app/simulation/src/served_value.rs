//! A distribution of numbers that a service may answer with.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use thiserror::Error;

use super::excerpt::excerpt;
use super::{ParseError, ValueDistribution};

/// A [`ValueDistribution`] of whose numbers at most one in a thousand million is beyond
/// [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
///
/// What is served is summed, in a float: five numbers of 10²⁷ and no number after them
/// changes the sum any more. With a million as the largest, the sum of nine thousand
/// million numbers, which are a hundred days of a thousand a second, is still exact to 1.
///
/// ```
/// use simulation::ServedValue;
///
/// assert!("pareto(scale=20, shape=2.5)".parse::<ServedValue>().is_ok());
/// assert!("pareto(scale=20, shape=0.5)".parse::<ServedValue>().is_err());
/// assert!("clamp(pareto(scale=20, shape=0.5), 0, 1e6)".parse::<ServedValue>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ServedValue(ValueDistribution);

/// Why a text is not a [`ServedValue`].
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ServedValueError {
    /// It is not a distribution.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Too many of its numbers are too large.
    #[error(
        "one in {one_in} numbers of `{distribution}` is beyond {} to {}, and would spoil the sum of all; write clamp(…, {}, {})",
        ServedValue::MIN,
        ServedValue::MAX,
        ServedValue::MIN,
        ServedValue::MAX
    )]
    Beyond {
        /// The beginning of its text.
        distribution: String,
        /// How many numbers there are for one that is too large.
        one_in: u64,
    },
}

impl ServedValue {
    /// The smallest number.
    pub const MIN: f64 = -1_000_000.0;
    /// The largest number.
    pub const MAX: f64 = 1_000_000.0;

    /// The share of its numbers that may be beyond.
    const MAX_SHARE: f64 = 1e-9;
}

impl Deref for ServedValue {
    type Target = ValueDistribution;

    fn deref(&self) -> &ValueDistribution {
        &self.0
    }
}

impl FromStr for ServedValue {
    type Err = ServedValueError;

    fn from_str(text: &str) -> Result<Self, ServedValueError> {
        let distribution: ValueDistribution = text.parse()?;
        let below = distribution.cdf(Self::MIN.next_down());
        let beyond = below + 1.0 - distribution.cdf(Self::MAX);
        if beyond <= Self::MAX_SHARE {
            return Ok(Self(distribution));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to a thousand million"
        )]
        let one_in = beyond.recip().round() as u64;
        Err(ServedValueError::Beyond {
            distribution: excerpt(text.trim()),
            one_in,
        })
    }
}

impl fmt::Display for ServedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_where_a_sum_stays_useful() {
        for text in [
            "constant(-1000000)",
            "constant(1e6)",
            "uniform(-1e6, 1e6)",
            "normal(mean=50, sd=15)",
            "lognormal(mean=50, cv=0.6)",
            "pareto(scale=20, shape=2.5)",
            "clamp(pareto(scale=1e9, shape=0.1), 0, 1e6)",
        ] {
            assert_eq!(text.parse::<ServedValue>().map(|_| ()), Ok(()), "{text}");
        }
        for (text, one_in) in [
            ("constant(1000000.1)", 1),
            ("constant(-1e9)", 1),
            ("uniform(0, 2e6)", 2),
            ("normal(mean=0, sd=1e6)", 3),
            ("pareto(scale=1e6, shape=0.1)", 1),
            ("pareto(scale=20, shape=0.5)", 224),
            ("0.99*constant(1) + 0.01*constant(1e9)", 100),
            ("clamp(pareto(scale=20, shape=0.5), 0, 1e9)", 224),
        ] {
            match text.parse::<ServedValue>() {
                Err(ServedValueError::Beyond { one_in: told, .. }) => {
                    assert_eq!(told, one_in, "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let error = "constant(1e9)"
            .parse::<ServedValue>()
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "one in 1 numbers of `constant(1e9)` is beyond -1000000 to 1000000, and would spoil \
             the sum of all; write clamp(…, -1000000, 1000000)"
        );
    }
}
