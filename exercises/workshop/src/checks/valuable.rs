//! Exercise 23, the open task: three metrics of the student's choice, each with the failure that it
//! would show. Every failure is injected, and what has moved is told: nothing else decides whether
//! a metric is valuable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::increases;
use crate::exposition::{Exposition, Sample};
use crate::finding::{Finding, Judgement, ensure};
use crate::http;
use crate::student::Student;

const FAILURES: [&str; 6] = ["absent", "fraction", "missing", "slow", "stale", "stuck"];
const ASKED: usize = 3;

// Requests before and after something fails; the same both times.
const REQUESTS: usize = 120;
const AT_ONCE: usize = 4;
// By what share of itself a number must change, and of all that was observed how much must be on
// the other side of a bound.
const MOVES_BY: f64 = 0.5;
const MOVES_ACROSS: f64 = 0.2;

/// A metric, and the failure that it shows.
type Declared = (String, String);

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Result<Option<String>, Finding> {
    let declared = declared(&Student::start(program)?)?;
    let calm = moved(program, "", &declared)?;
    let mut moves = BTreeMap::new();
    for failure in FAILURES {
        moves.insert(failure, moved(program, failure, &declared)?);
    }
    let mut table = format!("{:<40} calm", "");
    for failure in FAILURES {
        let _ = write!(table, " {failure}");
    }
    for (at, (metric, _)) in declared.iter().enumerate() {
        let mark = |is: bool| if is { "moves" } else { "-" };
        let _ = write!(table, "\n{metric:<40} {:<4}", mark(calm[at]));
        for failure in FAILURES {
            let width = failure.len();
            let _ = write!(table, " {:<width$}", mark(moves[failure][at]));
        }
    }
    for (at, (metric, failure)) in declared.iter().enumerate() {
        ensure(!calm[at], "moves-in-calm", || {
            format!(
                "The same {REQUESTS} requests came twice, and nothing failed. `{metric}` moved all the same. How often \
                 would it wake somebody?\n\n{table}"
            )
        })?;
        ensure(moves[failure.as_str()][at], "does-not-move", || {
            format!(
                "The same {REQUESTS} requests came twice, and the second time the service failed: `{failure}`. \
                 `{metric}` did not move. What is otherwise then, and where is it known?\n\n{table}"
            )
        })?;
    }
    let unseen: Vec<_> = FAILURES
        .into_iter()
        .filter(|failure| !moves[failure].contains(&true))
        .collect();
    Ok(Some(format!(
        "Each of your metrics shows its failure:\n\n{table}\n\n{}",
        if unseen.is_empty() {
            "Nothing that was injected goes unseen.".to_owned()
        } else {
            format!("Nobody would see: {}.", unseen.join(", "))
        }
    )))
}

fn declared(student: &Student) -> Result<Vec<Declared>, Finding> {
    let said = student.ask("GET", "/valuable")?.body;
    let said: Value = serde_json::from_str(&said).unwrap_or_default();
    let pairs = said.as_array().into_iter().flatten().map(|pair| {
        let word = |at: usize| pair[at].as_str().unwrap_or_default().trim().to_owned();
        (word(0), word(1))
    });
    let declared: Vec<_> = pairs.collect();
    ensure(declared.len() >= ASKED, "not-three", || {
        format!(
            "`VALUABLE` declares {} metrics, and {ASKED} are asked for. Of a model that answers 200 whatever happens, \
             what would you want to know?",
            declared.len()
        )
    })?;
    for (metric, failure) in &declared {
        ensure(
            FAILURES.contains(&failure.as_str()),
            "no-such-failure",
            || {
                format!(
                    "`{metric}` is to show `{failure}`. The service fails in six ways: {}.",
                    FAILURES.join(", ")
                )
            },
        )?;
    }
    let different = |words: BTreeSet<&String>| words.len() >= ASKED;
    ensure(
        different(declared.iter().map(|one| &one.1).collect()),
        "same-failure",
        || {
            format!(
                "{ASKED} metrics are to show {ASKED} different failures. What of the other ways to fail?"
            )
        },
    )?;
    ensure(
        different(declared.iter().map(|one| &one.0).collect()),
        "same-metric",
        || {
            "One metric is declared for several failures. If it moves, which of them is it?"
                .to_owned()
        },
    )?;
    Ok(declared)
}

// Whether each of the metrics moved when this failed.
fn moved(program: &Path, failure: &str, declared: &[Declared]) -> Result<Vec<bool>, Finding> {
    let student = Student::start(program)?;
    let start = student.metrics()?;
    ask(&student)?;
    let before = student.metrics()?;
    if !failure.is_empty() {
        let path = format!("/fail?how={failure}");
        let status = student.ask("POST", &path)?.status;
        ensure(status == 200, "other-answer", || {
            format!("`POST {path}` was answered with {status}. Without it nothing can be tried.")
        })?;
    }
    ask(&student)?;
    let after = student.metrics()?;
    let moved = declared.iter().map(|(metric, _)| {
        let metric = metric.as_str();
        let name = metric.split('{').next().unwrap_or(metric);
        let labels = crate::exposition::labels(&metric[name.len()..]);
        let (labels, _) = labels.unwrap_or_default();
        let of = |sample: &Sample| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(label) == Some(value))
        };
        let told = |exposition: &Exposition| Exposition {
            samples: exposition
                .samples
                .iter()
                .filter(|one| of(one))
                .cloned()
                .collect(),
            types: exposition.types.clone(),
        };
        has_moved(name, [&told(&start), &told(&before), &told(&after)])
    });
    moved.collect()
}

