//! The exact distribution of the answers in a scenario. The population is a finite list
//! of wines, so a distribution is a finite list of scores, each with what comes out and
//! with its weight, and every distance and every quality is a sum: nothing is estimated.
//!
//! Sources: Kolmogorov-Smirnov distance and its 99% bound 1.63/√n: F. Massey, *The
//! Kolmogorov-Smirnov test for goodness of fit*, 1951. D1: the sum of absolute
//! differences. Population stability index: the symmetric Kullback-Leibler divergence,
//! S. Kullback, *Information theory and statistics*, 1959.

use crate::artefact::{GOOD_FROM, Quality, Reference};

/// The share that an empty decile counts as, for the logarithm of the stability index.
const LEAST_SHARE: f64 = 1e-4;

/// A score, whether the wine is good, and how likely it is.
pub type Atom = (f64, bool, f64);

/// A distribution of scores and outcomes.
#[derive(Clone, Debug)]
pub struct Law(Vec<Atom>);

/// How far answers are from a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Kolmogorov-Smirnov distance, from 0 to 1, at the bounds of the histogram.
    pub ks: f64,
    /// Sum over the deciles of the absolute difference between shares, from 0 to 2.
    pub d1: f64,
    /// Population stability index over the deciles, from 0.
    pub psi: f64,
}

impl Law {
    /// The distribution of these atoms; weights are divided by their sum.
    #[must_use]
    pub fn new(mut atoms: Vec<Atom>) -> Self {
        atoms.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = atoms.iter().map(|atom| atom.2).sum();
        for atom in &mut atoms {
            atom.2 /= total;
        }
        Self(atoms)
    }

    /// With probability `share` an answer of `other`, else one of this.
    #[must_use]
    pub fn mixed(&self, share: f64, other: &Self) -> Self {
        let weighted = |law: &Self, by: f64| -> Vec<Atom> {
            let atoms = law.0.iter();
            atoms
                .map(|(score, good, w)| (*score, *good, w * by))
                .collect()
        };
        Self::new([weighted(self, 1.0 - share), weighted(other, share)].concat())
    }

    /// The score up to which this share of answers lies: the first that is beyond it.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        for (score, _, weight) in &self.0 {
            below += weight;
            if below > share + 1e-9 {
                return *score;
            }
        }
        self.0.last().map_or(f64::NAN, |atom| atom.0)
    }

    /// The share of scores up to this one.
    #[must_use]
    pub fn share_up_to(&self, bound: f64) -> f64 {
        let below = self.0.iter().filter(|atom| atom.0 <= bound);
        below.map(|atom| atom.2).sum()
    }

    /// The share of scores in each decile that these edges divide.
    #[must_use]
    pub fn shares(&self, edges: &[f64]) -> Vec<f64> {
        let mut shares = vec![0.0; edges.len() + 1];
        for (score, _, weight) in &self.0 {
            shares[edges.partition_point(|edge| edge <= score)] += weight;
        }
        shares
    }

    /// How far it is from the reference, as `/metrics` would show it after infinitely many
    /// answers.
    #[must_use]
    pub fn distance(&self, reference: &Reference) -> Distance {
        let bounds = reference.bounds.iter().zip(&reference.cumulative);
        let apart = bounds.map(|(bound, share)| (self.share_up_to(*bound) - share).abs());
        let ks = apart.fold(0.0, f64::max);
        let shares = self.shares(&reference.edges);
        let pairs = || shares.iter().zip(&reference.shares);
        Distance {
            ks,
            d1: pairs().map(|(now, then)| (now - then).abs()).sum(),
            psi: pairs()
                .map(|(now, then)| {
                    let ratio = now.max(LEAST_SHARE) / then.max(LEAST_SHARE);
                    (now - then) * ratio.ln()
                })
                .sum(),
        }
    }

    /// How well the scores agree with what comes out.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let sum = |value: &dyn Fn(f64, f64) -> f64| -> f64 {
            let atoms = self.0.iter();
            let atoms = atoms.map(|(score, good, w)| value(*score, f64::from(u8::from(*good))) * w);
            atoms.sum()
        };
        Quality {
            accuracy: sum(&|score, good| f64::from(u8::from((score >= GOOD_FROM) == (good > 0.5)))),
            auc: self.auc(),
            brier: sum(&|score, good| (score - good) * (score - good)),
            mean: sum(&|score, _| score),
        }
    }

    /// The probability that a good wine scores higher than one that is not; half of that
    /// of equal scores. NaN where all wines are alike.
    fn auc(&self) -> f64 {
        let (mut bad_below, mut ordered, mut good_total) = (0.0, 0.0, 0.0);
        for equal in self.0.chunk_by(|a, b| a.0 == b.0) {
            let weight = |good: bool| -> f64 {
                let of = equal.iter().filter(|atom| atom.1 == good);
                of.map(|atom| atom.2).sum()
            };
            ordered += weight(true) * (bad_below + weight(false) / 2.0);
            bad_below += weight(false);
            good_total += weight(true);
        }
        ordered / (good_total * bad_below)
    }
}

/// The Kolmogorov-Smirnov distance that `answers` answers without any shift exceed once in a
/// hundred times.
#[must_use]
pub fn noise_floor(answers: f64) -> f64 {
    1.63 / answers.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_small_example() {
        let law = Law::new(vec![(0.2, false, 1.0), (0.6, true, 2.0), (0.6, false, 1.0)]);
        let quality = law.quality();
        assert!((quality.accuracy - 0.75).abs() < 1e-12);
        // Of the pairs, half have 0.2 against 0.6, and half are equal.
        assert!((quality.auc - 0.75).abs() < 1e-12);
        assert!((quality.brier - (0.04 + 2.0 * 0.16 + 0.36) / 4.0).abs() < 1e-12);
        assert!((quality.mean - 0.5).abs() < 1e-12);
        let reference = Reference {
            bounds: vec![0.2, 0.5],
            cumulative: vec![0.5, 0.5],
            edges: vec![0.5],
            shares: vec![0.5, 0.5],
        };
        let distance = law.distance(&reference);
        assert!((distance.ks - 0.25).abs() < 1e-12, "{distance:?}");
        assert!((distance.d1 - 0.5).abs() < 1e-12, "{distance:?}");
        let psi = -0.25 * 0.5_f64.ln() + 0.25 * 1.5_f64.ln();
        assert!((distance.psi - psi).abs() < 1e-12, "{distance:?}");
        let same = law.mixed(0.3, &law).distance(&reference);
        assert!((same.ks - distance.ks).abs() < 1e-12, "{same:?}");
    }
}
