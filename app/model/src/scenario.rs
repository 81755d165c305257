//! What may go wrong with a model, each with its exact consequence. Arithmetic on numbers
//! that are passed in: when it begins and whom it meets is the caller's.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::artefact::Model;
use crate::business_rules;
use crate::truth::{Atom, Law};
use crate::wine::{ALCOHOL, Features, SULPHATES, Wine};

/// Total sulfur dioxide stands here.
const SULFUR: usize = 6;

/// Beyond this much of sulphates taste has changed, in g/dm³.
const CHANGED_TASTE_FROM: f64 = 0.62;

/// What is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// Nothing.
    #[default]
    None,
    /// There is no model.
    Absent,
    /// The model takes longer than it may.
    Slow,
    /// The model fails.
    Failing,
    /// The model answers what is no number.
    Nan,
    /// What is known of the wine is an hour old.
    Stale,
    /// Other wines come: each is more likely by `exp(beta · z)`, with z its alcohol in
    /// standard deviations of the population.
    Tilt {
        /// From -3 to 3; below 0 wines with less alcohol come.
        beta: f64,
    },
    /// Alcohol is sent as a fraction, not in percent.
    Fraction,
    /// Total sulfur dioxide is sent in µg, not in mg.
    Micrograms,
    /// Alcohol is missing.
    Missing,
    /// Taste has changed: of wines with much sulphate, the good ones are bad now.
    Concept,
    /// Each wine gets the answer of another one.
    Stuck,
}

/// The scenarios, as they are written.
pub const WRITTEN: [&str; 12] = [
    "none",
    "absent",
    "slow",
    "failing",
    "nan",
    "stale",
    "tilt(-0.6)",
    "fraction",
    "micrograms",
    "missing",
    "concept",
    "stuck",
];

/// Those without a number.
const NAMED: [(&str, Scenario); 11] = [
    ("none", Scenario::None),
    ("absent", Scenario::Absent),
    ("slow", Scenario::Slow),
    ("failing", Scenario::Failing),
    ("nan", Scenario::Nan),
    ("stale", Scenario::Stale),
    ("fraction", Scenario::Fraction),
    ("micrograms", Scenario::Micrograms),
    ("missing", Scenario::Missing),
    ("concept", Scenario::Concept),
    ("stuck", Scenario::Stuck),
];

impl Scenario {
    /// Whether the rules answer.
    #[must_use]
    pub fn falls_back(self) -> bool {
        use Scenario::{Absent, Failing, Nan, Slow, Stale};
        matches!(self, Absent | Slow | Failing | Nan | Stale)
    }

    /// The features that the model gets in place of these.
    #[must_use]
    pub fn features(self, mut features: Features) -> Features {
        match self {
            Self::Fraction => features[ALCOHOL] /= 100.0,
            Self::Micrograms => features[SULFUR] *= 1_000.0,
            Self::Missing => features[ALCOHOL] = f64::NAN,
            _ => {}
        }
        features
    }

    /// What comes out for this wine.
    #[must_use]
    pub fn outcome(self, wine: &Wine) -> bool {
        let flipped = self == Self::Concept && wine.features[SULPHATES] > CHANGED_TASTE_FROM;
        wine.good != flipped
    }

    /// How likely each wine is, up to a factor.
    #[must_use]
    pub fn weights(self, population: &[Wine]) -> Vec<f64> {
        let Self::Tilt { beta } = self else {
            return vec![1.0; population.len()];
        };
        let rows = population.len() as f64;
        let alcohol = || population.iter().map(|wine| wine.features[ALCOHOL]);
        let mean = alcohol().sum::<f64>() / rows;
        let variance = alcohol().map(|a| (a - mean) * (a - mean)).sum::<f64>() / rows;
        let z = alcohol().map(|a| (a - mean) / variance.sqrt());
        z.map(|z| (beta * z).exp()).collect()
    }

    /// The exact distribution of what this model answers in it, of which `share` of the
    /// answers are affected.
    #[must_use]
    pub fn law(self, model: &Model, share: f64) -> Law {
        let population = model.population();
        let healthy = Self::None.affected(model, &population);
        healthy.mixed(share, &self.affected(model, &population))
    }

