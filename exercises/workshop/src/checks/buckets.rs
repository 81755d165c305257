//! Exercise 10: what buckets make of a known delay, predicted on paper.

use std::path::Path;

use crate::answer_file::Answers;
use crate::finding::{Finding, Judgement, ensure};
use crate::lab::{DEFAULT, SCHEMA, SLO};
use crate::reading::numbers::Quantity;

const STUB: &str = include_str!("../../../stubs/10_buckets/predictions.txt");

const COARSE: &[f64] = &[1.0, 10.0];
// Bounds of the native histogram from 1 to 2.
const STEPS: f64 = (1 << SCHEMA) as f64;

// What the student's own bounds are for, in seconds.
const MIN_DELAY: f64 = 0.1;
const MAX_DELAY: f64 = 0.8;
const PROMISE: f64 = 0.5;
const MAX_BOUNDS: usize = 12;
const MAX_ERROR: f64 = 0.2;

/// How a delay is counted.
enum Buckets {
    Classic(&'static [f64]),
    Native,
}

/// A prediction: every request takes `delay` seconds; what is the reported p95?
struct Case {
    number: usize,
    buckets: Buckets,
    delay: f64,
}

const CASES: [Case; 7] = [
    case(1, Buckets::Classic(SLO), 0.22),
    case(2, Buckets::Classic(SLO), 0.32),
    case(3, Buckets::Classic(DEFAULT), 0.22),
    case(4, Buckets::Classic(DEFAULT), 0.32),
    case(5, Buckets::Classic(COARSE), 0.22),
    case(6, Buckets::Classic(SLO), 0.8),
    case(7, Buckets::Native, 0.22),
];

const fn case(number: usize, buckets: Buckets, delay: f64) -> Case {
    Case {
        number,
        buckets,
        delay,
    }
}

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let answers = Answers::read(file, STUB)?;
    for case in &CASES {
        let given = answers.number(case.number)?;
        // A time with its unit is what it is; without one it is taken as milliseconds.
        let milliseconds = given.seconds().map_or(given.value, |s| 1000.0 * s);
        predicted(case, milliseconds)?;
    }
    let range = answers.numbers(8)?;
    let unit = range
        .last()
        .and_then(|last| Some(last.seconds()? / last.value));
    let range: Vec<_> = range
        .iter()
        // `0.2 to 0.3 s`: the last unit is that of both. `200 -300` has no number below 0.
        .map(|one| {
            one.seconds()
                .or(unit.map(|unit| one.value * unit))
                .map_or(one.value, |s| 1000.0 * s)
        })
        .map(|one| (1e6 * one.abs()).round() / 1e6)
        .collect();
    ensure(range != [0.2, 0.3], "seconds", || {
        format!("Question 8: you answered {range:?}. Of which unit?")
    })?;
    ensure(
        range == [200.0, 300.0] || range == [300.0, 200.0],
        "wrong-range",
        || {
            format!(
                "Question 8: you answered {range:?}. All the requests fell into one bucket. Where in \
             it could they all have been?"
            )
        },
    )?;
    bounds(&seconds(&answers.numbers(9)?))
}

/// The student's own bounds in seconds, if they have written any that can be used.
#[must_use]
pub fn own(file: &Path) -> Option<Vec<f64>> {
    let bounds = seconds(&Answers::read(file, STUB).ok()?.numbers(9).ok()?);
    let usable = !bounds.is_empty() && bounds.is_sorted_by(|a, b| a < b);
    usable.then_some(bounds)
}

// Bounds in seconds, unless they say otherwise. `+Inf` is in every histogram anyway.
fn seconds(bounds: &[Quantity]) -> Vec<f64> {
    let seconds = bounds.iter().map(|one| one.seconds().unwrap_or(one.value));
    seconds.filter(|bound| bound.is_finite()).collect()
}

fn predicted(case: &Case, given: f64) -> Judgement {
    let number = case.number;
    let (low, high, reported) = case.buckets.reported(case.delay);
    let [low, high, reported, truth] = [low, high, reported, case.delay].map(|s| 1000.0 * s);
    let near = |value: f64| (given - value).abs() <= (0.005 * value).max(0.05);
    if near(reported) {
        return Ok(());
    }
    let finding = |id, text: String| Err(Finding::new(id, format!("Question {number}: {text}")));
    if (given * 1000.0 - reported).abs() <= 0.005 * reported {
        return finding("seconds", format!("{given} of which unit?"));
    }
    if near(truth) {
        return finding(
            "truth-for-report",
            format!(
                "{truth} ms is how long every request took. But Prometheus does not see that: what does it see?"
            ),
        );
    }
    if !high.is_finite() {
        return finding(
            "beyond-the-last",
            format!(
                "you predict {given} ms. All requests are above the last bound that is a number. What is the most that Prometheus can honestly say?"
            ),
        );
    }
    if near(high) || near((low + high) / 2.0) {
        return finding(
            "place-in-bucket",
            format!(
                "you predict {given} ms, and that lies in the right bucket. Prometheus takes the requests to be spread evenly over it. After which share of them does the 95th of a hundred come?"
            ),
        );
    }
    if given <= low || given > high {
        return finding(
            "other-bucket",
            format!("you predict {given} ms. Into which bucket do requests of {truth} ms fall?"),
        );
    }
    finding(
        "wrong-prediction",
        format!(
            "you predict {given} ms, and that lies in the right bucket, but not in the right place of it."
        ),
    )
}

