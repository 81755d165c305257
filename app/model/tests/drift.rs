//! The alerts on how scores are distributed, in virtual time: how often they are wrong while
//! nothing has shifted, and how soon they notice that other wines come.
//!
//! What is compared with: the fewest predictions that any rule needs on average that is
//! wrong so seldom, ln γ / KL, for γ predictions between two false alarms (G. Lorden,
//! *Procedures for reacting to a change in distribution*, 1971, theorem 3). KL is the
//! Kullback-Leibler divergence of the shifted scores from the reference: as the histogram
//! shows them, which is all that a rule sees, and, larger, of the scores themselves.
//!
//! Scores come as the stack's traffic asks by default, and rules are evaluated as often.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::VecDeque;

use model::Model;
use model::scenario::Scenario;
use model::truth::noise_floor;
use rand::RngExt as _;
use simulation::{ArrivalRate, PoissonArrivals, Stream, Streams};

/// Predictions a second: 0.4 for each of five requests.
const RATE: f64 = 2.0;

/// Seconds between two evaluations of the rules.
const STEP: f64 = 5.0;

/// Evaluations in the five minutes that rules look back.
const WINDOW: usize = 60;

/// Quiet windows that are watched.
const WINDOWS: usize = 1_000;

/// Shifts that are watched.
const SHIFTS: usize = 200;

const RULES: &str = include_str!("../../../prometheus/rules/model.rules.yml");

/// An alert: its name, its expression as the file has it, what that says of the distance and
/// of what chance explains, and its `for` in evaluations.
struct Alert {
    name: &'static str,
    expression: &'static str,
    holds: fn(f64, f64) -> bool,
    pending: usize,
}

const DRIFT: Alert = Alert {
    name: "ResponsesDrift",
    expression: "job:prediction_score:ks5m > clamp_min(1.25 * job:prediction_score:ks_floor5m, 0.05)\n        keep_firing_for: 5m\n",
    holds: |distance, floor| distance > (1.25 * floor).max(0.05),
    pending: 0,
};

const SHIFTED: Alert = Alert {
    name: "ResponsesShifted",
    expression: "job:prediction_score:ks5m > job:prediction_score:ks_floor5m + 0.1\n        for: 5m\n        keep_firing_for: 5m\n",
    holds: |distance, floor| distance > floor + 0.1,
    pending: WINDOW,
};

/// Scores by the buckets of their histogram, as they come.
struct Scores {
    /// The bucket of each wine's score.
    buckets: Vec<usize>,
    /// The reference's shares up to each bound.
    cumulative: &'static [f64],
    arrivals: PoissonArrivals<Stream>,
    rng: Stream,
    now: f64,
    next: f64,
    /// The counts of each step of the window, and their sums.
    steps: VecDeque<Vec<u32>>,
    sums: Vec<u32>,
}

impl Scores {
    fn new(seed: u64) -> Self {
        let model = Model::shipped();
        let reference = model.reference();
        let bucket = |score: f64| reference.bounds.partition_point(|bound| *bound < score);
        let wines = model.population();
        let streams = Streams::new(seed);
        let mut scores = Self {
            buckets: wines
                .iter()
                .map(|w| bucket(model.score(&w.features)))
                .collect(),
            cumulative: &reference.cumulative,
            arrivals: PoissonArrivals::new(streams.arrivals()),
            rng: streams.stream(0),
            now: 0.0,
            next: 0.0,
            steps: VecDeque::new(),
            sums: vec![0; reference.bounds.len() + 1],
        };
        scores.next = scores.gap();
        scores
    }

    fn gap(&mut self) -> f64 {
        let rate = ArrivalRate::try_from(RATE).unwrap();
        self.arrivals.next_gap(rate).unwrap().as_secs_f64()
    }

