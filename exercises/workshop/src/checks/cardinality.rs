//! Exercise 14: the shop's metrics tell as much as they must, and their series
//! stay as few as they are, whatever clients send.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::new_series;
use crate::exposition::{Exposition, Sample};
use crate::finding::{Finding, Judgement, ensure};
use crate::student::Student;

// Requests of each kind in each of two rounds, all different from one another and
// from those of the other round.
const EACH: usize = 60;
// Of these, searches that find nothing, and orders that fail.
const UNFOUND: usize = EACH / 3;
const SOLD_OUT: usize = EACH / 6;

/// Labels and their values.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let methods: Vec<_> = (0..2 * EACH).map(|n| format!("BREW{n}")).collect();
    let (one, other) = methods.split_at(EACH);
    student.ask_all(&round(0, one), 12)?;
    let first = student.metrics()?;
    student.ask_all(&round(1, other), 12)?;
    let second = student.metrics()?;

    for (name, id) in [
        ("searches_total", "searches-grow"),
        ("orders_total", "orders-grow"),
        ("failures_total", "failures-grow"),
        ("http_requests_total", "requests-grow"),
    ] {
        ensure(second.series(name, &[]) > 0, "thrown-away", || {
            format!(
                "/metrics shows no `{name}` any more. A metric that is gone cannot explode, but \
                 who answers its question now?"
            )
        })?;
        let (before, after) = (first.sum(name, &[]), second.sum(name, &[]));
        ensure(after > before, "forgets", || {
            format!(
                "`sum({name})` was {before}; then came as many requests again, of the same kinds, \
                 and it was {after}. A counter only goes up: what became of what it had counted?"
            )
        })?;
        no_new_series(name, id, &first, &second)?;
    }
    // Whatever else is there.
    let names: BTreeSet<_> = second.samples.iter().map(|one| one.name.as_str()).collect();
    for name in names {
        no_new_series(name, "others-grow", &first, &second)?;
    }
    counts(&second)
}

// What the shop must still be able to say after both rounds.
fn counts(metrics: &Exposition) -> Judgement {
    let asked: &[(&str, Labels<'_>, usize)] = &[
        ("searches_total", &[], EACH),
        ("searches_total", &[("found", "true")], EACH - UNFOUND),
        ("searches_total", &[("found", "false")], UNFOUND),
        ("orders_total", &[], EACH - SOLD_OUT),
        ("failures_total", &[], EACH + SOLD_OUT),
        ("failures_total", &[("reason", "no such product")], EACH),
        ("failures_total", &[("reason", "out of stock")], SOLD_OUT),
        ("http_requests_total", &[], 5 * EACH),
        (
            "http_requests_total",
            &[("route", "/search"), ("method", "GET"), ("status", "200")],
            EACH,
        ),
        (
            "http_requests_total",
            &[("route", "/search"), ("status", "405")],
            EACH,
        ),
        (
            "http_requests_total",
            &[("route", "/orders"), ("method", "POST"), ("status", "409")],
            SOLD_OUT,
        ),
        (
            "http_requests_total",
            &[("route", "/products/{id}"), ("status", "404")],
            EACH,
        ),
        (
            "http_requests_total",
            &[("route", "unmatched"), ("status", "404")],
            EACH,
        ),
    ];
    for (name, labels, each_round) in asked {
        let (shown, sent) = (metrics.sum(name, labels), 2 * each_round);
        ensure(shown == sent as f64, "wrong-count", || {
            let labels: Vec<_> = labels
                .iter()
                .map(|(label, value)| format!("{label}={value:?}"))
                .collect();
            format!(
                "Nothing grows any more, but `sum({name}{{{}}})` is {shown} after {sent} such \
                 requests. The page says what the shop must still be able to tell.",
                labels.join(",")
            )
        })?;
    }
    Ok(())
}

fn no_new_series(
    name: &str,
    id: &'static str,
    first: &Exposition,
    second: &Exposition,
) -> Judgement {
    let new = new_series(name, first, second);
    let Some(example) = new.first() else {
        return Ok(());
    };
    let label = widest(&new);
    Err(Finding::new(
        id,
        format!(
            "{all} requests left {before} series of `{name}`; {all} more, of the same kinds, and \
             there were {after}. The newest differ in the label `{label}`, such as\n\n    \
             {example}\n\nHow many will there be after a week, and who decides that?",
            all = 5 * EACH,
            before = first.series(name, &[]),
            after = second.series(name, &[]),
        ),
    ))
}

// The label with the most different values.
fn widest(series: &[&Sample]) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, value) in series.iter().flat_map(|one| &one.labels) {
        values.entry(label).or_default().insert(value);
    }
    let widest = values.into_iter().max_by_key(|(_, values)| values.len());
    widest.map_or(String::new(), |(label, _)| label.to_owned())
}

fn round(round: usize, methods: &[String]) -> Vec<(&str, String, u16)> {
    let mut requests = Vec::new();
    for (number, method) in methods.iter().enumerate() {
        // Different from its first letter on.
        let id = (round * EACH + number + 1) * 7919 % 100_003;
        let thing = if number < UNFOUND { "hats" } else { "shoes" };
        requests.push(("GET", format!("/search?q={id}-{thing}"), 200));
        // Every tenth product is sold out.
        let (product, status) = if number < SOLD_OUT {
            (10 * id, 409)
        } else {
            (10 * id + 1, 200)
        };
        let path = format!("/orders?customer={id}-smith&product={product}");
        requests.push(("POST", path, status));
        requests.push(("GET", format!("/products/{}", 10_000 + id), 404));
        requests.push(("GET", format!("/{id}.php"), 404));
        requests.push((method, "/search?q=shoes".to_owned(), 405));
    }
    requests
}
