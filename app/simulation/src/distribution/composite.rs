//! A distribution as a whole: families, truncated where they must be, mixed and
//! clamped.

use rand::{Rng, RngExt};

use super::bisection::least;
use super::family::Family;
use super::sampler::{Sampler, open_unit};
use super::signature::CLAMP;

/// A distribution over numbers; times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Distribution {
    Simple(Simple),
    Mixture(Vec<Component>),
    Clamp {
        inner: Box<Distribution>,
        lo: f64,
        hi: f64,
    },
}

/// One part of a mixture.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// As written; the weights of a mixture sum to 1 within rounding.
    pub(super) weight: f64,
    pub(super) inner: Distribution,
    /// The sum of this and all earlier weights, over the sum of all: exactly 1
    /// at the last.
    up_to: f64,
}

impl PartialEq for Component {
    fn eq(&self, other: &Self) -> bool {
        self.weight == other.weight && self.inner == other.inner
    }
}

/// A family, possibly truncated at 0.
#[derive(Clone, Debug)]
pub(super) struct Simple {
    pub(super) family: Family,
    sampler: Sampler,
    /// `P(X < 0)` and `P(X >= 0)` of the family where it is truncated.
    truncated: Option<Truncated>,
}

#[derive(Clone, Copy, Debug)]
struct Truncated {
    below: f64,
    kept: f64,
}

impl PartialEq for Simple {
    fn eq(&self, other: &Self) -> bool {
        // The rest follows from the family and from what the distribution
        // measures.
        self.family == other.family
    }
}

impl Distribution {
    pub(super) fn simple(family: Family) -> Self {
        Self::Simple(Simple {
            sampler: Sampler::new(&family),
            family,
            truncated: None,
        })
    }

    /// The distribution of `X` given that it is not negative, or what
    /// probability that has, if it is less than `least`.
    pub(super) fn truncated(family: Family, least: f64) -> Result<Self, f64> {
        let kept = probability_not_negative(&family);
        if kept < least {
            return Err(kept);
        }
        // Of the families that can be negative none has an atom at 0, save
        // constants, of which all or nothing is kept.
        let below = if matches!(family, Family::Constant { .. }) {
            0.0
        } else {
            family.cdf(0.0)
        };
        let truncated = (below > 0.0).then_some(Truncated { below, kept });
        Ok(Self::Simple(Simple {
            sampler: Sampler::new(&family),
            family,
            truncated,
        }))
    }

    /// The mixture of `terms`, at least one, each a positive weight and a
    /// distribution. A mixture among them is dissolved: its parts take their
    /// share of its weight.
    pub(super) fn mixture(terms: Vec<(f64, Self)>) -> Self {
        let mut parts = Vec::with_capacity(terms.len());
        for (weight, inner) in terms {
            match inner {
                Self::Mixture(nested) => {
                    parts.extend(
                        nested
                            .into_iter()
                            .map(|part| (weight * part.weight, part.inner)),
                    );
                }
                inner => parts.push((weight, inner)),
            }
        }
        if parts.len() == 1
            && let Some((_, inner)) = parts.pop()
        {
            return inner;
        }
        let sum: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let last = parts.len() - 1;
        let mut up_to = 0.0;
        let components = parts.into_iter().enumerate().map(|(i, (weight, inner))| {
            up_to = if i == last { 1.0 } else { up_to + weight / sum };
            Component {
                weight,
                inner,
                up_to,
            }
        });
        Self::Mixture(components.collect())
    }

    pub(super) fn clamp(inner: Self, lo: f64, hi: f64) -> Self {
        Self::Clamp {
            inner: Box::new(inner),
            lo,
            hi,
        }
    }