    /// One step on, in which wines come with these sums of weights. Returns how many came,
    /// and of the whole window the distance and what chance explains of it.
    fn step(&mut self, weights: &[f64]) -> (u32, f64, f64) {
        self.now += STEP;
        let mut counts = vec![0; self.sums.len()];
        while self.next < self.now {
            let at = self.rng.random::<f64>() * weights[weights.len() - 1];
            let row = weights.partition_point(|sum| *sum <= at);
            counts[self.buckets[row.min(self.buckets.len() - 1)]] += 1;
            self.next += self.gap();
        }
        let came = counts.iter().sum();
        for (sum, count) in self.sums.iter_mut().zip(&counts) {
            *sum += count;
        }
        self.steps.push_back(counts);
        if self.steps.len() > WINDOW {
            let oldest = self.steps.pop_front().unwrap();
            for (sum, count) in self.sums.iter_mut().zip(oldest) {
                *sum -= count;
            }
        }
        let all = f64::from(self.sums.iter().sum::<u32>());
        let mut below = 0.0;
        let apart = self.sums.iter().zip(self.cumulative).map(|(count, share)| {
            below += f64::from(*count);
            (below / all - share).abs()
        });
        (came, apart.fold(0.0, f64::max), noise_floor(all))
    }
}

/// Whether an alert fires, evaluation by evaluation.
#[derive(Default)]
struct Firing {
    held: usize,
    keeps: usize,
}

impl Firing {
    /// Whether it fires now, and whether it did not before.
    fn evaluate(&mut self, alert: &Alert, distance: f64, floor: f64) -> (bool, bool) {
        let before = self.keeps > 0;
        self.keeps = self.keeps.saturating_sub(1);
        if (alert.holds)(distance, floor) {
            self.held += 1;
            if self.held > alert.pending {
                self.keeps = WINDOW + 1;
            }
        } else {
            self.held = 0;
        }
        (self.keeps > 0, self.keeps > 0 && !before)
    }
}

fn cumulative(scenario: Scenario) -> Vec<f64> {
    let population = Model::shipped().population();
    let mut sum = 0.0;
    let weights = scenario.weights(&population).into_iter().map(|weight| {
        sum += weight;
        sum
    });
    weights.collect()
}

/// The divergence of the scores in a scenario from those in none, in nats: where they are
/// told apart by what `seen` makes of them.
fn divergence<T: PartialOrd>(scenario: Scenario, seen: impl Fn(f64) -> T) -> f64 {
    let model = Model::shipped();
    let population = model.population();
    let weights = scenario.weights(&population);
    let total: f64 = weights.iter().sum();
    let atoms = population.iter().zip(weights);
    let mut atoms: Vec<_> = atoms
        .map(|(wine, weight)| (seen(model.score(&wine.features)), weight / total))
        .collect();
    atoms.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap());
    let rows = population.len() as f64;
    let alike = atoms.chunk_by(|a, b| a.0 == b.0).map(|alike| {
        let now: f64 = alike.iter().map(|atom| atom.1).sum();
        now * (now * rows / alike.len() as f64).ln()
    });
    alike.sum()
}

/// Of so many quiet windows: the times that the alert begins to fire, and the predictions.
fn false_alarms(alert: &Alert) -> (u32, f64) {
    let quiet = cumulative(Scenario::None);
    let mut scores = Scores::new(1);
    for _ in 0..WINDOW {
        scores.step(&quiet);
    }
    let (mut alarms, mut predictions, mut firing) = (0, 0.0, Firing::default());
    for _ in 0..WINDOWS * WINDOW {
        let (came, distance, floor) = scores.step(&quiet);
        predictions += f64::from(came);
        alarms += u32::from(firing.evaluate(alert, distance, floor).1);
    }
    (alarms, predictions)
}

