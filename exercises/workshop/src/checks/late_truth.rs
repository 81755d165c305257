//! Exercise 21: labels that come late, twice, never, or for nothing, and what is counted of
//! them; then the query that makes an accuracy of it.

mod query;

use std::path::Path;

use serde_json::Value;

use super::{increases, listed, sum};
use crate::exposition::Exposition;
use crate::finding::{Finding, Judgement, ensure};
use crate::http;
use crate::student::Student;

const OUTCOMES: &str = "prediction_outcomes_total";
const UNMATCHED: &str = "labels_unmatched_total";
// What the exercise's text says: so many predictions wait.
const PENDING: usize = 1000;

// By whom, predicted and actual good, and how many; of each eight more stay without a label.
const CELLS: [(&str, bool, bool, usize); 8] = [
    ("model", true, true, 20),
    ("model", true, false, 5),
    ("model", false, true, 3),
    ("model", false, false, 12),
    ("rules", true, true, 4),
    ("rules", true, false, 2),
    ("rules", false, true, 1),
    ("rules", false, false, 6),
];
const UNLABELLED: usize = 8;
const TWICE: usize = 5;
const UNKNOWN: usize = 7;
const EXPIRED: usize = 3;

// Unlabelled predictions, after which a service has all the memory that it needs, and then.
const CLIENTS: usize = 4;
const WARM_UP: usize = 2000;
const MANY: usize = 15_000;
// Bytes that it may grow by: 20 a prediction, less than an entry of a map.
const MAX_GROWTH: u64 = (CLIENTS * MANY * 20) as u64;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let start = student.metrics()?;
    let (labelled, waiting) = predictions(&student)?;
    let unlabelled = increases(OUTCOMES, &start, &student.metrics()?);
    ensure(unlabelled.is_empty(), "counted-unlabelled", || {
        format!(
            "No label has come yet, and outcomes are counted:\n\n{}\n\nWhat is a prediction of which nobody \
             has said anything?",
            listed(&unlabelled)
        )
    })?;
    for (id, actual, _) in &labelled {
        label(&student, id, *actual, 202, "its first label")?;
    }
    let after = student.metrics()?;
    outcomes(&start, &after, labelled.len())?;

    let again: Vec<_> = labelled.iter().take(TWICE).collect();
    for (id, actual, _) in &again {
        refused(
            &student,
            id,
            !actual,
            409,
            "a second label",
            "twice-counted",
        )?;
    }
    reason(&student, &start, "twice", TWICE)?;
    for number in 0..UNKNOWN {
        let id = (1_000_000_000 + number).to_string();
        refused(
            &student,
            &id,
            false,
            404,
            "a label of a prediction that was never made",
            "unknown-counted",
        )?;
    }
    reason(&student, &start, "unknown", UNKNOWN)?;
    expired(&student, &waiting)?;
    reason(&student, &start, "expired", EXPIRED)?;
    at_start(&start)?;
    unlabelled_for_ever(&student)?;
    query::check(&student)
}

/// The ids of what will be labelled, with what came out and what was predicted; and of what
/// will not be.
type Predictions = (Vec<(String, bool, bool)>, Vec<String>);

fn predictions(student: &Student) -> Result<Predictions, Finding> {
    let (mut labelled, mut waiting) = (Vec::new(), Vec::new());
    for (by, predicted, actual, count) in CELLS {
        for number in 0..count + UNLABELLED {
            let id = predict(student, by, predicted)?;
            if number < count {
                labelled.push((id, actual, predicted));
            } else {
                waiting.push(id);
            }
        }
    }
    Ok((labelled, waiting))
}

fn predict(student: &Student, by: &str, good: bool) -> Result<String, Finding> {
    let alcohol = if good { "12.5" } else { "9.5" };
    let model = if by == "rules" { "&model=absent" } else { "" };
    let path = format!("/predict?alcohol={alcohol}{model}");
    let answer = student.ask("GET", &path)?;
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let is_right = answer.status == 200 && body["good"] == good && body["by"] == by;
    match (is_right, &body["id"]) {
        (true, Value::Number(id)) => Ok(id.to_string()),
        (true, Value::String(id)) => Ok(id.clone()),
        _ => Err(Finding::new(
            "other-answer",
            format!(
                "`GET {path}` was answered with {} and `{}`. Keeping a prediction must not change the answer.",
                answer.status, answer.body
            ),
        )),
    }
}

fn label(student: &Student, id: &str, good: bool, status: u16, what: &str) -> Judgement {
    let path = format!("/feedback?id={id}&good={good}");
    let answer = student.ask("POST", &path)?;
    ensure(answer.status == status, "other-status", || {
        format!(
            "`POST {path}` was {what}. It was answered with {} instead of {status}: what will its sender do now?",
            answer.status
        )
    })
}

// It must not be counted as an outcome, and that matters more than how it is answered.
fn refused(
    student: &Student,
    id: &str,
    good: bool,
    status: u16,
    what: &'static str,
    if_counted: &'static str,
) -> Judgement {
    let before = student.metrics()?;
    let answered = label(student, id, good, status, what);
    let counted = increases(OUTCOMES, &before, &student.metrics()?);
    ensure(counted.is_empty(), if_counted, || {
        format!(
            "The id {id} got {what}, and it was counted as an outcome:\n\n{}\n\nOf which prediction is it?",
            listed(&counted)
        )
    })?;
    answered
}

fn name(good: bool) -> &'static str {
    if good { "good" } else { "bad" }
}

