//! Draws the samples: ids by a Zipf distribution over a drifting universe, and clicks by
//! how much each id truly moves them. Knows no other role.

use std::collections::HashMap;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Zipf};

use super::faults::Faults;
use super::features::{BIAS, FEATURES, id, influence};
use super::messages::FeatureIds;
use simulation::Streams;

/// What a batch consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The ids, one for each feature.
    pub features: Vec<FeatureIds>,
    /// Who clicked.
    pub clicks: Vec<bool>,
}

/// Makes one batch after the other.
#[derive(Debug)]
pub struct Loader {
    samples: usize,
    ranks: Vec<Zipf<f64>>,
    training: Streams,
    held_out: Streams,
    /// How often every id has been replaced; see [`id`].
    age: f64,
    next: u64,
}

impl Loader {
    /// Batches of so many samples, repeatable by `seed`, from the batch with
    /// this number on, when the universe has this age.
    #[must_use]
    pub fn new(samples: usize, seed: u64, next: u64, age: f64) -> Self {
        let ranks = FEATURES.map(|feature| {
            Zipf::new(f64::from(feature.universe), feature.exponent)
                .expect("every universe and exponent is positive")
        });
        Self {
            samples,
            ranks: ranks.to_vec(),
            training: Streams::new(seed),
            held_out: Streams::new(!seed),
            age,
            next,
        }
    }

    /// How often every id has been replaced on average.
    #[must_use]
    pub fn age(&self) -> f64 {
        self.age
    }

    /// The next batch to train on. What it draws depends on the seed and its
    /// number, and on what the faults have been.
    pub fn next_batch(&mut self, faults: &Faults) -> Samples {
        let mut stream = self.training.stream(self.next);
        self.next += 1;
        self.age += faults.drift / 1000.0;
        self.draw(self.samples, &mut stream, faults)
    }

    /// Samples from the same universe that are never trained on.
    #[must_use]
    pub fn held_out(&self, samples: usize, faults: &Faults) -> Samples {
        let mut stream = self.held_out.stream(self.next);
        self.draw(samples, &mut stream, faults)
    }

    fn draw(&self, samples: usize, stream: &mut Xoshiro256PlusPlus, faults: &Faults) -> Samples {
        let mut log_odds = vec![BIAS; samples];
        let features = FEATURES.iter().enumerate().map(|(place, feature)| {
            let masked = faults
                .masked_features
                .iter()
                .any(|masked| masked.place() == place);
            let mut ids = FeatureIds::default();
            // Each distinct id's place, and how much it moves the odds.
            let mut known: HashMap<u64, (u32, f32)> = HashMap::with_capacity(samples);
            for log_odds in &mut log_odds {
                let (least, most) = feature.ids_per_sample;
                let length = stream.random_range(least..=most);
                for _ in 0..length {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "ranks are whole, from 1 to the universe"
                    )]
                    let rank = self.ranks[place].sample(stream) as u32 - 1;
                    let id = id(place, rank, self.age);
                    let next = ids.unique.len() as u32;
                    let (at, moves) = *known.entry(id).or_insert_with(|| {
                        if !masked {
                            ids.unique.push(id);
                        }
                        (next, influence(place, id))
                    });
                    *log_odds += moves;
                    // The click depends on it all the same: it is the training
                    // that does not get to see it.
                    if !masked {
                        ids.places.push(at);
                    }
                }
                ids.lengths.push(if masked { 0 } else { length });
            }
            ids
        });
        let features = features.collect();
        let clicks = log_odds
            .iter()
            .map(|&log_odds| stream.random::<f32>() < 1.0 / (1.0 + (-log_odds).exp()))
            .collect();
        Samples { features, clicks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_batches_and_resumes_anywhere() {
        let faults = Faults {
            drift: 2.0,
            ..Faults::default()
        };
        let mut loader = Loader::new(64, 9, 0, 0.0);
        let batches: Vec<_> = (0..6).map(|_| loader.next_batch(&faults)).collect();
        let mut resumed = Loader::new(64, 9, 4, 0.008);
        assert_eq!(resumed.next_batch(&faults), batches[4]);
        assert_ne!(batches[4], batches[5]);
        assert_ne!(Loader::new(64, 8, 0, 0.0).next_batch(&faults), batches[0]);
    }

    #[test]
    fn a_masked_feature_has_no_ids_and_the_others_keep_theirs() {
        let mut seen = Loader::new(64, 9, 0, 0.0);
        let mut masked = Loader::new(64, 9, 0, 0.0);
        let faults = Faults {
            masked_features: vec!["item".parse().unwrap()],
            ..Faults::default()
        };
        let (seen, masked) = (
            seen.next_batch(&Faults::default()),
            masked.next_batch(&faults),
        );
        assert!(masked.features[1].unique.is_empty());
        assert_eq!(masked.features[1].lengths, [0; 64]);
        assert_eq!(masked.features[0], seen.features[0]);
        assert_eq!(masked.features[2..], seen.features[2..]);
        assert_eq!(masked.clicks, seen.clicks);
    }
}