impl Buckets {
    // The bounds around the delay and the 95th percentile that Prometheus reports
    // if all requests take that long.
    fn reported(&self, delay: f64) -> (f64, f64, f64) {
        match self {
            Self::Classic(bounds) => {
                let above = bounds.iter().position(|bound| delay <= *bound);
                match above {
                    Some(index) => {
                        let low = if index == 0 { 0.0 } else { bounds[index - 1] };
                        let high = bounds[index];
                        (low, high, low + 0.95 * (high - low))
                    }
                    None => {
                        let last = bounds.last().copied().unwrap_or(0.0);
                        (last, f64::INFINITY, last)
                    }
                }
            }
            // Here it interpolates in the exponent, as the buckets are laid out.
            Self::Native => {
                let high = (delay.log2() * STEPS).ceil() / STEPS;
                let low = high - 1.0 / STEPS;
                (low.exp2(), high.exp2(), (low + 0.95 / STEPS).exp2())
            }
        }
    }
}

fn bounds(bounds: &[f64]) -> Judgement {
    ensure(bounds.len() <= MAX_BOUNDS, "too-many-bounds", || {
        format!(
            "Question 9: {} bounds; {MAX_BOUNDS} at most are allowed.",
            bounds.len()
        )
    })?;
    ensure(
        bounds.is_sorted_by(|a, b| a < b) && bounds.first().is_some_and(|first| *first > 0.0),
        "bounds-do-not-rise",
        || "Question 9: the bounds must rise, and be above 0.".to_owned(),
    )?;
    ensure(bounds.contains(&PROMISE), "no-bound-at-promise", || {
        format!(
            "Question 9: which of your bounds says exactly how many requests took at most {PROMISE} s? (Bounds are in seconds.)"
        )
    })?;
    // The worst delay is the one just above a bound, or at the ends.
    let mut delays: Vec<_> = bounds
        .iter()
        .map(|bound| bound * (1.0 + 1e-9))
        .filter(|delay| (MIN_DELAY..=MAX_DELAY).contains(delay))
        .collect();
    delays.extend([MIN_DELAY, MAX_DELAY]);
    for delay in delays {
        let above = bounds.iter().position(|bound| delay <= *bound);
        let last = bounds.last().copied().unwrap_or(0.0);
        let reported = above.map_or(last, |index| {
            let low = if index == 0 { 0.0 } else { bounds[index - 1] };
            low + 0.95 * (bounds[index] - low)
        });
        let error = (reported - delay).abs() / delay;
        ensure(error <= MAX_ERROR, "too-wide", || {
            format!(
                "Question 9: if every request took {:.0} ms, your buckets would report a p95 of \
                 {:.0} ms. That is wrong by {:.0}%, and {:.0}% is allowed.",
                1000.0 * delay,
                1000.0 * reported,
                100.0 * error,
                100.0 * MAX_ERROR
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Buckets, CASES};
    use crate::exposition::le;
    use crate::promtool::{Scene, evaluate};

    /// Prometheus reports what this file says it reports.
    #[test]
    fn predictions_are_those_of_prometheus() {
        if peers::require("promtool").is_none() {
            return;
        }
        for case in &CASES {
            let (mut series, mut query) = (Vec::new(), "histogram_quantile(0.95, rate(x[1m]))");
            match case.buckets {
                Buckets::Classic(bounds) => {
                    query = "histogram_quantile(0.95, rate(x_bucket[1m]))";
                    for bound in bounds.iter().chain(&[f64::INFINITY]) {
                        let le = le(*bound);
                        let step = if case.delay <= *bound { 10 } else { 0 };
                        series.push((format!("x_bucket{{le=\"{le}\"}}"), format!("0+{step}x20")));
                    }
                }
                Buckets::Native => {
                    let index = (case.delay.log2() * super::STEPS).ceil();
                    let histogram = |n: u32| {
                        format!("{{{{schema:3 count:{n} sum:{n} offset:{index} buckets:[{n}]}}}}")
                    };
                    let values: Vec<_> = (1..20).map(|n| histogram(10 * n)).collect();
                    series.push(("x".to_owned(), values.join(" ")));
                }
            }
            let scene = Scene {
                name: "",
                series,
                at: 90,
            };
            let returned = evaluate(None, &[scene], &[query.to_owned()]).unwrap();
            let value = returned[0][0].as_ref().unwrap()[0].value;
            let (_, _, reported) = case.buckets.reported(case.delay);
            assert!(
                (value - reported).abs() < 1e-9,
                "{}: {value} {reported}",
                case.number
            );
        }
    }
}
