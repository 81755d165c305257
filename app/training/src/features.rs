//! What the samples of the training consist of: the sparse features, how their
//! ids are distributed and age, and how an id truly influences the label.
//! Draws nothing and learns nothing.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// The length of every embedding.
pub const DIMENSION: usize = 8;

/// A sparse feature: a set of ids, of which every sample has a few.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Its name, which is also the value of the label `feat`.
    pub name: &'static str,
    /// How many ids are in use at a time.
    pub universe: u32,
    /// The exponent of the Zipf distribution of the ids' ranks: the greater, the more
    /// samples share the most frequent ids.
    pub exponent: f64,
    /// The least and the most ids of one sample.
    pub ids_per_sample: (u32, u32),
    /// The standard deviation of the ids' true influence on the label.
    pub influence: f32,
}

/// The features of a click: who saw what, having clicked what before, where.
///
/// The cardinalities span three decades, as those of real logs do, so that
/// some ids come up in every batch and others once in a run.
pub const FEATURES: [Feature; 4] = [
    Feature {
        name: "user",
        universe: 100_000,
        exponent: 1.05,
        ids_per_sample: (1, 1),
        influence: 0.8,
    },
    Feature {
        name: "item",
        universe: 20_000,
        exponent: 1.1,
        ids_per_sample: (1, 1),
        influence: 1.0,
    },
    Feature {
        name: "history",
        universe: 20_000,
        exponent: 1.1,
        ids_per_sample: (1, 5),
        influence: 0.4,
    },
    Feature {
        name: "context",
        universe: 500,
        exponent: 1.0,
        ids_per_sample: (1, 1),
        influence: 0.5,
    },
];

/// The length of the dense step's input: all features' summed embeddings.
pub const WIDTH: usize = FEATURES.len() * DIMENSION;

/// The share of clicks is below one half by this much, in log-odds.
pub const BIAS: f32 = -1.0;

/// The place of the feature with this name.
#[must_use]
pub fn place_of(name: &str) -> Option<usize> {
    FEATURES.iter().position(|feature| feature.name == name)
}

/// The id that has `rank` (from 0) in the feature at `place` when every id has
/// been replaced `age` times on average.
///
/// Ids are replaced one by one, evenly over time, each by one that was never
/// seen before and takes over its rank: so the universe drifts at a constant
/// rate, whatever the popularity. The highest byte is the feature's own, so
/// that features never share an id; the rest is a hash, so that neighbouring
/// ranks go to different shards.
#[must_use]
pub fn id(place: usize, rank: u32, age: f64) -> u64 {
    let phase = f64::from(rank_phase(place, rank)) / f64::from(u32::MAX);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "generations are few and positive"
    )]
    let generation = (age + phase) as u64;
    let prefix = place as u64 + 1;
    let own = mix(prefix ^ (u64::from(rank) << 8) ^ (generation << 40));
    prefix << 56 | own >> 8
}

/// How much the id moves the log-odds of a click.
#[must_use]
pub fn influence(place: usize, id: u64) -> f32 {
    let normal: f32 = StandardNormal.sample(&mut Xoshiro256PlusPlus::seed_from_u64(!id));
    FEATURES[place].influence * normal
}

/// An embedding that nobody has trained yet: uniform on ±0.01, and the same
/// whenever and wherever the id turns up.
pub fn initial_embedding(id: u64) -> [f32; DIMENSION] {
    let mut stream = Xoshiro256PlusPlus::seed_from_u64(id);
    std::array::from_fn(|_| stream.random_range(-0.01..0.01))
}

/// A number that is as good as random for each number (the finaliser of
/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[must_use]
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn rank_phase(place: usize, rank: u32) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    let phase = mix(u64::from(rank) << 8 | place as u64) as u32;
    phase
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_universe_keeps_its_size_and_drifts_evenly() {
        let place = place_of("item").unwrap();
        let at = |age: f64| -> HashSet<u64> {
            (0..FEATURES[place].universe)
                .map(|rank| id(place, rank, age))
                .collect()
        };
        let first = at(0.0);
        assert_eq!(first.len(), 20_000);
        // A quarter of an age replaces a quarter of the ids; the phases are
        // hashes, so binomially: five standard deviations are 306.
        for age in [0.25, 0.5, 1.0] {
            let kept = first.intersection(&at(age)).count();
            let expected = 20_000.0 * (1.0 - age);
            assert!((kept as f64 - expected).abs() < 310.0, "{age}: {kept}");
        }
    }

    #[test]
    fn features_share_no_id() {
        let all: HashSet<_> = (0..FEATURES.len())
            .flat_map(|place| (0..500).map(move |rank| id(place, rank, 0.0)))
            .collect();
        assert_eq!(all.len(), 500 * FEATURES.len());
    }
}
