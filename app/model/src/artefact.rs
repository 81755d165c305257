//! The trained model with all that is known of it: what it was trained with, how well it
//! does on wines that it has not seen, and how its answers are distributed there, which is
//! the reference that later answers are compared with.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::boosting::{self, rounded};
use crate::business_rules;
use crate::forest::Forest;
use crate::truth::Law;
use crate::wine::{self, Features, WIDTH, Wine};

/// The model that is shipped.
const SHIPPED: &str = include_str!("../wine-gbm.json");

/// From this score on a wine is called good.
pub const GOOD_FROM: f64 = 0.5;

/// How many parts of equal size the reference is divided into.
pub const DECILES: usize = 10;

/// Scores beside the deciles' bounds that a histogram of scores separates at: where it
/// is decided, and where an answer is as good as certain.
const MORE_BOUNDS: [f64; 3] = [0.01, GOOD_FROM, 0.99];

/// A trained model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Model {
    name: String,
    version: u32,
    seed: u64,
    /// Seconds since 1970.
    trained_at: u64,
    /// SHA-256 of the file that it was trained with.
    data: String,
    /// Each feature's mean, smallest and largest value in training.
    means: Features,
    lowest: Features,
    highest: Features,
    forest: Forest,
    held_out: Quality,
    rules_held_out: Quality,
    reference: Reference,
}

/// How well answers agree with what came out.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Quality {
    /// Share of the answers on the right side of [`GOOD_FROM`].
    pub accuracy: f64,
    /// The probability that a good wine scores higher than one that is not.
    pub auc: f64,
    /// Mean squared difference between the score and what came out, 1 or 0.
    pub brier: f64,
    /// The mean score.
    pub mean: f64,
}

/// How the scores of wines that were held out are distributed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reference {
    /// Upper bounds that a histogram of scores has.
    pub bounds: Vec<f64>,
    /// The share of scores up to each of them.
    pub cumulative: Vec<f64>,
    /// The nine scores between the ten deciles; each belongs to the decile above it.
    pub edges: Vec<f64>,
    /// The share of scores in each decile.
    pub shares: Vec<f64>,
}

impl Model {
    /// Trains a model with the wines that this seed chooses, and examines it with the
    /// others.
    #[must_use]
    pub fn train(seed: u64, at: SystemTime) -> Self {
        let (training, held_out) = wine::split(seed);
        let forest = boosting::train(&training);
        let column = |fold: fn(f64, f64) -> f64, start: f64| -> Features {
            std::array::from_fn(|feature| {
                let values = training.iter().map(|wine| wine.features[feature]);
                values.fold(start, fold)
            })
        };
        let sums = column(|a, b| a + b, 0.0);
        let scores = |score: &dyn Fn(&Features) -> f64| {
            let atoms = held_out.iter();
            let atoms = atoms.map(|wine| (score(&wine.features), wine.good, 1.0));
            Law::new(atoms.collect())
        };
        let answers = scores(&|features| forest.score(features));
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            name: "wine-gbm".to_owned(),
            version: 1,
            seed,
            trained_at: seconds.as_secs(),
            data: wine::hash(),
            means: sums.map(|sum| rounded(sum / training.len() as f64)),
            lowest: column(f64::min, f64::INFINITY),
            highest: column(f64::max, f64::NEG_INFINITY),
            held_out: answers.quality().rounded(),
            rules_held_out: scores(&business_rules::score).quality().rounded(),
            reference: Reference::of(&answers),
            forest,
        }
    }

    /// The model that is part of the program.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static MODEL: LazyLock<Model> =
            LazyLock::new(|| Model::from_json(SHIPPED).expect("a test trains it again"));
        &MODEL
    }

    /// Reads a model that [`Self::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// If it is not one: what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let model: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let hexadecimal = |byte: u8| byte.is_ascii_hexdigit();
        if !model.forest.is_whole() {
            Err("the model's trees are not whole".to_owned())
        } else if !model.reference.is_whole() {
            Err(
                "the model's reference does not have ten deciles, or no share for a bound"
                    .to_owned(),
            )
        } else if model.data.len() != 64 || !model.data.bytes().all(hexadecimal) {
            Err("the hash of the model's data is no SHA-256".to_owned())
        } else {
            Ok(model)
        }
    }

    /// The model as a file, a line for each field.
    #[must_use]
    pub fn to_json(&self) -> String {
        let fields = serde_json::to_value(self).expect("numbers and texts");
        let fields = fields.as_object().expect("a struct");
        let names = [
            "name",
            "version",
            "seed",
            "trained_at",
            "data",
            "means",
            "lowest",
            "highest",
            "held_out",
            "rules_held_out",
            "reference",
            "forest",
        ];
        let lines = names.map(|name| format!("  \"{name}\": {}", fields[name]));
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// The probability that a wine is good. A missing feature (NaN) counts as its mean in
    /// training. Takes no memory.
    ///
    /// ```
    /// use model::Model;
    ///
    /// let mut wine = model::wine::all()[0].features;
    /// let score = Model::shipped().score(&wine);
    /// assert!(score < 0.5, "no good wine");
    /// wine[10] = f64::NAN;
    /// assert!(Model::shipped().score(&wine).is_finite());
    /// ```
    #[must_use]
    pub fn score(&self, features: &Features) -> f64 {
        let mut whole = *features;
        for (value, mean) in whole.iter_mut().zip(&self.means) {
            if value.is_nan() {
                *value = *mean;
            }
        }
        self.forest.score(&whole)
    }

    /// Whether a value is one that training has seen, or between two such.
    #[must_use]
    pub fn knows(&self, feature: usize, value: f64) -> bool {
        feature < WIDTH && (self.lowest[feature]..=self.highest[feature]).contains(&value)
    }

    /// The wines that it was not trained with: those that are served.
    #[must_use]
    pub fn population(&self) -> Vec<Wine> {
        wine::split(self.seed).1
    }

    /// Each feature's mean in training.
    #[must_use]
    pub fn means(&self) -> &Features {
        &self.means
    }

    /// How the scores of its population are distributed.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The share of its population that is good, decile by decile of their scores.
    #[must_use]
    pub fn good_by_decile(&self) -> [f64; DECILES] {
        let mut counts = [(0.0, 0.0); DECILES];
        for wine in self.population() {
            let (good, all) = &mut counts[self.reference.decile(self.score(&wine.features))];
            *good += f64::from(u8::from(wine.good));
            *all += 1.0;
        }
        counts.map(|(good, all)| good / all)
    }

    /// How well it does on its population.
    #[must_use]
    pub fn quality(&self) -> Quality {
        self.held_out
    }

    /// How well the business rules do there.
    #[must_use]
    pub fn rules_quality(&self) -> Quality {
        self.rules_held_out
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which one of this name.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// SHA-256 of the file that it was trained with, in hexadecimal.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// When it was trained.
    #[must_use]
    pub fn trained_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.trained_at)
    }
}