fn outcomes(start: &Exposition, after: &Exposition, labels: usize) -> Judgement {
    ensure(after.series(OUTCOMES, &[]) > 0, "no-metric", || {
        format!(
            "After {labels} labels /metrics shows no `{OUTCOMES}`. How many of the answers were right?"
        )
    })?;
    let series = increases(OUTCOMES, start, after);
    ensure(series.len() <= 2 * CELLS.len(), "id-as-label", || {
        format!(
            "{labels} labels made {} series of `{OUTCOMES}`:\n\n{}\n\nHow many will there be after a week?",
            series.len(),
            listed(&series)
        )
    })?;
    let seen = |asks: String| {
        let listed = listed(&series);
        format!("{labels} labels came. What rose is:\n\n{listed}\n\n{asks}")
    };
    let of = |by: &str, predicted: bool, actual: bool| {
        let labels = [
            ("by", by),
            ("predicted", name(predicted)),
            ("actual", name(actual)),
        ];
        sum(&series, &labels)
    };
    let model: usize = CELLS[..4].iter().map(|cell| cell.3).sum();
    let (by_model, by_rules) = (
        sum(&series, &[("by", "model")]),
        sum(&series, &[("by", "rules")]),
    );
    let total = sum(&series, &[]);
    ensure(
        total != labels as f64 || by_model == model as f64,
        "rules-mixed-in",
        || {
            seen(format!(
                "Of these predictions {model} were the model's, and by your counter {by_model}; {by_rules} were the \
                 rules'. Whose fault is a wrong one?"
            ))
        },
    )?;
    let is_turned = CELLS
        .iter()
        .all(|(by, predicted, actual, count)| of(by, *actual, *predicted) == *count as f64);
    ensure(!is_turned, "turned", || {
        seen("Wines that were called good and were bad are 7. Which of your labels says what was said first?".to_owned())
    })?;
    let wrong = CELLS
        .iter()
        .find(|(by, predicted, actual, count)| of(by, *predicted, *actual) != *count as f64);
    let Some((by, predicted, actual, count)) = wrong else {
        return Ok(());
    };
    Err(Finding::new(
        "wrong-count",
        seen(format!(
            "With `by=\"{by}\"`, `predicted=\"{}\"` and `actual=\"{}\"` there were {count}, and {} were counted.",
            name(*predicted),
            name(*actual),
            of(by, *predicted, *actual)
        )),
    ))
}

fn reason(student: &Student, start: &Exposition, reason: &str, count: usize) -> Judgement {
    let after = student.metrics()?;
    let series = increases(UNMATCHED, start, &after);
    let rose = sum(&series, &[("reason", reason)]);
    ensure(rose == count as f64, "unmatched-not-counted", || {
        format!(
            "{count} labels were to be counted as `{UNMATCHED}{{reason=\"{reason}\"}}`, which rose by {rose}. What rose \
             is:\n\n{}\n\nIf all labels match nothing since the last release, who will see it?",
            listed(&series)
        )
    })
}

fn expired(student: &Student, waiting: &[String]) -> Judgement {
    let mut recent = Vec::new();
    for _ in 0..PENDING {
        recent.push(predict(student, "model", true)?);
    }
    for id in waiting.iter().take(EXPIRED) {
        refused(
            student,
            id,
            true,
            410,
            "a label after 1000 later predictions",
            "kept-for-ever",
        )?;
    }
    // The oldest but a few of those that are to be kept.
    let id = &recent[5];
    let before = student.metrics()?;
    label(
        student,
        id,
        true,
        202,
        "a label after 994 later predictions",
    )?;
    let rose = increases(OUTCOMES, &before, &student.metrics()?);
    ensure(sum(&rose, &[]) == 1.0, "wrong-count", || {
        format!(
            "After 994 later predictions the label of {id} was taken, and {} were counted.",
            rose.len()
        )
    })
}

fn at_start(start: &Exposition) -> Judgement {
    let outcomes = CELLS.iter().map(|(by, predicted, actual, _)| {
        let labels = vec![
            ("by", *by),
            ("predicted", name(*predicted)),
            ("actual", name(*actual)),
        ];
        (OUTCOMES, labels)
    });
    let reasons = ["twice", "unknown", "expired"];
    let unmatched = reasons.map(|reason| (UNMATCHED, vec![("reason", reason)]));
    let missing = outcomes
        .chain(unmatched)
        .find(|(name, labels)| start.series(name, labels) == 0);
    ensure(missing.is_none(), "absent-at-start", || {
        let (name, labels) = missing.unwrap_or_default();
        format!(
            "Before the first label there was no `{name}` with {labels:?}. By how much will it have risen \
             when it first appears?"
        )
    })
}

// Predictions that nobody ever labels. Seen where the system tells how much memory a process has.
fn unlabelled_for_ever(student: &Student) -> Judgement {
    let path = "/predict?alcohol=12.5";
    let quick = |each: usize| -> Judgement {
        http::stream(student.address(), path, CLIENTS, each).map_err(|error| {
            let observed = format!("`GET {path}`, many times over one connection: {error}.");
            Finding::new("no-answer", observed)
        })
    };
    quick(WARM_UP)?;
    let Some(before) = student.resident() else {
        return Ok(());
    };
    quick(MANY)?;
    let grown = student.resident().unwrap_or(before).saturating_sub(before);
    ensure(grown <= MAX_GROWTH, "grows-unlabelled", || {
        format!(
            "{} predictions came of which nobody said anything, and the process grew by {:.1} MB, {} bytes for \
             each. How long do you wait for a label that never comes?",
            CLIENTS * MANY,
            grown as f64 / 1e6,
            grown as usize / (CLIENTS * MANY)
        )
    })
}
