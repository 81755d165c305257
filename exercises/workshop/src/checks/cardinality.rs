//! Exercise 14: `logins_total` counts every attempt by its result, and nothing
//! that a client can choose makes a series.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{listed, sum};
use crate::exposition::Sample;
use crate::finding::{Finding, Judgement, demand};
use crate::student::Student;

const NAME: &str = "logins_total";

// In each of two rounds.
const RIGHT: usize = 60;
const WRONG: usize = 25;
const UNKNOWN: usize = 15;
const ROUND: usize = RIGHT + WRONG + UNKNOWN;
// Three results, and room for a label or two of few values.
const MOST_SERIES: usize = 12;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let mut rounds = Vec::new();
    for round in 0..2 {
        student.ask_all(&attempts(round), 8)?;
        let metrics = student.metrics()?;
        rounds.push(metrics.named(NAME).cloned().collect::<Vec<_>>());
    }
    let (first, second) = (&rounds[0], &rounds[1]);
    demand(!first.is_empty(), "no-metric", || {
        format!(
            "After {ROUND} attempts to log in, /metrics shows no `{NAME}`. The bomb is gone, and so is the answer to \"can people log in?\""
        )
    })?;
    if second.len() > first.len() {
        return Err(grown(first, second));
    }
    demand(second.len() <= MOST_SERIES, "too-many-series", || {
        format!(
            "`{NAME}` does not grow any more, but it has {} series:\n\n{}\n\nWhich question do \
             they answer that three would not?",
            second.len(),
            listed(second)
        )
    })?;
    let total = sum(second, &[]);
    demand(total == (2 * ROUND) as f64, "other-total", || {
        format!(
            "{} attempts were made, and `{NAME}` counts {total}. Which are missing?",
            2 * ROUND
        )
    })?;
    let mut results: BTreeMap<&str, f64> = BTreeMap::new();
    for sample in second {
        let result = sample.labels.get("result").map_or("", String::as_str);
        *results.entry(result).or_default() += sample.value;
    }
    let mut counts: Vec<_> = results.values().copied().filter(|n| *n > 0.0).collect();
    counts.sort_by(f64::total_cmp);
    let wanted = [UNKNOWN, WRONG, RIGHT].map(|n| (2 * n) as f64);
    demand(counts == wanted, "tells-too-little", || {
        format!(
            "{} attempts succeeded, {} had a wrong password, {} a user that does not exist. By \
             the label `result` it reads:\n\n{}\n\nCan whoever is woken tell the three apart?",
            2 * RIGHT,
            2 * WRONG,
            2 * UNKNOWN,
            listed(second)
        )
    })
}

fn attempts(round: usize) -> Vec<(&'static str, String, u16)> {
    let attempt = |n: usize, name: &str, right: bool, status: u16| {
        let number = round * ROUND + n;
        let path = format!("/login/{name}-{number}?right={right}&client=agent-{number}/1.0");
        ("POST", path, status)
    };
    (0..ROUND)
        .map(|n| match n {
            n if n < RIGHT => attempt(n, "user", true, 200),
            n if n < RIGHT + WRONG => attempt(n, "user", false, 403),
            n => attempt(n, "nobody", true, 404),
        })
        .collect()
}

// Names what the series grow with, by what stands in the label that grew most.
fn grown(first: &[Sample], second: &[Sample]) -> Finding {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in second {
        for (label, value) in &sample.labels {
            values.entry(label).or_default().insert(value);
        }
    }
    let most = values.iter().max_by_key(|(_, values)| values.len());
    let (label, example) = most.map_or(("", ""), |(label, values)| {
        (*label, values.last().copied().unwrap_or_default())
    });
    let id = if example.contains(' ') {
        "grows-with-texts"
    } else if example.contains("agent-") {
        "grows-with-clients"
    } else {
        "grows-with-users"
    };
    Finding::new(
        id,
        format!(
            "{ROUND} attempts left {} series of `{NAME}`; another {ROUND} attempts, and there were \
             {}. The label `{label}` has {} values, such as {example:?}. Who decides which values \
             it may have?",
            first.len(),
            second.len(),
            most.map_or(0, |(_, values)| values.len())
        ),
    )
}
