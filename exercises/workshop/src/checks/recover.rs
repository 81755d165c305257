//! Exercises 11 and 12: a hidden law, recovered from what buckets show of it.
//!
//! Two measures say how good an answer is: its distance to the truth, and how
//! much the student's own bounds hid. A law that agrees with all that could be
//! seen and is still wrong says something about the bounds.

use std::fmt::Write as _;
use std::path::Path;

use crate::course::Exercise;
use crate::finding::{Finding, Judgement, demand};
use crate::mystery::{DRAWN, Kind, Law};
use crate::numbered;

const MOST_BOUNDS: usize = 20;
// Of all that is drawn, so much at most may lie between two neighbours.
const HIDDEN: f64 = 0.25;
const DISTANCE: f64 = 0.05;
// What chance may add at any one bound: see `DRAWN`.
const CHANCE: f64 = 0.02;
const QUANTILES: [(f64, f64); 3] = [(0.5, 0.03), (0.9, 0.02), (0.99, 0.006)];

/// Exercise 11.
///
/// # Errors
///
/// The first finding.
pub fn values(file: &Path) -> Judgement {
    check(Kind::Values, file)
}

/// Exercise 12.
///
/// # Errors
///
/// The first finding.
pub fn delays(file: &Path) -> Judgement {
    check(Kind::Delays, file)
}

/// What `/metrics` would show of the mystery, in the bounds that the file gives.
///
/// # Errors
///
/// What is missing in the file, or that this exercise has no mystery.
pub fn page(exercise: &Exercise, file: &Path) -> Result<String, Finding> {
    let (kind, name) = match exercise.number {
        11 => (Kind::Values, "random_value"),
        12 => (Kind::Delays, "http_request_duration_seconds"),
        _ => {
            let sentence = "Only exercises 11 and 12 have a mystery.";
            return Err(Finding::new("no-mystery", sentence));
        }
    };
    let answer = Answer::read(file)?;
    let drawn = Law::hidden(kind, &answer.name).draw();
    let mut page = format!("# TYPE {name} histogram\n");
    for bound in answer.bounds.iter().chain(&[f64::INFINITY]) {
        let below = drawn.iter().filter(|x| *x <= bound).count();
        let le = if bound.is_finite() {
            bound.to_string()
        } else {
            "+Inf".to_owned()
        };
        let _ = writeln!(page, "{name}_bucket{{le=\"{le}\"}} {below}");
    }
    let sum: f64 = drawn.iter().sum();
    let _ = writeln!(
        page,
        "{name}_sum {sum}\n{name}_count {}\n# EOF",
        drawn.len()
    );
    Ok(page)
}

fn check(kind: Kind, file: &Path) -> Judgement {
    let answer = Answer::read(file)?;
    let truth = Law::hidden(kind, &answer.name);
    let drawn = truth.draw();
    bounds(&answer.bounds, &drawn)?;

    let given = answer.needed(3)?;
    let law = Law::parse(kind, given)
        .map_err(|error| Finding::new("no-law", format!("`{given}` is no law: {error}")))?;
    let distance = law.distance(&truth);
    // What the student could see: the share up to each bound.
    let worst = answer
        .bounds
        .iter()
        .map(|bound| (*bound, share(&drawn, *bound), law.cdf(*bound)))
        .max_by(|a, b| (a.1 - a.2).abs().total_cmp(&(b.1 - b.2).abs()));
    let (bound, seen, said) = worst.unwrap_or((0.0, 0.0, 0.0));
    demand(
        distance <= DISTANCE || (seen - said).abs() <= CHANCE,
        "other-law",
        || {
            format!(
                "Of {DRAWN} numbers, {:.1}% were at most {bound}; by your law it would be {:.1}%. \
                 What does the histogram look like to the left and to the right of there?",
                100.0 * seen,
                100.0 * said
            )
        },
    )?;
    demand(distance <= DISTANCE, "bounds-cannot-tell", || {
        format!(
            "At each of your bounds your law agrees with what was counted. And yet it is {distance:.2} \
             away from the truth: your bounds cannot tell the two apart. In which bucket may \
             something hide?"
        )
    })?;
    let quantiles = numbers(answer.needed(4)?, 4)?;
    demand(quantiles.len() == QUANTILES.len(), "wrong-quantile", || {
        format!(
            "Question 4: three numbers were asked for, {} are there.",
            quantiles.len()
        )
    })?;
    for ((p, tolerance), given) in QUANTILES.iter().zip(quantiles) {
        let share = share(&drawn, given);
        demand((share - p).abs() <= *tolerance, "wrong-quantile", || {
            format!(
                "You say that {:.0}% do not exceed {given}. Of {DRAWN} numbers, {:.1}% did not.",
                100.0 * p,
                100.0 * share
            )
        })?;
    }
    Ok(())
}

fn bounds(bounds: &[f64], drawn: &[f64]) -> Judgement {
    demand(bounds.len() <= MOST_BOUNDS, "too-many-bounds", || {
        format!(
            "{} bounds; {MOST_BOUNDS} at most are allowed.",
            bounds.len()
        )
    })?;
    demand(
        bounds.is_sorted_by(|a, b| a < b),
        "bounds-do-not-rise",
        || "The bounds must rise.".to_owned(),
    )?;
    let ends = [f64::NEG_INFINITY]
        .into_iter()
        .chain(bounds.iter().copied());
    let widest = ends
        .zip(bounds.iter().copied().chain([f64::INFINITY]))
        .map(|(low, high)| (share(drawn, high) - share(drawn, low), low, high))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (mass, low, high) = widest.unwrap_or((1.0, f64::NEG_INFINITY, f64::INFINITY));
    demand(mass <= HIDDEN, "bounds-hide", || {
        format!(
            "Of {DRAWN} numbers, {:.0}% lie above {low} and up to {high}, and none of your bounds \
             is in between. A law may do there what it likes, and nobody will see it.",
            100.0 * mass
        )
    })
}

fn share(drawn: &[f64], bound: f64) -> f64 {
    drawn.iter().filter(|x| **x <= bound).count() as f64 / drawn.len() as f64
}

/// What the student has written.
struct Answer {
    name: String,
    bounds: Vec<f64>,
    answers: std::collections::BTreeMap<usize, String>,
}

impl Answer {
    fn read(file: &Path) -> Result<Self, Finding> {
        let mut answer = Self {
            name: String::new(),
            bounds: Vec::new(),
            answers: numbered::answers(file)?,
        };
        answer.name = answer.needed(1)?.to_owned();
        answer.bounds = numbers(answer.needed(2)?, 2)?;
        Ok(answer)
    }

    fn needed(&self, number: usize) -> Result<&str, Finding> {
        let text = self.answers.get(&number).map_or("", String::as_str);
        demand(!text.is_empty(), "not-answered", || {
            format!("Question {number} has no answer yet.")
        })?;
        Ok(text)
    }
}

fn numbers(text: &str, question: usize) -> Result<Vec<f64>, Finding> {
    text.split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.parse().map_err(|_| {
                Finding::new(
                    "no-number",
                    format!("Question {question}: `{word}` is no number."),
                )
            })
        })
        .collect()
}
