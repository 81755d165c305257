//! The trees as flat arrays: an answer is a few hundred comparisons, and no allocation.
//! Only the answering; [`boosting`](crate::boosting) grows them.

use serde::{Deserialize, Serialize};

use crate::boosting::Split;
use crate::logistic::logistic;
use crate::wine::{Features, WIDTH};

/// Comparisons from the root of a tree to a leaf.
pub(crate) const DEPTH: usize = 3;

/// Inner nodes of a tree.
pub(crate) const SPLITS: usize = (1 << DEPTH) - 1;

/// Leaves of a tree.
pub(crate) const LEAVES: usize = 1 << DEPTH;

/// Whole trees, one after the other: below a threshold to the left, else to the right.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Forest {
    /// Log odds before the first tree.
    base: f64,
    /// Which feature each split compares.
    features: Vec<u8>,
    thresholds: Vec<f64>,
    /// Log odds that each leaf adds.
    leaves: Vec<f64>,
}

impl Forest {
    pub(crate) fn new(base: f64) -> Self {
        Self {
            base,
            features: Vec::new(),
            thresholds: Vec::new(),
            leaves: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, splits: &[Split; SPLITS], leaves: &[f64; LEAVES]) {
        for (feature, threshold) in splits {
            self.features.push(*feature);
            self.thresholds.push(*threshold);
        }
        self.leaves.extend(leaves);
    }

    /// Whether an answer can be read from it at all.
    pub(crate) fn is_whole(&self) -> bool {
        let trees = self.leaves.len() / LEAVES;
        self.leaves.len() == trees * LEAVES
            && self.thresholds.len() == trees * SPLITS
            && self.features.len() == trees * SPLITS
            && self.features.iter().all(|f| usize::from(*f) < WIDTH)
    }

    /// The probability that a wine is good, for features of which none is missing.
    pub(crate) fn score(&self, features: &Features) -> f64 {
        // Widened to a power of two, so that a feature's number needs a mask and no check.
        let mut wide = [0.0; WIDTH.next_power_of_two()];
        wide[..WIDTH].copy_from_slice(features);
        let (compared, _) = self.features.as_chunks::<SPLITS>();
        let (thresholds, _) = self.thresholds.as_chunks::<SPLITS>();
        let (leaves, _) = self.leaves.as_chunks::<LEAVES>();
        let mut margin = self.base;
        for ((compared, thresholds), leaves) in compared.iter().zip(thresholds).zip(leaves) {
            let right = |node: usize| {
                let feature = usize::from(compared[node]) & (wide.len() - 1);
                usize::from(wide[feature] >= thresholds[node])
            };
            // Three levels, written out: where each may stand is then known beforehand.
            let first = right(0);
            let second = right(1 + first);
            let third = right(3 + 2 * first + second);
            margin += leaves[4 * first + 2 * second + third];
        }
        logistic(margin)
    }
}
