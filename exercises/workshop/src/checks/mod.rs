//! What each exercise demands, one exercise a file.
//!
//! A check drives traffic whose numbers it knows and compares exactly. It
//! returns the first thing that is wrong, the most telling first. Names count
//! only where the exercise's text fixes them.

pub mod buckets;
pub mod capstone;
pub mod cardinality;
pub mod dashboard;
pub mod errors;
pub mod latency;
pub mod loops;
pub mod processes;
pub mod promql;
pub mod questions;
pub mod recover;
pub mod rules;
pub mod saturation;
pub mod scrape;
pub mod three_runs;
pub mod traffic;
pub mod training;

use std::collections::BTreeMap;

use crate::exposition::{Exposition, Sample};

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

/// The sum over the series that have these labels.
fn sum(series: &[Sample], labels: &[(&str, &str)]) -> f64 {
    series
        .iter()
        .filter(|sample| sample.has(labels))
        .map(|sample| sample.value)
        .sum()
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
