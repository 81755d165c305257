//! The ten families: their parameters and their closed formulas.
//!
//! Everything follows from three functions of a distribution `X`: the
//! distribution function `P(X <= x)`, its inverse, and the limited mean
//! `E[min(X, d)]`, from which the mean of any truncated or clamped distribution
//! is put together. The formulas are those of Klugman, Panjer, Willmot: *Loss
//! Models*, appendix A (limited expected values), and of Johnson, Kotz,
//! Balakrishnan: *Continuous Univariate Distributions* (the rest).
//!
//! The special functions are those of statrs. Its distributions are not used:
//! some of their formulas cancel near an end of the support (`1 - (s/x)^a`),
//! overflow (`scale^-shape`) or panic on an argument that overflows, and the
//! inverses of its gamma and beta distributions stop short of full precision.

use statrs::function::beta::beta_reg;
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::{gamma, gamma_lr};
use std::f64::consts::{PI, SQRT_2};

use super::bisection::least;
use super::signature::{self, Signature};

/// A distribution of one of the ten families. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Family {
    Constant { value: f64 },
    Uniform { min: f64, max: f64 },
    Normal { mean: f64, sd: f64 },
    Lognormal { mean: f64, cv: f64 },
    Exponential { mean: f64 },
    Gamma { shape: f64, scale: f64 },
    Weibull { shape: f64, scale: f64 },
    Pareto { scale: f64, shape: f64 },
    Beta { a: f64, b: f64, scale: f64 },
    Triangular { min: f64, mode: f64, max: f64 },
}