fn ask(student: &Student) -> Judgement {
    let path = |number: usize| {
        // Wines from 8.5 to 14.45 percent, in no order, none like its neighbour.
        let alcohol = 8.5 + (number * 47 % REQUESTS) as f64 / 20.0;
        let sulphates = 0.4 + (number * 31 % REQUESTS) as f64 / 200.0;
        format!("/predict?alcohol={alcohol}&sulphates={sulphates}")
    };
    let requests: Vec<_> = (0..REQUESTS).map(|number| ("GET", path(number))).collect();
    for answer in http::all(student.address(), &requests, AT_ONCE) {
        let status = answer.map(|answer| answer.status);
        ensure(matches!(status, Ok(200)), "other-answer", || {
            format!(
                "`GET {}` got {status:?}. However it fails, it answers with 200: that is what makes it hard to see.",
                path(0)
            )
        })?;
    }
    Ok(())
}

fn has_moved(name: &str, [start, before, after]: [&Exposition; 3]) -> Result<bool, Finding> {
    let family = ["_total", "_bucket", "_count", "_sum"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix));
    let kind = [Some(name), family]
        .into_iter()
        .flatten()
        .find_map(|family| Some((family, after.types.get(family)?.as_str())));
    let exists = after.samples.iter().any(|one| one.name.starts_with(name));
    let Some((family, kind)) = kind.filter(|_| exists) else {
        return Err(Finding::new(
            "no-such-metric",
            format!(
                "`{name}` is declared as valuable, and /metrics does not show it. It shows: {}.",
                after.types.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        ));
    };
    Ok(match kind {
        "histogram" if name == family || name.ends_with("_bucket") => {
            let bucket = format!("{family}_bucket");
            let count = format!("{family}_count");
            let of = |name: &str| rises(name, start, before, after);
            far_apart(&of(&bucket)) || differ(&of(&count))
        }
        "gauge" | "unknown" => {
            let values = |page: &Exposition| -> BTreeMap<_, _> {
                let series = page.named(name);
                series.map(|one| (one.labels.clone(), one.value)).collect()
            };
            differ(&paired(&values(before), &values(after)))
        }
        // A counter is called without its suffix as well.
        _ => {
            let total = format!("{family}_total");
            let is_short = kind == "counter" && name == family;
            differ(&rises(
                if is_short { &total } else { name },
                start,
                before,
                after,
            ))
        }
    })
}

/// The same series' values before and after, by labels.
type Pairs = BTreeMap<BTreeMap<String, String>, [f64; 2]>;

fn paired(
    before: &BTreeMap<BTreeMap<String, String>, f64>,
    after: &BTreeMap<BTreeMap<String, String>, f64>,
) -> Pairs {
    let labels = before.keys().chain(after.keys()).cloned();
    labels
        .map(|labels| {
            let pair = [before, after].map(|of| of.get(&labels).copied().unwrap_or(0.0));
            (labels, pair)
        })
        .collect()
}

// By how much each series has risen by the first requests, and by the second.
fn rises(name: &str, start: &Exposition, before: &Exposition, after: &Exposition) -> Pairs {
    let risen = |from: &Exposition, to: &Exposition| -> BTreeMap<_, _> {
        let series = increases(name, from, to).into_iter();
        series.map(|one| (one.labels, one.value)).collect()
    };
    paired(&risen(start, before), &risen(before, after))
}

fn differ(pairs: &Pairs) -> bool {
    pairs.values().any(|[a, b]| {
        let apart = (a - b).abs();
        apart > 0.0 && apart >= MOVES_BY * a.abs().max(b.abs()) || a.is_nan() != b.is_nan()
    })
}

// The greatest difference between the shares up to a bound, over all labels but the bound.
fn far_apart(buckets: &Pairs) -> bool {
    let (mut up_to, mut all) = (BTreeMap::new(), [0.0; 2]);
    for (labels, [a, b]) in buckets {
        let le = labels.get("le").map_or("", String::as_str);
        let sums = up_to.entry(le).or_insert([0.0; 2]);
        *sums = [sums[0] + a, sums[1] + b];
    }
    if let Some(sums) = up_to.get("+Inf") {
        all = *sums;
    }
    up_to.values().any(|[a, b]| {
        let apart = (a / all[0] - b / all[1]).abs();
        apart > MOVES_ACROSS
    })
}
