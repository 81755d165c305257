//! Exercise 1: `http_requests_total` counts every request once, by labels that
//! no client can multiply.

use std::path::Path;

use super::{count, increases, listed, of_clients, sum};
use crate::exposition::Exposition;
use crate::finding::{Finding, Judgement, ensure};
use crate::student::Student;

const NAME: &str = "http_requests_total";

// What is sent, by kind.
const FINE: usize = 60;
const FAILED: usize = 7;
const POSTED: usize = 5;
const NAMED: usize = 12;
const HEADS: usize = 4;
const UNKNOWN: usize = 25;
const LATE: usize = 3;
const BUT_HEADS: usize = FINE + FAILED + POSTED + NAMED + UNKNOWN + LATE;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    judge(program, HEADS)
}

/// The same of a service that counts a request when its answer's body has ended: that of an
/// answer to HEAD is dropped, and whether it has ended then the page leaves open.
///
/// # Errors
///
/// The first finding.
pub(super) fn check_without_heads(program: &Path) -> Judgement {
    judge(program, 0)
}

fn judge(program: &Path, heads: usize) -> Judgement {
    let all = BUT_HEADS + heads;
    let student = Student::start(program)?;
    let before = student.metrics()?;
    let mut requests = Vec::new();
    let named = |kind: &str, n: usize, query: &str| format!("/random/user-{kind}{n}?{query}");
    // The late ones first: others are sent while they wait for the deadline. Every kind of
    // request has paths of its own making.
    requests.extend((0..LATE).map(|n| ("GET", named("late", n, "delay_ms=30000"), 504)));
    requests.extend((0..FINE).map(|n| ("GET", format!("/random?delay_ms=1&user={n}"), 200)));
    requests.extend((0..FAILED).map(|n| ("GET", named("failed", n, "fail=500"), 500)));
    requests.extend((0..POSTED).map(|n| ("POST", named("posted", n, ""), 405)));
    requests.extend((0..NAMED).map(|n| ("GET", named("", n, "delay_ms=0"), 200)));
    requests.extend((0..heads).map(|n| ("HEAD", named("head", n, "delay_ms=0"), 200)));
    requests.extend((0..UNKNOWN).map(|n| ("GET", format!("/scan/{n}.php"), 404)));
    student.ask_all(&requests, 8)?;
    let after = student.metrics()?;

    exists(&after, all)?;
    let series = increases(NAME, &before, &after);
    ensure(!series.is_empty(), "never-counted", || {
        format!(
            "After {all} requests no series of `{NAME}` had risen. Is what you count in the same thing as what you registered?"
        )
    })?;
    of_clients(&series)?;
    for label in ["method", "route", "status"] {
        ensure(
            series
                .iter()
                .all(|sample| sample.labels.contains_key(label)),
            "no-label",
            || {
                format!(
                    "There are series without the label `{label}`:\n\n{}",
                    listed(&series)
                )
            },
        )?;
    }
    let total = sum(&series, &[]);
    let failed = sum(&series, &[("status", "500")]);
    let elsewhere = total == all as f64 && failed == 0.0;
    ensure(!elsewhere, "other-status", || {
        format!(
            "{FAILED} requests were answered with 500. They are counted, but not as \
             `status=\"500\"`. What rose was:\n\n{}\n\nWhat does the answer itself say that its \
             status is, to the digit?",
            listed(&series)
        )
    })?;
    ensure(failed > 0.0, "only-success", || {
        format!(
            "After {all} requests, {FAILED} of them answered with 500, \
             `{NAME}{{status=\"500\"}}` was 0. Is every answer counted, whatever it is?"
        )
    })?;
    ensure(total != 2.0 * all as f64, "twice", || {
        format!(
            "After {all} requests the series had risen by {total} in all. Is there more than one place where a request is counted?"
        )
    })?;
    ensure(total == all as f64, "other-total", || {
        format!(
            "After {all} requests the series had risen by {total} in all:\n\n{}\n\nWhich are \
             missing, or too many?",
            listed(&series)
        )
    })?;
    let mixed = sum(&series, &[("route", "/random"), ("status", "404")]);
    ensure(mixed == 0.0, "unmatched-mixed", || {
        format!(
            "{UNKNOWN} requests went to paths that do not exist, and `route=\"/random\"` shows {mixed} answers with 404. Which route did those requests really take?"
        )
    })?;
    let unmatched = sum(&series, &[("route", "unmatched"), ("status", "404")]);
    ensure(unmatched == UNKNOWN as f64, "unmatched-has-no-name", || {
        let lost: Vec<_> = series
            .iter()
            .filter(|one| one.has(&[("status", "404")]))
            .cloned()
            .collect();
        format!(
            "{UNKNOWN} requests went to paths that do not exist, and `{NAME}{{route=\"unmatched\"}}` \
             rose by {unmatched}. They are counted as\n\n{}\n\nWhich route does the page give to \
             them? (To Prometheus a label that is empty is no label at all.)",
            listed(&lost)
        )
    })?;
    for (method, route, status, sent) in [
        ("GET", "/random", "200", FINE),
        ("GET", "/random/{name}", "500", FAILED),
        ("GET", "/random/{name}", "504", LATE),
        ("POST", "/random/{name}", "405", POSTED),
        ("GET", "/random/{name}", "200", NAMED),
        ("HEAD", "/random/{name}", "200", heads),
    ] {
        let rose = sum(
            &series,
            &[("method", method), ("route", route), ("status", status)],
        );
        ensure(rose == sent as f64, "wrong-labels", || {
            format!(
                "{sent} requests `{method} {route}` were answered with {status}, but \
                 `{NAME}{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}` rose by \
                 {rose}. What rose was:\n\n{}",
                listed(&series)
            )
        })?;
    }
    ensure(
        count(&series, &[("status", "404")]) == 1,
        "wrong-labels",
        || {
            format!(
                "Requests to unknown paths should make one series. They made:\n\n{}",
                listed(&series)
            )
        },
    )
}

fn exists(after: &Exposition, all: usize) -> Judgement {
    if after.series(NAME, &[]) > 0 {
        let kind = after
            .types
            .get("http_requests")
            .or_else(|| after.types.get(NAME));
        return ensure(
            kind.is_some_and(|kind| kind == "counter"),
            "not-a-counter",
            || {
                format!(
                    "`{NAME}` is there, but /metrics says that it is a {}. Which of the four types \
                 only ever goes up, so that Prometheus can see restarts?",
                    kind.map_or("metric of no known type", String::as_str)
                )
            },
        );
    }
    if after.series("http_requests_total_total", &[]) > 0 || after.types.contains_key(NAME) {
        return Err(Finding::new(
            "double-total",
            "/metrics shows `http_requests_total_total`. Who adds `_total`?",
        ));
    }
    let others: Vec<_> = after
        .types
        .keys()
        .filter(|name| {
            name.contains("request") && !name.contains("duration") && !name.contains("in_flight")
        })
        .map(String::as_str)
        .collect();
    ensure(others.is_empty(), "other-name", || {
        format!(
            "/metrics shows no `{NAME}`, but it shows: {}. Dashboards and rules find a metric by its name: is it the one asked for?",
            others.join(", ")
        )
    })?;
    Err(Finding::new(
        "no-metric",
        format!(
            "After {all} requests /metrics shows no `{NAME}`. A metric shows only if the registry was told of it, and a family only once a series in it was touched: is either missing, or are the two not the same thing?"
        ),
    ))
}
