//! The distributions that the tests go through.

use std::fmt;

use simulation::{DelayDistribution, Stream, ValueDistribution};

/// Every family, mixtures, clamps and truncations, as delays.
pub(crate) const DELAYS: [&str; 26] = [
    "constant(120ms)",
    "uniform(10ms, 50ms)",
    "normal(mean=120ms, sd=20ms)",
    "lognormal(mean=120ms, cv=0.6)",
    "lognormal(mean=50ms, cv=3)",
    "exponential(mean=80ms)",
    "gamma(shape=3, scale=40ms)",
    "gamma(shape=0.7, scale=40ms)",
    "weibull(shape=1.5, scale=100ms)",
    "weibull(shape=0.6, scale=100ms)",
    "pareto(scale=20ms, shape=2.5)",
    "beta(2, 5, scale=100ms)",
    "beta(0.5, 0.5, scale=100ms)",
    "triangular(10ms, 20ms, 80ms)",
    // Truncated at 0: a third, a half, nearly all of the family.
    "normal(mean=5ms, sd=10ms)",
    "normal(mean=0s, sd=10ms)",
    "normal(mean=-30ms, sd=10ms)",
    "uniform(-10ms, 50ms)",
    "triangular(-30ms, -10ms, 20ms)",
    // Heavy tails that the upper bound cuts: 1.8%, 18% and nearly half.
    "pareto(scale=20ms, shape=0.5)",
    "pareto(scale=3s, shape=0.57)",
    "gamma(shape=0.5, scale=60s)",
    "0.99*gamma(shape=3, scale=30ms) + 0.01*uniform(1s, 2s)",
    "0.5*constant(10ms) + 0.3*normal(mean=1ms, sd=9ms) + 0.2*constant(20ms)",
    "clamp(normal(mean=20ms, sd=10ms), 15ms, 30ms)",
    "0.6*clamp(0.5*exponential(mean=80ms) + 0.5*constant(30ms), 10ms, 90ms) + 0.4*beta(2, 2, scale=70ms)",
];

/// Every family, mixtures and clamps, as values; the ends of the allowed
/// ranges among them.
pub(crate) const VALUES: [&str; 26] = [
    "constant(-3.5)",
    "uniform(-10, 50)",
    "normal(mean=50, sd=15)",
    "normal(mean=-1000000000, sd=0.5)",
    "lognormal(mean=50, cv=0.6)",
    "lognormal(mean=1, cv=100)",
    "exponential(mean=1e-9)",
    "gamma(shape=0.1, scale=1)",
    "gamma(shape=1000, scale=1000000000)",
    "weibull(shape=0.1, scale=20)",
    "weibull(shape=1000, scale=20)",
    "pareto(scale=10, shape=0.1)",
    "pareto(scale=10, shape=1)",
    "pareto(scale=10, shape=1000)",
    "beta(2, 5)",
    "beta(0.1, 0.1)",
    "beta(1000, 0.1)",
    "beta(1000, 1000, scale=20)",
    "triangular(-1, 0, 1)",
    "triangular(0, 0, 1)",
    "triangular(0, 1, 1)",
    "0.5*normal(mean=20, sd=4) + 0.5*normal(mean=70, sd=6)",
    "0.2*uniform(-1, 1) + 0.8*uniform(0, 5)",
    "0.1*constant(1) + 0.2*constant(2) + 0.7*constant(3)",
    "clamp(normal(mean=50, sd=15), 40, 55)",
    "clamp(clamp(pareto(scale=1, shape=1), 2, 9), 3, 20)",
];

/// A distribution of either kind, in plain numbers: seconds for delays.
pub(crate) enum Distribution {
    Value(ValueDistribution),
    Delay(DelayDistribution),
}

/// All of the above.
pub(crate) fn all() -> impl Iterator<Item = Distribution> {
    DELAYS
        .into_iter()
        .map(Distribution::delay)
        .chain(VALUES.into_iter().map(Distribution::value))
}

impl Distribution {
    pub(crate) fn value(text: &str) -> Self {
        Self::Value(text.parse().expect("the texts of the tests are right"))
    }

    pub(crate) fn delay(text: &str) -> Self {
        Self::Delay(text.parse().expect("the texts of the tests are right"))
    }

    pub(crate) fn sample(&self, rng: &mut Stream) -> f64 {
        match self {
            Self::Value(distribution) => distribution.sample(rng),
            Self::Delay(distribution) => distribution.sample(rng).as_secs_f64(),
        }
    }

    pub(crate) fn samples(&self, rng: &mut Stream, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.sample(rng)).collect()
    }

    pub(crate) fn cdf(&self, x: f64) -> f64 {
        match self {
            Self::Value(distribution) => distribution.cdf(x),
            Self::Delay(distribution) => distribution.cdf(x),
        }
    }

    pub(crate) fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Value(distribution) => distribution.quantile(p),
            Self::Delay(distribution) => distribution.quantile(p),
        }
    }

    pub(crate) fn mean(&self) -> f64 {
        match self {
            Self::Value(distribution) => distribution.mean(),
            Self::Delay(distribution) => distribution.mean(),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(distribution) => distribution.fmt(f),
            Self::Delay(distribution) => distribution.fmt(f),
        }
    }
}