/// From a shift on, the predictions until the alert fires, on average over many shifts, and
/// in how many of them it has not fired after an hour.
fn detection(alert: &Alert, shift: Scenario) -> (f64, usize) {
    let (quiet, shifted) = (cumulative(Scenario::None), cumulative(shift));
    let (mut sum, mut missed) = (0.0, 0);
    for seed in 0..SHIFTS as u64 {
        let mut scores = Scores::new(1_000 + seed);
        let mut firing = Firing::default();
        for step in 0..2 * WINDOW {
            let (_, distance, floor) = scores.step(&quiet);
            if step >= WINDOW {
                firing.evaluate(alert, distance, floor);
            }
        }
        let mut fired = false;
        for _ in 0..12 * WINDOW {
            let (came, distance, floor) = scores.step(&shifted);
            sum += f64::from(came);
            fired = firing.evaluate(alert, distance, floor).0;
            if fired {
                break;
            }
        }
        missed += usize::from(!fired);
    }
    (sum / SHIFTS as f64, missed)
}

/// What is printed stands in docs/benchmarks.md.
#[test]
fn the_drift_is_noticed_within_three_times_the_fewest_predictions_that_suffice() {
    let tilt = Scenario::Tilt { beta: -0.6 };
    let bounds = &Model::shipped().reference().bounds;
    let bucket = |score| bounds.partition_point(|bound| *bound < score);
    let of_buckets = divergence(tilt, bucket);
    let of_scores = divergence(tilt, |score| score);
    assert!(of_buckets < of_scores);
    for alert in [DRIFT, SHIFTED] {
        let Alert {
            name, expression, ..
        } = alert;
        assert!(RULES.contains(expression), "{name} is another rule now");
        let (alarms, predictions) = false_alarms(&alert);
        let (needed, missed) = detection(&alert, tilt);
        // Of none it is known only that they are rarer than one in all of these.
        let between = predictions / f64::from(alarms.max(1));
        let fewest = between.ln() / of_buckets;
        println!(
            "{name}: {alarms} false alarms in {WINDOWS} quiet windows of {:.0} predictions; {tilt} \
             after {needed:.0} predictions on average ({missed} of {SHIFTS} not within an hour): \
             {:.2} times the fewest for one false alarm in {between:.0}, which are {fewest:.0} of \
             what the histogram shows ({:.2} times, of the scores themselves)",
            predictions / WINDOWS as f64,
            needed / fewest,
            needed * of_scores / between.ln(),
        );
        assert!(alarms <= 10, "{alarms}");
        if name == DRIFT.name {
            assert_eq!(missed, 0);
            assert!(needed <= 3.0 * fewest, "{needed} against {fewest}");
        }
    }
}

/// The factor in `job:prediction_calibration:error_floor10m`.
#[test]
fn chance_explains_a_calibration_error_of_1_6_by_the_root_of_the_labels() {
    assert!(
        RULES.contains("1.6 / sqrt(sum by (job) (increase(prediction_calibration_total[10m]))")
    );
    let model = Model::shipped();
    let (reference, good) = (model.reference(), model.good_by_decile());
    let wines = model.population();
    let labelled: Vec<_> = wines
        .iter()
        .map(|wine| (reference.decile(model.score(&wine.features)), wine.good))
        .collect();
    let mut rng = Streams::new(1).arrivals();
    for labels in [300, 1_000, 5_000] {
        let error = |rng: &mut Stream| {
            let mut apart = [0.0; 10];
            for _ in 0..labels {
                let row = (rng.random::<f64>() * labelled.len() as f64) as usize;
                let (decile, is_good) = labelled[row];
                apart[decile] += f64::from(u8::from(is_good)) - good[decile];
            }
            apart.iter().map(|apart| apart.abs()).sum::<f64>() / f64::from(labels)
        };
        let mut errors: Vec<_> = (0..1_000).map(|_| error(&mut rng)).collect();
        errors.sort_by(f64::total_cmp);
        let factor = errors[989] * f64::from(labels).sqrt();
        println!("{labels} labels: {factor:.2} by their root, in 99 of 100 windows");
        assert!((1.4..1.7).contains(&factor), "{labels}: {factor}");
    }
}
