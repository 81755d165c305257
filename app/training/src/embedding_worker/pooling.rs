//! From embeddings by id to sums by sample, and from gradients by sample back to
//! sums by id. Pure arithmetic.

use super::split::Split;
use crate::call::CallError;
use crate::features::DIMENSION;
use crate::messages::{Embeddings, FeatureGradient, FeatureIds, Numbers};

/// The largest magnitude of a gradient: that of a half-precision number, which
/// is how Persia sends them. Infinity is not a NaN; it becomes this.
const MAX_COMPONENT: f32 = 65_504.0;

/// For each feature and sample, the sum of its ids' embeddings.
pub(super) fn sum(features: &[FeatureIds], split: &Split, answers: &[Vec<f32>]) -> Embeddings {
    let zeroes = |ids: &FeatureIds| vec![0.0; ids.unique.len() * DIMENSION];
    let mut by_id: Vec<Vec<f32>> = features.iter().map(zeroes).collect();
    split.each_embedding(answers, |feature, place, embedding| {
        by_id[feature][place * DIMENSION..][..DIMENSION].copy_from_slice(embedding);
    });
    let summed = features.iter().zip(&by_id).map(|(ids, by_id)| {
        let mut values = vec![0.0; ids.lengths.len() * DIMENSION];
        each_id_of_each_sample(ids, |sample, place| {
            let into = &mut values[sample * DIMENSION..][..DIMENSION];
            for (sum, number) in into.iter_mut().zip(&by_id[place * DIMENSION..]) {
                *sum += number;
            }
        });
        Numbers { values }
    });
    Embeddings {
        features: summed.collect(),
    }
}

/// Whether the gradients are of the batch's shape.
pub(super) fn check(
    features: &[FeatureIds],
    gradients: &[FeatureGradient],
) -> Result<(), CallError> {
    let fits = |(ids, gradient): (&FeatureIds, &FeatureGradient)| {
        gradient.skipped || gradient.values.len() == ids.lengths.len() * DIMENSION
    };
    if gradients.len() == features.len() && features.iter().zip(gradients).all(fits) {
        Ok(())
    } else {
        Err(CallError::Invalid(
            "gradients that are not of the batch's shape".to_owned(),
        ))
    }
}

/// For each distinct id, the sum of the gradients of the samples that have it.
pub(super) fn sum_by_id(ids: &FeatureIds, gradients: &[f32]) -> Vec<f32> {
    let mut by_id = vec![0.0; ids.unique.len() * DIMENSION];
    each_id_of_each_sample(ids, |sample, place| {
        let into = &mut by_id[place * DIMENSION..][..DIMENSION];
        for (sum, number) in into.iter_mut().zip(&gradients[sample * DIMENSION..]) {
            *sum += number.clamp(-MAX_COMPONENT, MAX_COMPONENT);
        }
    });
    by_id
}

fn each_id_of_each_sample(ids: &FeatureIds, mut visit: impl FnMut(usize, usize)) {
    let mut places = ids.places.iter();
    for (sample, &length) in ids.lengths.iter().enumerate() {
        for &place in places.by_ref().take(length as usize) {
            visit(sample, place as usize);
        }
    }
}
