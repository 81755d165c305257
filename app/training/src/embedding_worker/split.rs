//! Which shard has which of a batch's ids, and back. Pure arithmetic.

use crate::call::CallError;
use crate::features::{DIMENSION, FEATURES, mix};
use crate::messages::{FeatureIds, MAX_SAMPLES, ShardGradients};

/// Whether a batch's ids make sense.
pub(super) fn check(features: &[FeatureIds]) -> Result<(), CallError> {
    let invalid = |what: &str| Err(CallError::Invalid(what.to_owned()));
    if features.len() != FEATURES.len() {
        return invalid("a batch of other features");
    }
    let samples = features[0].lengths.len();
    if samples > MAX_SAMPLES {
        return invalid("a batch of more than 65,535 samples");
    }
    for ids in features {
        let named: u64 = ids.lengths.iter().map(|&length| u64::from(length)).sum();
        if ids.lengths.len() != samples || named != ids.places.len() as u64 {
            return invalid("ids that do not divide among the samples");
        }
        if ids
            .places
            .iter()
            .any(|&place| place as usize >= ids.unique.len())
        {
            return invalid("an id's place beyond the ids");
        }
    }
    Ok(())
}

/// The shard that has the id, of so many: as good as at random, and always the same.
///
/// Not by the bits of [`mix`] as they are: the distinct ids of a shard are estimated from
/// the first and the last of them (see [`crate::distinct`]), which must not be alike in
/// all of its ids. Multiplied by an odd number, every bit moves the highest ones; those
/// are taken as a fraction of all (Lemire, "Fast random integer generation in an
/// interval", 2019).
#[must_use]
pub fn owner(id: u64, shards: usize) -> usize {
    let hash = mix(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    #[expect(clippy::cast_possible_truncation, reason = "less than the shards")]
    let shard = ((u128::from(hash) * shards as u128) >> 64) as usize;
    shard
}

/// A batch's distinct ids, shard by shard.
#[derive(Debug)]
pub(super) struct Split {
    shards: Vec<ShardIds>,
}

#[derive(Clone, Debug, Default)]
struct ShardIds {
    ids: Vec<u64>,
    /// For each id: its feature, and its place among that feature's ids.
    origins: Vec<(u32, u32)>,
}

impl Split {
    /// Divides the ids among so many shards, as good as at random and always in
    /// the same way.
    pub(super) fn new(features: &[FeatureIds], shards: usize) -> Self {
        let distinct: usize = features.iter().map(|ids| ids.unique.len()).sum();
        let mut split = vec![
            ShardIds {
                // A shard's share, and some for bad luck.
                ids: Vec::with_capacity(distinct / shards + distinct / 8),
                origins: Vec::with_capacity(distinct / shards + distinct / 8),
            };
            shards
        ];
        for (feature, ids) in (0..).zip(features) {
            for (place, &id) in (0..).zip(&ids.unique) {
                let shard = &mut split[owner(id, shards)];
                shard.ids.push(id);
                shard.origins.push((feature, place));
            }
        }
        Self { shards: split }
    }

    pub(super) fn ids_of(&self, shard: usize) -> &[u64] {
        &self.shards[shard].ids
    }

    /// Calls `place` for each embedding that a shard answered: with its feature,
    /// its place among that feature's ids, and itself.
    pub(super) fn each_embedding(
        &self,
        answers: &[Vec<f32>],
        mut place: impl FnMut(usize, usize, &[f32]),
    ) {
        for (shard, answer) in self.shards.iter().zip(answers) {
            for (&(feature, at), embedding) in shard.origins.iter().zip(answer.chunks(DIMENSION)) {
                place(feature as usize, at as usize, embedding);
            }
        }
    }

    /// The gradients of a shard's ids, without those of features that have none.
    pub(super) fn gradients_of(
        &self,
        shard: usize,
        features: &[Option<Vec<f32>>],
    ) -> ShardGradients {
        let shard = &self.shards[shard];
        let mut gradients = ShardGradients {
            ids: Vec::with_capacity(shard.ids.len()),
            values: Vec::with_capacity(shard.ids.len() * DIMENSION),
        };
        for (&id, &(feature, place)) in shard.ids.iter().zip(&shard.origins) {
            if let Some(values) = &features[feature as usize] {
                let start = place as usize * DIMENSION;
                gradients.ids.push(id);
                gradients
                    .values
                    .extend_from_slice(&values[start..start + DIMENSION]);
            }
        }
        gradients
    }
}