impl Reference {
    fn of(scores: &Law) -> Self {
        let edges: Vec<f64> = (1..DECILES)
            .map(|decile| rounded(scores.quantile(decile as f64 / DECILES as f64)))
            .collect();
        let mut bounds: Vec<f64> = edges.iter().copied().chain(MORE_BOUNDS).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let up_to = bounds
            .iter()
            .map(|bound| rounded(scores.share_up_to(*bound)));
        let cumulative = up_to.collect();
        let shares = scores.shares(&edges);
        Self {
            bounds,
            cumulative,
            edges,
            shares: shares.into_iter().map(rounded).collect(),
        }
    }

    /// Whether every score has a decile, and every bound a share.
    fn is_whole(&self) -> bool {
        let ascend = |numbers: &[f64]| numbers.is_sorted_by(|a, b| a < b);
        self.edges.len() == DECILES - 1
            && self.shares.len() == DECILES
            && self.cumulative.len() == self.bounds.len()
            && ascend(&self.edges)
            && ascend(&self.bounds)
    }

    /// The decile, from 0 to 9, that a score falls into.
    #[must_use]
    pub fn decile(&self, score: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= score)
    }
}

impl Quality {
    fn rounded(self) -> Self {
        Self {
            accuracy: rounded(self.accuracy),
            auc: rounded(self.auc),
            brier: rounded(self.brier),
            mean: rounded(self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_model_is_what_training_gives_to_the_bit() {
        let again = Model::train(1, Model::shipped().trained_at());
        assert_eq!(
            again.to_json(),
            SHIPPED,
            "write it again: golden-signals model train --seed 1"
        );
        assert_eq!(again, *Model::shipped(), "what is read is what was written");
    }

    #[test]
    fn the_model_is_better_than_the_rules_and_knows_when_it_is_not_sure() {
        let model = Model::shipped();
        let (quality, rules) = (model.quality(), model.rules_quality());
        assert!(quality.auc > rules.auc + 0.08, "{quality:?} {rules:?}");
        assert!(quality.brier < rules.brier - 0.03, "{quality:?} {rules:?}");
        assert!(
            quality.accuracy > rules.accuracy + 0.03,
            "{quality:?} {rules:?}"
        );
        for share in &model.reference().shares {
            assert!((share - 0.1).abs() < 0.01, "{share}");
        }
    }

    #[test]
    fn an_answer_takes_no_memory_and_two_microseconds_at_most() {
        let model = Model::shipped();
        let wines = model.population();
        let ask_all = || {
            wines
                .iter()
                .map(|wine| model.score(&wine.features))
                .sum::<f64>()
        };
        let sum = ask_all();
        let used = allocation_counter::measure(|| assert_eq!(ask_all(), sum));
        assert_eq!(used.count_total, 0);
        let fastest = (0..50).map(|_| {
            let start = std::time::Instant::now();
            std::hint::black_box(ask_all());
            start.elapsed().as_secs_f64() / wines.len() as f64
        });
        let fastest = fastest.fold(f64::INFINITY, f64::min);
        // The build of tests is not the one that serves, and other tests run beside.
        assert!(fastest < 10e-6, "{fastest} s");
        println!("{:.2} us an answer", fastest * 1e6);
    }

    #[test]
    fn half_a_model_is_refused() {
        let mut half = Model::shipped().clone();
        half.forest = Forest::new(0.0);
        half.forest.push(&[(11, 0.0); 7], &[0.0; 8]);
        let error = Model::from_json(&half.to_json()).unwrap_err();
        assert_eq!(error, "the model's trees are not whole");
        let mut half = Model::shipped().clone();
        half.reference.edges.push(1.0);
        let error = Model::from_json(&half.to_json()).unwrap_err();
        assert!(error.contains("ten deciles"), "{error}");
        let mut half = Model::shipped().clone();
        half.data = "f5eb6b4".to_owned();
        let error = Model::from_json(&half.to_json()).unwrap_err();
        assert!(error.contains("SHA-256"), "{error}");
        assert!(Model::from_json("{}").is_err());
    }

    #[test]
    fn of_higher_scores_more_are_good() {
        let good = Model::shipped().good_by_decile();
        let (low, high) = good.split_at(DECILES / 2);
        let mean = |half: &[f64]| half.iter().sum::<f64>() / half.len() as f64;
        assert!(mean(low) < 0.3 && mean(high) > 0.7, "{good:?}");
    }
}