impl Family {
    /// The family's name and parameters.
    pub(super) fn signature(&self) -> &'static Signature {
        match self {
            Self::Constant { .. } => &signature::CONSTANT,
            Self::Uniform { .. } => &signature::UNIFORM,
            Self::Normal { .. } => &signature::NORMAL,
            Self::Lognormal { .. } => &signature::LOGNORMAL,
            Self::Exponential { .. } => &signature::EXPONENTIAL,
            Self::Gamma { .. } => &signature::GAMMA,
            Self::Weibull { .. } => &signature::WEIBULL,
            Self::Pareto { .. } => &signature::PARETO,
            Self::Beta { .. } => &signature::BETA,
            Self::Triangular { .. } => &signature::TRIANGULAR,
        }
    }

    /// The parameters in the order of the signature; unused places are 0.
    pub(super) fn parameters(&self) -> [f64; 3] {
        match *self {
            Self::Constant { value } => [value, 0.0, 0.0],
            Self::Uniform { min, max } => [min, max, 0.0],
            Self::Normal { mean, sd } => [mean, sd, 0.0],
            Self::Lognormal { mean, cv } => [mean, cv, 0.0],
            Self::Exponential { mean } => [mean, 0.0, 0.0],
            Self::Gamma { shape, scale } | Self::Weibull { shape, scale } => [shape, scale, 0.0],
            Self::Pareto { scale, shape } => [scale, shape, 0.0],
            Self::Beta { a, b, scale } => [a, b, scale],
            Self::Triangular { min, mode, max } => [min, mode, max],
        }
    }

    /// The family of `signature` with `parameters` in its order; `None` for
    /// a signature that is no family (`clamp`).
    pub(super) fn from_parameters(
        signature: &'static Signature,
        [first, second, third]: [f64; 3],
    ) -> Option<Self> {
        Some(match signature.name {
            "constant" => Self::Constant { value: first },
            "uniform" => Self::Uniform {
                min: first,
                max: second,
            },
            "normal" => Self::Normal {
                mean: first,
                sd: second,
            },
            "lognormal" => Self::Lognormal {
                mean: first,
                cv: second,
            },
            "exponential" => Self::Exponential { mean: first },
            "gamma" => Self::Gamma {
                shape: first,
                scale: second,
            },
            "weibull" => Self::Weibull {
                shape: first,
                scale: second,
            },
            "pareto" => Self::Pareto {
                scale: first,
                shape: second,
            },
            "beta" => Self::Beta {
                a: first,
                b: second,
                scale: third,
            },
            "triangular" => Self::Triangular {
                min: first,
                mode: second,
                max: third,
            },
            _ => return None,
        })
    }

    /// The distribution of `factor * X`, for a positive factor: every family is
    /// one of scale, so only the parameters that measure what `X` does change.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        let signature = self.signature();
        let mut parameters = self.parameters();
        for (value, parameter) in parameters.iter_mut().zip(signature.parameters) {
            if parameter.role.is_dimensional() {
                *value *= factor;
            }
        }
        let scaled = Self::from_parameters(signature, parameters)
            .expect("the signature of a family makes a family");
        match scaled {
            // Two neighbouring numbers may have become one.
            Self::Uniform { min, max } | Self::Triangular { min, max, .. } if min >= max => {
                Self::Constant { value: min }
            }
            scaled => scaled,
        }
    }

    /// `P(X <= x)`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        match *self {
            Self::Constant { value } => f64::from(u8::from(x >= value)),
            Self::Uniform { min, max } => ((x - min) / (max - min)).clamp(0.0, 1.0),
            Self::Normal { mean, sd } => standard_normal_cdf((x - mean) / sd),
            Self::Lognormal { mean, cv } => {
                let (mu, sigma) = of_logarithm(mean, cv);
                standard_normal_cdf((x.max(0.0).ln() - mu) / sigma)
            }
            Self::Exponential { mean } => -(-x.max(0.0) / mean).exp_m1(),
            Self::Gamma { shape, scale } => lower_gamma(shape, x / scale),
            Self::Weibull { shape, scale } => -(-(x.max(0.0) / scale).powf(shape)).exp_m1(),
            Self::Pareto { scale, shape } => -((scale / x.max(scale)).ln() * shape).exp_m1(),
            Self::Beta { a, b, scale } => regularized_beta(a, b, x / scale),
            Self::Triangular { min, mode, max } => {
                if x <= min {
                    0.0
                } else if x < mode {
                    (x - min) / (max - min) * ((x - min) / (mode - min))
                } else if x < max {
                    1.0 - (max - x) / (max - min) * ((max - x) / (max - mode))
                } else {
                    1.0
                }
            }
        }
    }

    /// The least `x` with `P(X <= x) >= p`; at 0 and 1 the ends of the support.
    ///
    /// `upper` is `1 - p`, which the caller may know more precisely: near 1,
    /// `p` itself has no digits left for it.
    pub(super) fn quantile(&self, p: f64, upper: f64) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { min, max } => (min + (max - min) * p).min(max),
            Self::Normal { mean, sd } => mean + sd * standard_normal_quantile(p, upper),
            Self::Lognormal { mean, cv } => {
                let (mu, sigma) = of_logarithm(mean, cv);
                (mu + sigma * standard_normal_quantile(p, upper)).exp()
            }
            Self::Exponential { mean } => mean * standard_exponential_quantile(p, upper),
            Self::Weibull { shape, scale } => {
                scale * standard_exponential_quantile(p, upper).powf(shape.recip())
            }
            Self::Pareto { scale, shape } => {
                scale * (standard_exponential_quantile(p, upper) / shape).exp()
            }
            Self::Triangular { min, mode, max } => {
                if p <= (mode - min) / (max - min) {
                    min + ((max - min) * (mode - min) * p).sqrt()
                } else {
                    max - ((max - min) * (max - mode) * upper).sqrt()
                }
            }
            Self::Gamma { .. } if p >= 1.0 => f64::INFINITY,
            Self::Gamma { .. } => least(0.0, f64::MAX, |x| self.cdf(x) >= p),
            Self::Beta { scale, .. } => least(0.0, scale, |x| self.cdf(x) >= p),
        }
    }

    /// `E[min(X, limit)]`: what the mean is if everything above `limit` counts
    /// as `limit`. With an infinite limit it is the mean, infinite for a
    /// Pareto distribution whose shape is at most 1.
    pub(super) fn limited_mean(&self, limit: f64) -> f64 {
        // The part above counts `limit` times its probability; where that is 0,
        // an infinite `limit` must not make it NaN.
        let above = |probability: f64| {
            if probability > 0.0 {
                limit * probability
            } else {
                0.0
            }
        };
        match *self {
            Self::Constant { value } => value.min(limit),
            Self::Uniform { min, max } => {
                let inside = limit.clamp(min, max);
                limit.min(inside) - (inside - min) / (max - min) * (inside - min) / 2.0
            }
            Self::Normal { mean, sd } => {
                let z = (limit - mean) / sd;
                let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
                mean * standard_normal_cdf(z) - sd * density + above(standard_normal_cdf(-z))
            }
            Self::Lognormal { mean, cv } => {
                if limit <= 0.0 {
                    return limit;
                }
                let (mu, sigma) = of_logarithm(mean, cv);
                let z = (limit.ln() - mu) / sigma;
                mean * standard_normal_cdf(z - sigma) + above(standard_normal_cdf(-z))
            }
            Self::Exponential { mean } => limit.min(0.0) - mean * (-limit.max(0.0) / mean).exp_m1(),
            Self::Gamma { shape, scale } => {
                let x = limit / scale;
                shape * scale * lower_gamma(shape + 1.0, x) + above(1.0 - lower_gamma(shape, x))
            }
            Self::Weibull { shape, scale } => {
                let hazard = (limit.max(0.0) / scale).powf(shape);
                let whole = scale * gamma(1.0 + shape.recip());
                whole * lower_gamma(1.0 + shape.recip(), hazard) + above((-hazard).exp())
            }
            Self::Pareto { scale, shape } => {
                if limit <= scale {
                    return limit;
                }
                // scale * (1 + integral of t^-shape over 1..limit/scale), in a
                // form that does not cancel where the shape is near 1.
                let ratio = (limit / scale).ln();
                let exponent = (1.0 - shape) * ratio;
                let integral = if shape == 1.0 {
                    ratio
                } else {
                    exponent.exp_m1() / (1.0 - shape)
                };
                scale * (1.0 + integral)
            }
            Self::Beta { a, b, scale } => {
                let x = limit / scale;
                let whole = scale * a / (a + b);
                whole * regularized_beta(a + 1.0, b, x) + above(1.0 - regularized_beta(a, b, x))
            }
            Self::Triangular { min, mode, max } => {
                if limit <= min {
                    limit
                } else if limit < mode {
                    let inside = limit - min;
                    limit - inside * (inside / (max - min)) * (inside / (mode - min)) / 3.0
                } else {
                    let outside = (max - limit).max(0.0);
                    let mean = (min + mode + max) / 3.0;
                    if outside == 0.0 {
                        return mean;
                    }
                    mean - outside * (outside / (max - min)) * (outside / (max - mode)) / 3.0
                }
            }
        }
    }
}

