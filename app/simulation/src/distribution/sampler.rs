//! How a family is sampled: rand_distr's algorithms, set up once.

use rand::distr::{Distribution, Open01, Uniform};
use rand::{Rng, RngExt};
use rand_distr::{Beta, Exp, Gamma, LogNormal, Normal, Pareto, Triangular, Weibull};

use super::family::{Family, of_logarithm};

/// A family, ready to draw from.
#[derive(Clone, Debug)]
pub(super) enum Sampler {
    Constant(f64),
    Uniform(Uniform<f64>),
    Normal(Normal<f64>),
    Lognormal(LogNormal<f64>),
    Exponential(Exp<f64>),
    Gamma(Gamma<f64>),
    Weibull(Weibull<f64>),
    Pareto(Pareto<f64>),
    Beta(Beta<f64>, f64),
    Triangular(Triangular<f64>),
}

impl Sampler {
    /// Cannot fail for parameters within the ranges and in the order that the
    /// parser insists on.
    pub(super) fn new(family: &Family) -> Self {
        let sampler = match *family {
            Family::Constant { value } => Some(Self::Constant(value)),
            Family::Uniform { min, max } => Uniform::new(min, max).ok().map(Self::Uniform),
            Family::Normal { mean, sd } => Normal::new(mean, sd).ok().map(Self::Normal),
            Family::Lognormal { mean, cv } => {
                let (mu, sigma) = of_logarithm(mean, cv);
                LogNormal::new(mu, sigma).ok().map(Self::Lognormal)
            }
            Family::Exponential { mean } => Exp::new(mean.recip()).ok().map(Self::Exponential),
            Family::Gamma { shape, scale } => Gamma::new(shape, scale).ok().map(Self::Gamma),
            Family::Weibull { shape, scale } => Weibull::new(scale, shape).ok().map(Self::Weibull),
            Family::Pareto { scale, shape } => Pareto::new(scale, shape).ok().map(Self::Pareto),
            Family::Beta { a, b, scale } => Beta::new(a, b)
                .ok()
                .map(|distribution| Self::Beta(distribution, scale)),
            Family::Triangular { min, mode, max } => {
                Triangular::new(min, max, mode).ok().map(Self::Triangular)
            }
        };
        sampler.expect("the ranges of the signature are within what rand_distr takes")
    }

    pub(super) fn sample(&self, rng: &mut impl Rng) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Uniform(distribution) => distribution.sample(rng),
            Self::Normal(distribution) => distribution.sample(rng),
            Self::Lognormal(distribution) => distribution.sample(rng),
            Self::Exponential(distribution) => distribution.sample(rng),
            Self::Gamma(distribution) => distribution.sample(rng),
            Self::Weibull(distribution) => distribution.sample(rng),
            Self::Pareto(distribution) => distribution.sample(rng),
            Self::Beta(distribution, scale) => distribution.sample(rng) * scale,
            Self::Triangular(distribution) => distribution.sample(rng),
        }
    }
}

/// A number strictly between 0 and 1, for inversion.
pub(super) fn open_unit(rng: &mut impl Rng) -> f64 {
    rng.sample(Open01)
}
