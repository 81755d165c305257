//! Exercise 19: who answered and why is counted, and the scores that were answered are
//! observed, exactly, whatever ails the model.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{increases, listed, new_series, sum};
use crate::exposition::{Exposition, Sample};
use crate::finding::{Finding, Judgement, ensure};
use crate::http;
use crate::student::Student;

const COUNTED: &str = "predictions_total";
const SCORES: &str = "prediction_score";
const MODEL: (&str, &str) = ("by", "model");
const RULES: (&str, &str) = ("by", "rules");

// What ails the model, which is the reason too, and how many wines meet it. They are fewer each
// time, so that none can be taken for another.
const AILMENTS: [(&str, usize); 3] = [("absent", 30), ("timeout", 10), ("nan", 6)];
const BY_MODEL: usize = 200;
const BY_RULES: usize = 46;
// Of these, wines of segments that no contract knows.
const UNKNOWN_SEGMENTS: usize = 8;

// A tenth of the wines is in each tenth; a bucket that holds half as much more hides one.
const MAX_SHARE: f64 = 0.15;
const MAX_BUCKETS: usize = 40;

/// A wine, and the answer that it must get.
struct Wine {
    path: String,
    score: f64,
    by_model: bool,
}

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let start = student.metrics()?;
    let wines = wines(0);
    ask(&student, &wines)?;
    let first = student.metrics()?;
    ask(&student, &self::wines(1))?;
    let second = student.metrics()?;
    ensure(second.series(COUNTED, &[]) > 0, "no-metric", || {
        let asked = 2 * wines.len();
        format!(
            "After {asked} predictions /metrics shows no `{COUNTED}`. Who answered, the model or the rules?"
        )
    })?;
    few_series(COUNTED, &first, &second)?;
    counted(&increases(COUNTED, &start, &first), wines.len())?;
    at_start(&start)?;
    observed(&start, &first, &second, &wines)
}

// Scores that lie in the middle of each two hundredth, once; the model's weights as in the exercise.
fn wines(round: usize) -> Vec<Wine> {
    let score_of = |number: usize| (number as f64 + 0.3 + 0.4 * round as f64) / BY_MODEL as f64;
    let wine = |number: usize, ailment: &str| {
        let number = number % BY_MODEL;
        let x = (score_of(number) / (1.0 - score_of(number))).ln();
        let alcohol = 10.4 + x / 1.1;
        // As computed there, from the number that is sent.
        let by_model = 1.0 / (1.0 + (-1.1 * (alcohol - 10.4)).exp());
        let segment = match number {
            n if n < UNKNOWN_SEGMENTS => format!("seg-{round}-{n}"),
            n => ["web", "app", "partner"][n % 3].to_owned(),
        };
        let model = if ailment == "timeout" {
            "slow"
        } else {
            ailment
        };
        let rules = if alcohol > 10.5 { 0.8 } else { 0.2 };
        Wine {
            path: format!(
                "/predict?alcohol={alcohol}&sulphates=0.65&segment={segment}&model={model}"
            ),
            score: if ailment.is_empty() { by_model } else { rules },
            by_model: ailment.is_empty(),
        }
    };
    let mut wines: Vec<_> = (0..BY_MODEL).map(|number| wine(number, "")).collect();
    for (ailment, count) in AILMENTS {
        // Some of each fifth, so that the rules say both.
        wines.extend((0..count).map(|number| wine(number * 37, ailment)));
    }
    wines
}

fn ask(student: &Student, wines: &[Wine]) -> Judgement {
    let requests: Vec<_> = wines
        .iter()
        .map(|wine| ("GET", wine.path.clone()))
        .collect();
    for (wine, answer) in wines
        .iter()
        .zip(http::all(student.address(), &requests, 20))
    {
        let path = &wine.path;
        let answer = answer.map_err(|error| {
            Finding::new("no-answer", format!("`GET {path}` got no answer: {error}."))
        })?;
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let score = body["score"].as_f64();
        let is_right = score.is_some_and(|score| (score - wine.score).abs() < 1e-9);
        ensure(answer.status == 200 && is_right, "other-answer", || {
            format!(
                "`GET {path}` was answered with {} and `{}`; the score must be {}. Counting must not \
                 change the answers, and who gets the rules' answer gets no error.",
                answer.status, answer.body, wine.score
            )
        })?;
    }
    Ok(())
}