/// Mean and standard deviation of the logarithm of a lognormal distribution
/// with this mean and this coefficient of variation.
pub(super) fn of_logarithm(mean: f64, cv: f64) -> (f64, f64) {
    let variance = (cv * cv).ln_1p();
    (mean.ln() - variance / 2.0, variance.sqrt())
}

fn standard_normal_cdf(z: f64) -> f64 {
    erfc(-z / SQRT_2) / 2.0
}

fn standard_normal_quantile(p: f64, upper: f64) -> f64 {
    // From the tail that `p` is in, where the digits are.
    if p < upper {
        -SQRT_2 * erfc_inv(2.0 * p)
    } else {
        SQRT_2 * erfc_inv(2.0 * upper)
    }
}

fn standard_exponential_quantile(p: f64, upper: f64) -> f64 {
    if p < 0.5 { -(-p).ln_1p() } else { -upper.ln() }
}

/// The regularized lower incomplete gamma function at any `x`.
fn lower_gamma(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x == f64::INFINITY {
        1.0
    } else {
        gamma_lr(shape, x).clamp(0.0, 1.0)
    }
}

/// The regularized incomplete beta function at any `x`.
fn regularized_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else if x <= 0.5 {
        beta_reg(a, b, x).clamp(0.0, 1.0)
    } else {
        // From the upper end, where `1 - x` is exact: `beta_reg` takes the last
        // few numbers before 1 for 1, and with a small `b` much lies there.
        (1.0 - beta_reg(b, a, 1.0 - x)).clamp(0.0, 1.0)
    }
}
