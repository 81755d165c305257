//! Estimates how many distinct ids each feature has shown, in little memory and
//! without a lock. Knows no metric.
//!
//! HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) with the correction
//! of LogLog-Beta (Qin, Kim and Tung, 2016), of the crate `hyperloglockless`.

use std::fmt;

use hyperloglockless::AtomicHyperLogLog;

use super::features::{FEATURES, mix};

/// 2^18 registers of a byte for each feature: 256 KiB, whose standard error is
/// 1.04/√2^18 = 0.2%. So an error above 1% is one of five standard deviations;
/// Persia's precision of 16 would show one in every 65 estimates. Of fewer than a
/// hundred ids, a single one that is taken for another weighs more than 1%.
const PRECISION: u8 = 18;

/// The distinct ids of each feature.
pub struct DistinctIds([AtomicHyperLogLog; FEATURES.len()]);

impl Default for DistinctIds {
    fn default() -> Self {
        // Seeded, though the hash is ours: two processes that saw the same ids
        // are to say the same.
        Self(std::array::from_fn(|_| {
            AtomicHyperLogLog::seeded(PRECISION, 0)
        }))
    }
}

impl DistinctIds {
    /// Bytes that one takes.
    pub const BYTES: usize = FEATURES.len() << PRECISION;

    /// The feature at `place` has shown this id.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    pub fn insert(&self, place: usize, id: u64) {
        // Hashed once more: an id's highest byte is the same in all of a feature.
        self.0[place].insert_hash(mix(id));
    }

    /// About how many distinct ids the feature at `place` has shown.
    ///
    /// # Panics
    ///
    /// If there is no such feature.
    #[must_use]
    pub fn estimate(&self, place: usize) -> u64 {
        self.0[place].count() as u64
    }
}

impl fmt::Debug for DistinctIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DistinctIds").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Five standard deviations: one false alarm in 1.7 million, were the ids
    /// others each time; they are always the same.
    #[test]
    fn it_is_right_to_one_percent_with_several_threads() {
        for count in [1_u64, 10, 1_000, 30_000, 200_000, 700_000, 3_000_000] {
            let distinct = DistinctIds::default();
            thread::scope(|scope| {
                // Each id from two threads, in different order.
                for offset in [0, count / 2] {
                    let distinct = &distinct;
                    scope.spawn(move || {
                        for number in 0..count {
                            let id = (number + offset) % count;
                            distinct.insert(1, 2 << 56 | mix(id) >> 8);
                        }
                    });
                }
            });
            let error = distinct.estimate(1) as f64 / count as f64 - 1.0;
            assert!(error.abs() <= 0.01, "{count}: {error}");
            assert_eq!(distinct.estimate(0), 0);
        }
    }
}