// The second time the same came once more, of other wines and other clients.
fn few_series(name: &str, first: &Exposition, second: &Exposition) -> Judgement {
    let new = new_series(name, first, second);
    let Some(example) = new.first() else {
        return Ok(());
    };
    let of_clients = new.iter().any(|one| {
        let mut values = one.labels.values();
        values.any(|value| value.contains("seg-") || value.contains(http::CLIENT))
    });
    let id = if of_clients {
        "client-decides-label"
    } else {
        "answer-as-label"
    };
    Err(Finding::new(
        id,
        format!(
            "{0} predictions left {before} series of `{name}`; after {0} more, of the same kinds, there \
             were {after}. A new one is\n\n    {example}\n\nHow many will there be after a week, and who \
             decides that?",
            BY_MODEL + BY_RULES,
            before = first.series(name, &[]),
            after = second.series(name, &[]),
        ),
    ))
}

fn counted(series: &[Sample], asked: usize) -> Judgement {
    let (all, model, rules) = (
        sum(series, &[]),
        sum(series, &[MODEL]),
        sum(series, &[RULES]),
    );
    let seen = format!(
        "The model answered {BY_MODEL} times, and the rules {BY_RULES} times. `{COUNTED}` rose by {all}:\n\n{}\n\n",
        listed(series)
    );
    let is = |rose: f64, count: usize| rose == count as f64;
    let told = |holds: bool, id, asks: &str| ensure(holds, id, || format!("{seen}{asks}"));
    told(
        !(is(all, BY_MODEL) && rules == 0.0),
        "fallback-not-counted",
        "An hour in which only the rules answer: what would it look like?",
    )?;
    told(
        all <= asked as f64,
        "counted-twice",
        "Some were counted more than once. Which way through the code passes two of your lines?",
    )?;
    told(
        model + rules > 0.0,
        "not-told-apart",
        "Who answered? (The label `by`.)",
    )?;
    told(
        !(is(model, asked) && rules == 0.0),
        "fallback-as-model",
        "The model gets the credit for the rules. At which moment is it known who answers?",
    )?;
    told(
        is(all, asked) && is(model, BY_MODEL) && is(rules, BY_RULES),
        "wrong-count",
        "Is each answer counted once, whoever gave it?",
    )?;
    let by_reason = AILMENTS
        .iter()
        .map(|(reason, count)| (RULES, *reason, *count));
    for (by, reason, count) in by_reason.chain([(MODEL, "none", BY_MODEL)]) {
        let rose = sum(series, &[by, ("reason", reason)]);
        ensure(is(rose, count), "reasons-mixed", || {
            format!(
                "{seen}With the reason `{reason}` it must have been {count}, by `{}`, and was {rose}. Whom \
                 would you call for each of the reasons?",
                by.1
            )
        })?;
    }
    Ok(())
}

fn at_start(start: &Exposition) -> Judgement {
    let pairs = AILMENTS.iter().map(|(reason, _)| (RULES, *reason));
    let missing = pairs
        .chain([(MODEL, "none")])
        .find(|(by, reason)| start.series(COUNTED, &[*by, ("reason", *reason)]) == 0);
    ensure(missing.is_none(), "absent-at-start", || {
        let (by, reason) = missing.unwrap_or((MODEL, "none"));
        format!(
            "Before the first request there was no `{COUNTED}{{by=\"{}\",reason=\"{reason}\"}}`. By how much \
             will it have risen when it first appears?",
            by.1
        )
    })
}

