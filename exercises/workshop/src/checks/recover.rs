//! Exercises 11 and 12: a hidden distribution, recovered from what buckets show of it.
//!
//! Two measures say how good an answer is: its distance to the truth, and the
//! distance of the best that the student's own bounds tell without naming a family:
//! straight lines between the points that they show, as Prometheus draws them. An
//! answer that agrees with all that could be seen and is still wrong says something
//! about the bounds.

use std::fmt::Write as _;
use std::path::Path;

use simulation::Name;

use crate::answer_file::Answers;
use crate::exposition::le;
use crate::finding::{Finding, ensure};
use crate::http;
use crate::mystery::{Distribution, Kind, SAMPLES};
use crate::observe;
use crate::reading::numbers::Quantity;
use crate::stack::Stack;

const MAX_BOUNDS: usize = 20;
// The share of all numbers that may lie between two neighbouring bounds.
const MAX_HIDDEN: f64 = 0.25;
const MAX_DISTANCE: f64 = 0.05;
// What chance may add at any one bound: see `SAMPLES`.
const SAMPLING_ERROR: f64 = 0.02;
const QUANTILES: [(f64, f64); 3] = [(0.5, 0.03), (0.9, 0.02), (0.99, 0.006)];

/// Exercise 11.
///
/// # Errors
///
/// The first finding.
pub fn values(file: &Path, _: &Stack) -> Result<Option<String>, Finding> {
    check(Kind::Values, file).map(Some)
}

/// Exercise 12.
///
/// # Errors
///
/// The first finding.
pub fn delays(file: &Path, _: &Stack) -> Result<Option<String>, Finding> {
    check(Kind::Delays, file).map(Some)
}

