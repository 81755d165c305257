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
        let mut margin = self.base;
        let trees = self.features.chunks_exact(SPLITS);
        let trees = trees.zip(self.thresholds.chunks_exact(SPLITS));
        for ((compared, thresholds), leaves) in trees.zip(self.leaves.chunks_exact(LEAVES)) {
            let mut node = 0;
            for _ in 0..DEPTH {
                let right = features[usize::from(compared[node])] >= thresholds[node];
                node = 2 * node + 1 + usize::from(right);
            }
            margin += leaves[node - SPLITS];
        }
        logistic(margin)
    }
}