    /// The word the distribution's text begins with, its weight aside.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Simple(simple) => simple.family.signature().name,
            Self::Mixture(components) => components
                .first()
                .map_or("", |component| component.inner.name()),
            Self::Clamp { .. } => CLAMP.name,
        }
    }

    /// The distribution of `factor * X`, for a positive factor.
    pub(super) fn scaled(&self, factor: f64) -> Self {
        match self {
            Self::Simple(Simple {
                family, truncated, ..
            }) => {
                let family = family.scaled(factor);
                let sampler = Sampler::new(&family);
                // What lies below 0 is the same share at every scale.
                Self::Simple(Simple {
                    family,
                    sampler,
                    truncated: *truncated,
                })
            }
            Self::Mixture(components) => {
                let scaled = components.iter().map(|component| Component {
                    inner: component.inner.scaled(factor),
                    ..*component
                });
                Self::Mixture(scaled.collect())
            }
            Self::Clamp { inner, lo, hi } => {
                Self::clamp(inner.scaled(factor), lo * factor, hi * factor)
            }
        }
    }

    /// The largest size, whatever its sign, of a parameter or bound that
    /// measures what the distribution does.
    pub(super) fn largest(&self) -> f64 {
        match self {
            Self::Simple(simple) => {
                let parameters = simple.family.signature().parameters.iter();
                let measured =
                    parameters
                        .zip(simple.family.parameters())
                        .filter_map(|(parameter, value)| {
                            parameter.role.is_dimensional().then_some(value)
                        });
                measured.fold(0.0, |largest, value| largest.max(value.abs()))
            }
            Self::Mixture(components) => components
                .iter()
                .map(|component| component.inner.largest())
                .fold(0.0, f64::max),
            Self::Clamp { inner, lo, hi } => inner.largest().max(lo.abs()).max(hi.abs()),
        }
    }

    pub(super) fn sample(&self, rng: &mut impl Rng) -> f64 {
        match self {
            Self::Simple(simple) => simple.sample(rng),
            Self::Mixture(components) => {
                let u: f64 = rng.random();
                let chosen = components.iter().find(|component| u < component.up_to);
                chosen
                    .expect("the last goes up to 1, above every draw")
                    .inner
                    .sample(rng)
            }
            Self::Clamp { inner, lo, hi } => inner.sample(rng).clamp(*lo, *hi),
        }
    }

    /// `P(X <= x)`.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        match self {
            Self::Simple(simple) => simple.cdf(x),
            Self::Mixture(components) => shares(components)
                .map(|(share, inner)| share * inner.cdf(x))
                .sum::<f64>()
                .min(1.0),
            Self::Clamp { lo, .. } if x < *lo => 0.0,
            Self::Clamp { hi, .. } if x >= *hi => 1.0,
            Self::Clamp { inner, .. } => inner.cdf(x),
        }
    }

    /// The least `x` with `P(X <= x) >= p`; at 0 and 1 the ends of the support.
    pub(super) fn quantile(&self, p: f64) -> f64 {
        match self {
            Self::Simple(simple) => simple.quantile(p),
            Self::Mixture(components) => {
                // The quantile of a mixture is among those of its parts.
                let ends = || {
                    components
                        .iter()
                        .map(|component| component.inner.quantile(p))
                };
                let low = ends().fold(f64::INFINITY, f64::min);
                let high = ends().fold(f64::NEG_INFINITY, f64::max);
                match p {
                    0.0 => low,
                    1.0 => high,
                    _ => least(low, high, |x| self.cdf(x) >= p),
                }
            }
            Self::Clamp { inner, lo, hi } => inner.quantile(p).clamp(*lo, *hi),
        }
    }

    /// `E[min(X, limit)]`.
    pub(super) fn limited_mean(&self, limit: f64) -> f64 {
        match self {
            Self::Simple(simple) => simple.limited_mean(limit),
            Self::Mixture(components) => shares(components)
                .map(|(share, inner)| share * inner.limited_mean(limit))
                .sum(),
            // min(clamp(X, lo, hi), d) = lo + min(X, d) - min(X, lo) for d in
            // lo..=hi.
            Self::Clamp { lo, .. } if limit <= *lo => limit,
            Self::Clamp { inner, lo, hi } => {
                lo + inner.limited_mean(hi.min(limit)) - inner.limited_mean(*lo)
            }
        }
    }
}

/// The parts of a mixture with their probabilities, which sum to 1.
fn shares(components: &[Component]) -> impl Iterator<Item = (f64, &Distribution)> {
    let mut before = 0.0;
    components.iter().map(move |component| {
        let share = component.up_to - before;
        before = component.up_to;
        (share, &component.inner)
    })
}

impl Simple {
    fn sample(&self, rng: &mut impl Rng) -> f64 {
        match self.truncated {
            None => self.sampler.sample(rng),
            // By inversion: one draw, however little of the family is kept.
            // Drawing until one is not negative would have no such bound.
            Some(_) => self.quantile(open_unit(rng)),
        }
    }

    fn cdf(&self, x: f64) -> f64 {
        match self.truncated {
            None => self.family.cdf(x),
            Some(_) if x <= 0.0 => 0.0,
            Some(Truncated { below, kept }) => {
                ((self.family.cdf(x) - below) / kept).clamp(0.0, 1.0)
            }
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        let upper = 1.0 - p;
        match self.truncated {
            None => self.family.quantile(p, upper),
            Some(Truncated { below, kept }) => self
                .family
                .quantile(below + kept * p, kept * upper)
                .max(0.0),
        }
    }

    fn limited_mean(&self, limit: f64) -> f64 {
        match self.truncated {
            None => self.family.limited_mean(limit),
            Some(_) if limit <= 0.0 => limit,
            // E[min(X, 0)] is what the negative part contributes.
            Some(Truncated { kept, .. }) => {
                (self.family.limited_mean(limit) - self.family.limited_mean(0.0)) / kept
            }
        }
    }
}

/// `P(X >= 0)`, precise also where it is small.
fn probability_not_negative(family: &Family) -> f64 {
    match *family {
        Family::Constant { value } => f64::from(u8::from(value >= 0.0)),
        // The mirror image: no `1 - ...`, no digits lost.
        Family::Normal { mean, sd } => Family::Normal { mean: -mean, sd }.cdf(0.0),
        Family::Uniform { min, max } => Family::Uniform {
            min: -max,
            max: -min,
        }
        .cdf(0.0),
        Family::Triangular { min, mode, max } => Family::Triangular {
            min: -max,
            mode: -mode,
            max: -min,
        }
        .cdf(0.0),
        // The others are never negative.
        _ => 1.0,
    }
}