    fn affected(self, model: &Model, population: &[Wine]) -> Law {
        let weights = self.weights(population);
        let score = |wine: &Wine| match self {
            _ if self.falls_back() => business_rules::score(&wine.features),
            _ => model.score(&self.features(wine.features)),
        };
        let atom = |wine: &Wine, weight: f64| (score(wine), self.outcome(wine), weight);
        let atoms = population.iter().zip(weights);
        let atoms: Vec<Atom> = atoms.map(|(wine, weight)| atom(wine, weight)).collect();
        if self == Self::Stuck {
            Law::new(independent(&atoms))
        } else {
            Law::new(atoms)
        }
    }
}

/// Answers that have nothing to do with what comes out: each score with both outcomes, as
/// often as they are among all.
fn independent(atoms: &[Atom]) -> Vec<Atom> {
    let total: f64 = atoms.iter().map(|atom| atom.2).sum();
    let good: f64 = atoms.iter().filter(|a| a.1).map(|a| a.2).sum::<f64>() / total;
    let both = |&(score, _, w): &Atom| [(score, true, w * good), (score, false, w * (1.0 - good))];
    atoms.iter().flat_map(both).collect()
}

/// Why something is no scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct NoScenario(String);

impl fmt::Display for NoScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(40).collect();
        let known = WRITTEN.join(", ");
        write!(
            f,
            "`{}` is no scenario; known are {known}, the number of tilt from -3 to 3",
            shown.escape_debug()
        )
    }
}

impl std::error::Error for NoScenario {}

impl FromStr for Scenario {
    type Err = NoScenario;

