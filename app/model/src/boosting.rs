//! Trains a forest by gradient boosting. Deterministic: the same rows give the same
//! forest, to the bit. Only the training; the forest that comes out answers by itself.
//!
//! Source: J. Friedman, *Greedy function approximation: a gradient boosting machine*, 2001;
//! the gain and the leaves with second derivatives: T. Chen, C. Guestrin, *XGBoost*, 2016,
//! equations 5 and 7.

use crate::forest::{DEPTH, Forest, LEAVES, SPLITS};
use crate::logistic::logistic;
use crate::wine::{Features, WIDTH, Wine};

/// How many trees.
const TREES: usize = 120;

/// The share of each tree that counts.
const SHRINKAGE: f64 = 0.1;

/// What is added to a leaf's second derivative, so that few rows say little.
const REGULARIZATION: f64 = 1.0;

/// The least sum of second derivatives, which are at most 1/4 each, in a leaf.
const LEAST_WEIGHT: f64 = 1.5;

/// Digits behind the point that are kept, so that a file in decimals holds the number
/// itself: thresholds lie halfway between values of at most five digits.
const DECIMALS: f64 = 1e6;

/// Trains with these wines.
pub(crate) fn train(wines: &[Wine]) -> Forest {
    let sorted = sorted_by_feature(wines);
    let good = wines.iter().filter(|wine| wine.good).count();
    let odds = good as f64 / (wines.len() - good) as f64;
    // By Newton's method: the last bit of a logarithm is the platform's.
    let base = rounded((0..50).fold(0.0, |margin, _| {
        let p = logistic(margin);
        margin - (p - odds / (1.0 + odds)) / (p * (1.0 - p))
    }));
    let mut forest = Forest::new(base);
    let mut margins = vec![base; wines.len()];
    for _ in 0..TREES {
        let slopes = wines.iter().zip(&margins).map(|(wine, margin)| {
            let p = logistic(*margin);
            Slope {
                first: p - f64::from(u8::from(wine.good)),
                second: p * (1.0 - p),
            }
        });
        let tree = Tree::grow(wines, &sorted, &slopes.collect::<Vec<_>>());
        for (wine, margin) in wines.iter().zip(&mut margins) {
            *margin += tree.leaves[leaf(&tree.splits, &wine.features)];
        }
        forest.push(&tree.splits, &tree.leaves);
    }
    forest
}

/// Rounds to as many decimals as the file has.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * DECIMALS).round() / DECIMALS
}

/// Where a node divides: below the threshold to the left.
pub(crate) type Split = (u8, f64);

/// The leaf that a wine falls into.
fn leaf(splits: &[Split; SPLITS], features: &Features) -> usize {
    let mut node = 0;
    for _ in 0..DEPTH {
        let (feature, threshold) = splits[node];
        node = 2 * node + 1 + usize::from(features[usize::from(feature)] >= threshold);
    }
    node - SPLITS
}

/// For each feature the rows, from its lowest value to its highest.
fn sorted_by_feature(wines: &[Wine]) -> [Vec<usize>; WIDTH] {
    std::array::from_fn(|feature| {
        let mut rows: Vec<usize> = (0..wines.len()).collect();
        let value = |row: &usize| wines[*row].features[feature];
        rows.sort_by(|a, b| value(a).total_cmp(&value(b)));
        rows
    })
}

/// The derivatives of the loss, of a row or summed over some.
#[derive(Clone, Copy, Default)]
struct Slope {
    first: f64,
    second: f64,
}

impl Slope {
    fn add(&mut self, other: Self) {
        self.first += other.first;
        self.second += other.second;
    }

    fn without(self, other: Self) -> Self {
        Self {
            first: self.first - other.first,
            second: self.second - other.second,
        }
    }

    /// What the loss falls by with one leaf for all of these rows, times two.
    fn score(self) -> f64 {
        self.first * self.first / (self.second + REGULARIZATION)
    }

    fn leaf(self) -> f64 {
        rounded(-SHRINKAGE * self.first / (self.second + REGULARIZATION))
    }
}

struct Tree {
    splits: [Split; SPLITS],
    leaves: [f64; LEAVES],
}

/// The best way found to divide a node.
#[derive(Clone, Copy, Default)]
struct Best {
    gain: f64,
    split: Split,
}

impl Tree {
    /// Divides level by level, each node where the loss falls most. A node that nothing
    /// divides well gives both sides its own value, so that it does not matter where a row
    /// goes.
    fn grow(wines: &[Wine], sorted: &[Vec<usize>; WIDTH], slopes: &[Slope]) -> Self {
        let mut splits = [(0, 0.0); SPLITS];
        let mut sums = [Slope::default(); SPLITS + LEAVES];
        let mut values = [0.0; SPLITS + LEAVES];
        let mut node_of = vec![0; wines.len()];
        for slope in slopes {
            sums[0].add(*slope);
        }
        values[0] = sums[0].leaf();
        for level in 0..DEPTH {
            let nodes = (1 << level) - 1..(2 << level) - 1;
            let best = best_splits(wines, sorted, slopes, &node_of, &sums);
            for node in nodes.clone() {
                splits[node] = best[node].split;
            }
            for (row, node) in node_of.iter_mut().enumerate() {
                let (feature, threshold) = splits[*node];
                let right = wines[row].features[usize::from(feature)] >= threshold;
                *node = 2 * *node + 1 + usize::from(right);
                sums[*node].add(slopes[row]);
            }
            for node in nodes {
                for child in [2 * node + 1, 2 * node + 2] {
                    let divided = best[node].gain > 0.0;
                    values[child] = if divided {
                        sums[child].leaf()
                    } else {
                        values[node]
                    };
                }
            }
        }
        let mut leaves = [0.0; LEAVES];
        leaves.copy_from_slice(&values[SPLITS..]);
        Self { splits, leaves }
    }
}

/// For each node the split with the largest gain; of equal ones the first feature's lowest.
fn best_splits(
    wines: &[Wine],
    sorted: &[Vec<usize>; WIDTH],
    slopes: &[Slope],
    node_of: &[usize],
    sums: &[Slope; SPLITS + LEAVES],
) -> [Best; SPLITS] {
    let mut best = [Best::default(); SPLITS];
    for (feature, rows) in (0_u8..).zip(sorted) {
        let mut left = [Slope::default(); SPLITS];
        let mut last = [f64::NEG_INFINITY; SPLITS];
        for &row in rows {
            let node = node_of[row];
            let value = wines[row].features[usize::from(feature)];
            let right = sums[node].without(left[node]);
            if value > last[node] && left[node].second.min(right.second) >= LEAST_WEIGHT {
                let gain = left[node].score() + right.score() - sums[node].score();
                if gain > best[node].gain {
                    let threshold = rounded(f64::midpoint(last[node], value));
                    let split = (feature, threshold);
                    best[node] = Best { gain, split };
                }
            }
            left[node].add(slopes[row]);
            last[node] = value;
        }
    }
    best
}