/// What `/metrics` would show in the bounds that the file gives: of the mystery
/// itself, or, with an address and a count, of requests to a service that runs there.
///
/// # Errors
///
/// What is missing in the file, or that the service does not answer.
pub fn page(kind: Kind, file: &Path, service: Option<(&str, usize)>) -> Result<String, Finding> {
    let name = match kind {
        Kind::Values => "random_value",
        Kind::Delays => "http_request_duration_seconds",
    };
    let answer = Answer::read(kind, file)?;
    let drawn = match service {
        None => Distribution::hidden(kind, &answer.name).samples(),
        Some((service, count)) => observe::requests(http::address(service)?, kind, count)?,
    };
    let mut page = format!("# TYPE {name} histogram\n");
    for bound in answer.bounds.iter().chain(&[f64::INFINITY]) {
        let below = drawn.iter().filter(|x| *x <= bound).count();
        let le = le(*bound);
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

fn check(kind: Kind, file: &Path) -> Result<String, Finding> {
    let answer = Answer::read(kind, file)?;
    let truth = Distribution::hidden(kind, &answer.name);
    let drawn = truth.samples();
    let widest = bounds(&answer.bounds, &drawn)?;
    let lines = |bounds: &[f64]| Lines::new(bounds, &drawn).distance(&truth);
    let own = lines(&answer.bounds);
    // Bounds from the least to the greatest that leave the same share between them.
    let mut sorted = drawn.clone();
    sorted.sort_by(f64::total_cmp);
    let placed: Vec<_> = (0..MAX_BOUNDS)
        .map(|n| sorted[n * (SAMPLES - 1) / (MAX_BOUNDS - 1)])
        .collect();
    let best = lines(&placed);

    let given = &answer.answers.required(3)?.replace('\n', " ");
    let given = given.trim_matches(['`', '"', '.', ' ']);
    let answered = Distribution::parse(kind, given).map_err(|error| {
        Finding::new(
            "not-a-distribution",
            format!("`{given}` is not a distribution: {error}"),
        )
    })?;
    let distance = answered.distance(&truth);
    // What the student could see: the share up to each bound.
    let worst = answer
        .bounds
        .iter()
        .map(|bound| (*bound, share(&drawn, *bound), answered.cdf(*bound)))
        .max_by(|a, b| (a.1 - a.2).abs().total_cmp(&(b.1 - b.2).abs()));
    let (bound, seen, said) = worst.unwrap_or((0.0, 0.0, 0.0));
    ensure(
        distance <= MAX_DISTANCE || (seen - said).abs() <= SAMPLING_ERROR,
        "other-distribution",
        || {
            format!(
                "Of {SAMPLES} numbers, {:.1}% were at most {bound}; by your distribution it would be \
                 {:.1}%. What does the histogram look like to the left and to the right of there?\n\n\
                 Your distribution is {distance:.3} away from the truth, and {MAX_DISTANCE} is \
                 allowed. Straight lines between the points that your bounds show are {own:.3} away.",
                100.0 * seen,
                100.0 * said
            )
        },
    )?;
    ensure(distance <= MAX_DISTANCE, "bounds-cannot-tell", || {
        format!(
            "At each of your bounds your distribution agrees with what was counted. And yet it is \
             {distance:.2} away from the truth: your bounds cannot tell the two apart. In which \
             bucket may something hide?"
        )
    })?;
    let quantiles = plain(&answer.answers.numbers(4)?);
    ensure(quantiles.len() == QUANTILES.len(), "wrong-quantile", || {
        format!(
            "Question 4: three numbers were asked for, {} are there.",
            quantiles.len()
        )
    })?;
    for ((p, tolerance), given) in QUANTILES.iter().zip(quantiles) {
        let share = share(&drawn, given);
        ensure((share - p).abs() <= *tolerance, "wrong-quantile", || {
            format!(
                "You say that {:.0}% do not exceed {given}. Of {SAMPLES} numbers, {:.1}% did not.",
                100.0 * p,
                100.0 * share
            )
        })?;
    }
    Ok(format!(
        "Your distribution is {distance:.3} away from the truth ({MAX_DISTANCE} was allowed).\n\
         The best that your {} bounds could tell by themselves, straight lines between the points \
         that they show, is {own:.3} away; with {MAX_BOUNDS} bounds that share the numbers \
         evenly it would be {best:.3}: yours {}.\n\
         Your fullest bucket hides where {:.0}% of the numbers are.",
        answer.bounds.len(),
        if own <= best {
            format!("are better by {:.3}", best - own)
        } else {
            format!("have lost {:.3}", own - best)
        },
        100.0 * widest
    ))
}

/// What bounds tell by themselves: the share up to each, and straight lines
/// between them, as Prometheus takes it to be. Below the first bound the line
/// begins at 0, if the bound is above; after the last bound there is nothing.
struct Lines {
    points: Vec<(f64, f64)>,
}

impl Lines {
    fn new(bounds: &[f64], drawn: &[f64]) -> Self {
        let first = bounds.first().is_none_or(|first| *first > 0.0);
        let start = first.then_some((0.0, 0.0));
        let points = bounds.iter().map(|bound| (*bound, share(drawn, *bound)));
        let mut points: Vec<_> = start.into_iter().chain(points).collect();
        if let Some(last) = points.last_mut() {
            last.1 = 1.0;
        }
        Self { points }
    }

    fn cdf(&self, x: f64) -> f64 {
        let above = self.points.partition_point(|(bound, _)| *bound <= x);
        let before = above.checked_sub(1).map(|index| self.points[index]);
        match (before, self.points.get(above)) {
            (None, _) => 0.0,
            (Some((_, share)), None) => share,
            (Some((low, from)), Some((high, to))) => from + (to - from) * (x - low) / (high - low),
        }
    }

    // Kolmogorov and Smirnov's, looked for where either bends.
    fn distance(&self, truth: &Distribution) -> f64 {
        let steps = 2000;
        (1..steps)
            .map(|step| truth.quantile(f64::from(step) / f64::from(steps)))
            .chain(self.points.iter().map(|(bound, _)| *bound))
            .map(|x| (self.cdf(x) - truth.cdf(x)).abs())
            .fold(0.0, f64::max)
    }
}

// The share of all numbers that is in the fullest bucket.
fn bounds(bounds: &[f64], drawn: &[f64]) -> Result<f64, Finding> {
    ensure(bounds.len() <= MAX_BOUNDS, "too-many-bounds", || {
        format!("{} bounds; {MAX_BOUNDS} at most are allowed.", bounds.len())
    })?;
    ensure(
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
    ensure(mass <= MAX_HIDDEN, "bounds-hide", || {
        format!(
            "Of {SAMPLES} numbers, {:.0}% lie above {low} and up to {high}, and none of your bounds \
             is in between. Any shape may hide there, and nobody will see it.",
            100.0 * mass
        )
    })?;
    Ok(mass)
}

fn share(drawn: &[f64], bound: f64) -> f64 {
    drawn.iter().filter(|x| **x <= bound).count() as f64 / drawn.len() as f64
}

// Delays are in seconds, unless they say otherwise; the numbers have no unit.
fn plain(given: &[Quantity]) -> Vec<f64> {
    let plain = given.iter().map(|one| one.seconds().unwrap_or(one.value));
    plain.collect()
}

/// What the student has written.
struct Answer {
    name: Name,
    bounds: Vec<f64>,
    answers: Answers,
}

impl Answer {
    fn read(kind: Kind, file: &Path) -> Result<Self, Finding> {
        let stub = match kind {
            Kind::Values => include_str!("../../../stubs/11_random_value/answer.txt"),
            Kind::Delays => include_str!("../../../stubs/12_random_delay/answer.txt"),
        };
        let answers = Answers::read(file, stub)?;
        let mut bounds = plain(&answers.numbers(2)?);
        // It is in every histogram anyway.
        bounds.retain(|bound| bound.is_finite());
        Ok(Self {
            name: answers.name(1)?,
            bounds,
            answers,
        })
    }
}