    fn from_str(text: &str) -> Result<Self, NoScenario> {
        let text = text.trim();
        if let Some((_, scenario)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*scenario);
        }
        let number = text.strip_prefix("tilt(");
        let number = number.and_then(|number| number.strip_suffix(')'));
        let beta = number.and_then(|number| number.trim().parse::<f64>().ok());
        let beta = beta.filter(|beta| (-3.0..=3.0).contains(beta));
        let beta = beta.ok_or_else(|| NoScenario(text.to_owned()))?;
        Ok(Self::Tilt { beta })
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tilt { beta } => write!(f, "tilt({beta})"),
            other => {
                let named = NAMED.iter().find(|(_, scenario)| scenario == other);
                f.write_str(named.map_or("", |(name, _)| name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;
    use simulation::{Stream, Streams};

    use super::*;
    use crate::truth::noise_floor;

    const ANSWERS: usize = 6_000;

    fn all() -> impl Iterator<Item = (Scenario, f64)> {
        let parsed = WRITTEN.map(|written| written.parse().unwrap());
        let share = |scenario: &Scenario| match scenario {
            Scenario::Absent | Scenario::Missing => 0.3,
            _ => 1.0,
        };
        parsed
            .into_iter()
            .map(move |scenario| (scenario, share(&scenario)))
    }

    /// So many answers of the scenario, drawn as the traffic draws them.
    fn measured(scenario: Scenario, share: f64, rng: &mut Stream) -> Law {
        let model = Model::shipped();
        let population = model.population();
        let sum = |weights: Vec<f64>| -> Vec<f64> {
            let sums = weights.iter().scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            });
            sums.collect()
        };
        let sums = [Scenario::None, scenario].map(|s| sum(s.weights(&population)));
        let mut draw = |affected: bool| {
            let sums = &sums[usize::from(affected)];
            let at = rng.random::<f64>() * sums[sums.len() - 1];
            population[sums.partition_point(|sum| *sum <= at)]
        };
        let mut atoms = Vec::new();
        let mut last = draw(false);
        for number in 0..ANSWERS {
            let affected = (number as f64 + 0.5) * share % 1.0 < share;
            let wine = draw(affected);
            let scenario = if affected { scenario } else { Scenario::None };
            let asked = if scenario == Scenario::Stuck {
                last
            } else {
                wine
            };
            last = wine;
            let score = match scenario {
                _ if scenario.falls_back() => business_rules::score(&asked.features),
                _ => model.score(&scenario.features(asked.features)),
            };
            atoms.push((score, scenario.outcome(&wine), 1.0));
        }
        Law::new(atoms)
    }

    #[test]
    fn what_is_measured_is_the_truth_within_the_noise_floor() {
        let model = Model::shipped();
        let reference = model.reference();
        let answers = ANSWERS as f64;
        for (scenario, share) in all() {
            let law = scenario.law(model, share);
            let (exact, quality) = (law.distance(reference), law.quality());
            // The bounds that chance keeps to in 99 of 100 runs: of D1 over ten deciles,
            // and of the stability index by its derivative, with the bias of its curve. It
            // is skewed where a decile has ten answers only: hence four deviations.
            let psi =
                0.006 + 4.0 * psi_deviation(&law.shares(&reference.edges), reference, answers);
            let accuracy = quality.accuracy;
            let accuracy_deviation = (accuracy * (1.0 - accuracy) / answers).sqrt();
            let mut beyond = [0; 3];
            for seed in 0..100 {
                let mut rng = Streams::new(seed).arrivals();
                let law = measured(scenario, share, &mut rng);
                let (found, found_quality) = (law.distance(reference), law.quality());
                let off = [
                    (found.ks - exact.ks).abs() > noise_floor(answers),
                    (found.d1 - exact.d1).abs() > 0.06,
                    (found.psi - exact.psi).abs() > psi,
                ];
                for (count, off) in beyond.iter_mut().zip(off) {
                    *count += u32::from(off);
                }
                // That none of all runs is off by so much is as good as certain.
                let off = (found_quality.accuracy - accuracy).abs();
                assert!(
                    off < 5.0 * accuracy_deviation,
                    "{scenario}: accuracy is off by {off}"
                );
            }
            let within = beyond.iter().all(|count| *count <= 1);
            assert!(
                within,
                "{scenario}: KS, D1, PSI off in {beyond:?} of 100 runs"
            );
        }
    }

    /// The standard deviation of the stability index of so many answers with these shares,
    /// to the first order.
    fn psi_deviation(shares: &[f64], reference: &crate::Reference, answers: f64) -> f64 {
        let slopes = shares.iter().zip(&reference.shares).map(|(now, then)| {
            let now = now.max(1e-4);
            (now, (now / then).ln() + 1.0 - then / now)
        });
        let (mean, square) = slopes.fold((0.0, 0.0), |(mean, square), (now, slope)| {
            (mean + now * slope, square + now * slope * slope)
        });
        ((square - mean * mean) / answers).sqrt()
    }

    #[test]
    fn each_scenario_is_seen_where_the_study_says() {
        let model = Model::shipped();
        let of = |text: &str, share| {
            let law = text.parse::<Scenario>().unwrap().law(model, share);
            (law.distance(model.reference()), law.quality())
        };
        let (healthy, quality) = of("none", 1.0);
        assert!(healthy.ks < 1e-5 && healthy.d1 < 1e-4, "{healthy:?}");
        // The answers stay as they were, and are wrong: only labels show it.
        for blind in ["concept", "stuck"] {
            let (distance, broken) = of(blind, 1.0);
            assert!(distance.ks < 1e-5, "{blind}: {distance:?}");
            assert!(
                broken.accuracy < quality.accuracy - 0.15,
                "{blind}: {broken:?}"
            );
        }
        // The mean does not see the rules, the distribution does.
        let (rules, rules_quality) = of("absent", 1.0);
        assert!(
            (rules_quality.mean - quality.mean).abs() < 0.05,
            "{rules_quality:?}"
        );
        assert!(rules.ks > 0.2 && rules.d1 > 1.0, "{rules:?}");
        let (tilted, _) = of("tilt(-0.6)", 1.0);
        assert!((0.1..0.3).contains(&tilted.ks), "{tilted:?}");
    }

    #[test]
    fn a_scenario_is_written_as_it_is_read() {
        for written in WRITTEN {
            assert_eq!(written.parse::<Scenario>().unwrap().to_string(), written);
        }
        for wrong in ["", "tilt", "tilt(nan)", "tilt(4)", "drift"] {
            let error = wrong.parse::<Scenario>().unwrap_err().to_string();
            assert!(
                error.contains("is no scenario; known are none, absent"),
                "{error}"
            );
        }
    }
}