fn observed(
    start: &Exposition,
    first: &Exposition,
    second: &Exposition,
    wines: &[Wine],
) -> Judgement {
    let name = format!("{SCORES}_count");
    ensure(first.series(&name, &[]) > 0, "no-scores", || {
        let kind = first
            .types
            .get(SCORES)
            .map_or(String::new(), |kind| format!(", but a {kind} of that name"));
        format!("/metrics shows no histogram `{SCORES}`{kind}. How are the answers distributed?")
    })?;
    few_series(&name, first, second)?;
    let counts = increases(&name, start, first);
    let (all, rules) = (sum(&counts, &[]), sum(&counts, &[RULES]));
    let sums = increases(&format!("{SCORES}_sum"), start, first);
    let total = sum(&sums, &[]);
    let seen = format!(
        "{} wines were answered. `{SCORES}` has observed {all} scores, whose sum is {total:.4}. ",
        wines.len()
    );
    let told = |holds: bool, id, asks: &str| ensure(holds, id, || format!("{seen}{asks}"));
    told(
        !total.is_nan(),
        "nan-observed",
        "One NaN, and the sum is lost until the next restart. Who was answered with NaN?",
    )?;
    told(
        all != BY_MODEL as f64,
        "fallback-not-observed",
        "The scores of the rules are answers as well: who asked had nothing else.",
    )?;
    told(
        all <= wines.len() as f64,
        "observed-twice",
        "Which score does somebody see who gets the rules' answer, and how many?",
    )?;
    told(
        all == wines.len() as f64,
        "wrong-count",
        "Is each answer observed once, whoever gave it?",
    )?;
    let expected = |of: &dyn Fn(&Wine) -> bool, value: &dyn Fn(f64) -> f64| -> f64 {
        let wines = wines.iter().filter(|wine| of(wine));
        wines.map(|wine| value(wine.score)).sum()
    };
    let truth = expected(&|_| true, &|score| score);
    let is = |sum: f64, truth: f64| (sum - truth).abs() <= 1e-9 * truth;
    let good = expected(&|_| true, &|score| f64::from(u8::from(score >= 0.5)));
    told(
        !is(total, good),
        "class-for-score",
        "That is how many were called good. A wine of 0.51 and one of 0.99: does your histogram know them apart?",
    )?;
    told(
        !is(total, 100.0 * truth),
        "in-percent",
        "The answers went from 0 to 1. Who reads the histogram beside the answers must not have to guess.",
    )?;
    told(
        total > 0.02 * truth,
        "time-for-score",
        "Scores lie between 0 and 1, about one half in the mean. Does something else look so, such as seconds?",
    )?;
    ensure(is(total, truth), "other-than-scores", || {
        format!("{seen}The sum of the answered scores is {truth:.4}. What was observed?")
    })?;
    let of_model = expected(&|wine| wine.by_model, &|score| score);
    let by_model = sum(&sums, &[MODEL]);
    let told_apart = rules == BY_RULES as f64 && is(by_model, of_model);
    ensure(told_apart, "scores-mixed", || {
        format!(
            "{seen}With `by=\"model\"` the sum is {by_model:.4}, and the model's scores were {of_model:.4}; the rules gave \
             {BY_RULES} of the answers, and with `by=\"rules\"` there are {rules}. If the answers shift, is \
             it the model, or that it does not answer?"
        )
    })?;
    bounds(start, first)
}

fn bounds(start: &Exposition, first: &Exposition) -> Judgement {
    let bounds = first.bounds(SCORES);
    ensure(bounds.len() <= MAX_BUCKETS, "too-many-buckets", || {
        format!(
            "`{SCORES}` has {} buckets, and each is a series for each set of labels. How many tell the \
             tenths apart?",
            bounds.len()
        )
    })?;
    let buckets = increases(&format!("{SCORES}_bucket"), start, first);
    let up_to = |bound: f64| {
        let texts: BTreeSet<_> = first
            .named(&format!("{SCORES}_bucket"))
            .filter_map(|one| one.labels.get("le").cloned())
            .filter(|text| text.parse::<f64>().is_ok_and(|le| le == bound))
            .collect();
        let counts = texts
            .iter()
            .map(|text| sum(&buckets, &[MODEL, ("le", text.as_str())]));
        counts.sum::<f64>()
    };
    let (mut below, mut lower) = (0.0, 0.0);
    for upper in bounds {
        let reached = up_to(upper);
        let share = (reached - below) / BY_MODEL as f64;
        ensure(share <= MAX_SHARE, "bounds-hide", || {
            format!(
                "Of {BY_MODEL} scores, a tenth in each tenth, {:.0} are in the bucket from {lower} to \
                 {upper}: {:.0}%. What could move in there without being seen?",
                reached - below,
                100.0 * share
            )
        })?;
        (below, lower) = (reached, upper);
    }
    Ok(())
}
