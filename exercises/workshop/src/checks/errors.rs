//! Exercise 3: errors are told apart by whose fault they are, and their series
//! exist before the first of them.

use std::collections::BTreeSet;
use std::path::Path;

use super::{increases, listed, sum};
use crate::exposition::{Exposition, Sample};
use crate::finding::{Finding, Judgement, ensure};
use crate::student::Student;

const REQUESTS: &str = "http_requests_total";
const DURATIONS: &str = "http_request_duration_seconds";

// What is sent, by kind.
const FINE: usize = 40;
const FAILED: usize = 40;
const UNAVAILABLE: usize = 20;
const PANICKED: usize = 2;
const LATE: usize = 2;
const NOT_FOUND: usize = 10;
const POSTED: usize = 5;
// Of statuses that one does not think of first.
const GATEWAY: usize = 4;
const TOO_MANY: usize = 3;
const REDIRECTED: usize = 6;
// Statuses that one may expect, of all routes.
const MAX_STATUSES: usize = 12;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let before = student.metrics()?;
    let mut requests = Vec::new();
    // The late ones first: the others are sent while they wait.
    requests.extend((0..LATE).map(|_| ("GET", "/random?delay_ms=30000".to_owned(), 504)));
    requests.extend((0..FINE).map(|_| ("GET", "/random?delay_ms=30".to_owned(), 200)));
    requests.extend((0..FAILED).map(|_| ("GET", "/random?fail=500".to_owned(), 500)));
    requests.extend((0..UNAVAILABLE).map(|_| ("GET", "/random?fail=503".to_owned(), 503)));
    requests
        .extend((0..PANICKED).map(|_| ("GET", "/random?delay_ms=0&panic=true".to_owned(), 500)));
    requests.extend((0..NOT_FOUND).map(|_| ("GET", "/random?fail=404".to_owned(), 404)));
    requests.extend((0..POSTED).map(|_| ("POST", "/random".to_owned(), 405)));
    requests.extend((0..GATEWAY).map(|_| ("GET", "/random?fail=502".to_owned(), 502)));
    requests.extend((0..TOO_MANY).map(|_| ("GET", "/random?fail=429".to_owned(), 429)));
    requests.extend((0..REDIRECTED).map(|_| ("GET", "/random?fail=302".to_owned(), 302)));
    student.ask_all(&requests, 60)?;
    let after = student.metrics()?;

    for name in [REQUESTS.to_owned(), format!("{DURATIONS}_count")] {
        ensure(after.series(&name, &[]) > 0, "needs-1-and-2", || {
            format!(
                "This exercise builds on exercises 1 and 2, but /metrics shows no `{name}`. Do \
                 they pass?"
            )
        })?;
    }
    outcomes(&before, &after)?;
    starts_at_zero(&before)
}

fn outcomes(before: &Exposition, after: &Exposition) -> Judgement {
    let counts = increases(&format!("{DURATIONS}_count"), before, after);
    let sums = increases(&format!("{DURATIONS}_sum"), before, after);
    let of = |outcome: &str| sum(&counts, &[("outcome", outcome)]);
    let ours = FAILED + UNAVAILABLE + PANICKED + LATE + GATEWAY;
    let theirs = NOT_FOUND + POSTED + TOO_MANY;
    let fine = FINE + REDIRECTED;
    let all = fine + ours + theirs;

    let average = sum(&sums, &[("outcome", "success"), ("method", "GET")])
        / sum(&counts, &[("outcome", "success"), ("method", "GET")]);
    ensure(of("success") != all as f64, "all-success", || {
        format!(
            "{all} requests were sent; {FINE} of them were answered with 200, each after at least 30 ms. Your \
             histogram says `outcome=\"success\"` of all {all}, with {:.0} ms on average. What do \
             errors have to do in there?",
            1000.0 * average
        )
    })?;
    ensure(
        of("server_error") != (ours + theirs) as f64,
        "client-is-server",
        || {
            format!(
                "`outcome=\"server_error\"` rose by {}: that includes {theirs} requests answered \
                 with 404, 405 and 429. Should somebody be woken because a client asked for nonsense?",
                of("server_error")
            )
        },
    )?;
    ensure(
        of("server_error") != (FAILED + PANICKED) as f64,
        "only-500",
        || {
            format!(
                "{ours} requests were answered with 500, 503 or 504, and \
                 `outcome=\"server_error\"` rose by {}, as many as had 500. What of the others?",
                of("server_error")
            )
        },
    )?;
    ensure(
        of("success") != (fine + theirs) as f64,
        "client-is-success",
        || {
            format!(
                "`outcome=\"success\"` rose by {}, but only {fine} requests succeeded. The other {theirs} were answered with 404, 405 and 429. Did they succeed?",
                of("success")
            )
        },
    )?;
    let redirected = of("success") == FINE as f64
        && of("client_error") + of("server_error") == (ours + theirs + REDIRECTED) as f64;
    ensure(!redirected, "redirect-is-error", || {
        format!(
            "{REDIRECTED} requests were answered with 302, and they are among the errors. What rose \
             was:\n\n{}\n\nWho has done something wrong when a browser is sent to another page?",
            listed(&counts)
        )
    })?;
    for (outcome, sent) in [
        ("success", fine),
        ("client_error", theirs),
        ("server_error", ours),
    ] {
        ensure(of(outcome) == sent as f64, "wrong-outcome", || {
            format!(
                "{sent} requests should have the outcome {outcome}; it rose by {}. What rose \
                 was:\n\n{}",
                of(outcome),
                listed(&counts)
            )
        })?;
    }
    Ok(())
}

fn starts_at_zero(before: &Exposition) -> Judgement {
    let made: BTreeSet<_> = before
        .named(REQUESTS)
        .filter_map(|sample| sample.labels.get("status"))
        .collect();
    ensure(made.len() <= MAX_STATUSES, "made-in-advance", || {
        format!(
            "Right after the start `{REQUESTS}` had {} series, of {} different statuses. Which of \
             them do you know to come?",
            before.series(REQUESTS, &[]),
            made.len()
        )
    })?;
    let counts = format!("{DURATIONS}_count");
    let wanted = [
        (REQUESTS, "status", &["200", "500", "503", "504"][..]),
        (&counts, "outcome", &["success", "server_error"][..]),
    ];
    for (name, label, values) in wanted {
        for value in values {
            let labels = [("method", "GET"), ("route", "/random"), (label, *value)];
            let found: Vec<Sample> = before
                .named(name)
                .filter(|sample| sample.has(&labels))
                .cloned()
                .collect();
            let shown = format!("{name}{{method=\"GET\",route=\"/random\",{label}=\"{value}\"}}");
            let Some(sample) = found.first() else {
                return Err(Finding::new(
                    "absent-at-start",
                    format!(
                        "Right after the start there was no `{shown}`. When it first appears, it \
                         appears as 1, and Prometheus has never seen it as 0. By how much has it \
                         risen then?"
                    ),
                ));
            };
            ensure(sample.value == 0.0, "not-at-zero", || {
                format!(
                    "Right after the start, before any request, `{shown}` was {}.",
                    sample.value
                )
            })?;
        }
    }
    Ok(())
}
