//! What each exercise demands, one exercise a file.
//!
//! A check drives traffic whose numbers it knows and compares exactly. It
//! returns the first thing that is wrong, the most telling first. Names count
//! only where the exercise's text fixes them.

pub mod ailing;
pub mod answers;
pub mod buckets;
pub mod capstone;
pub mod cardinality;
pub mod dashboard;
pub mod errors;
pub mod late_truth;
pub mod latency;
pub mod loops;
pub mod processes;
pub mod promql;
pub mod questions;
pub mod recover;
pub mod rules;
pub mod saturation;
pub mod scrape;
pub mod shifted;
pub mod three_runs;
pub mod traffic;
pub mod training;
pub mod valuable;

use std::collections::{BTreeMap, BTreeSet};

use crate::exposition::{Exposition, Sample};
use crate::finding::{Finding, Judgement, ensure};

/// By how much each series of this name has risen; those that have not are left out.
fn increases(name: &str, before: &Exposition, after: &Exposition) -> Vec<Sample> {
    let base: BTreeMap<_, _> = before
        .named(name)
        .map(|sample| (&sample.labels, sample.value))
        .collect();
    after
        .named(name)
        .filter_map(|sample| {
            let value = sample.value - base.get(&sample.labels).unwrap_or(&0.0);
            (value != 0.0).then(|| Sample {
                value,
                ..sample.clone()
            })
        })
        .collect()
}

/// The series of this name that were not there the first time.
fn new_series<'a>(name: &str, first: &Exposition, second: &'a Exposition) -> Vec<&'a Sample> {
    let known: BTreeSet<_> = first.named(name).map(|one| &one.labels).collect();
    let all = second.samples.iter().filter(|one| one.name == name);
    all.filter(|one| !known.contains(&one.labels)).collect()
}

/// The sum over the series that have these labels.
fn sum(series: &[Sample], labels: &[(&str, &str)]) -> f64 {
    series
        .iter()
        .filter(|sample| sample.has(labels))
        .map(|sample| sample.value)
        // Of nothing it is 0, and not -0 as that of an empty iterator.
        .fold(0.0, |sum, value| sum + value)
}

/// The first series with a label that clients fill in: by headers, by queries, by paths.
fn of_clients(series: &[Sample]) -> Judgement {
    let by = |has: &dyn Fn(&str) -> bool| -> Vec<Sample> {
        let labelled = |sample: &&Sample| sample.labels.values().any(|value| has(value));
        series.iter().filter(labelled).cloned().collect()
    };
    let of_headers = by(&|value| value.contains(crate::http::CLIENT));
    ensure(of_headers.is_empty(), "client-decides-label", || {
        format!(
            "Every client sent a name of its own in its headers, and that made {} series:\n\n{}\n\n\
             Who decides how many there will be after a week?",
            of_headers.len(),
            listed(&of_headers)
        )
    })?;
    let of_queries = by(&|value| value.contains('?'));
    ensure(of_queries.is_empty(), "raw-query", || {
        format!(
            "What stands behind the `?` of a request has become a label:\n\n{}\n\nHow many different \
             ones can clients think of?",
            listed(&of_queries)
        )
    })?;
    let of_paths = by(&|value| value.contains("/scan/") || value.contains("user-"));
    ensure(of_paths.is_empty(), "raw-path", || {
        format!(
            "Requests to made-up paths left {} series:\n\n{}\n\nWhat will a week of scanners leave? \
             What could stand for all those paths?",
            of_paths.len(),
            listed(&of_paths)
        )
    })
}

/// How many of the series have these labels.
fn count(series: &[Sample], labels: &[(&str, &str)]) -> usize {
    series.iter().filter(|sample| sample.has(labels)).count()
}

/// Series as text, one a line, not too many.
fn listed(series: &[Sample]) -> String {
    let mut text: Vec<_> = series
        .iter()
        .take(6)
        .map(|sample| format!("    {sample} {}", sample.value))
        .collect();
    if series.len() > 6 {
        text.push(format!("    … and {} more", series.len() - 6));
    }
    text.join("\n")
}

/// What is wrong with findings that depend on a name; that it is the name, if they are right
/// under the same name in other capitals. `command` is what had the name.
fn under_name(name: &str, command: &str, judge: impl Fn(&str) -> Judgement) -> Judgement {
    let Err(finding) = judge(name) else {
        return Ok(());
    };
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    let capital: String = first.chain(letters.flat_map(char::to_lowercase)).collect();
    let others = [name.to_lowercase(), capital, name.to_uppercase()];
    let other = others
        .iter()
        .find(|other| *other != name && judge(other).is_ok());
    Err(match other {
        Some(other) => Finding::new(
            "name-otherwise",
            format!(
                "Your findings are right for the name `{other}`, and question 1 says `{name}`: another \
                 name. Write it as you gave it to `cargo workshop {command}`."
            ),
        ),
        None => finding,
    })
}
