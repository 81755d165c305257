//! Exercise 2: `http_request_duration_seconds` is a histogram of what every
//! request took, in seconds, with buckets that can tell these delays apart.

use std::path::Path;

use super::{increases, listed, of_clients, sum};
use crate::exposition::Exposition;
use crate::finding::{Judgement, ensure};
use crate::student::Student;

const NAME: &str = "http_request_duration_seconds";

// Delays asked for, in milliseconds, and how often.
const DELAYS: [(usize, usize); 4] = [(15, 20), (40, 20), (120, 20), (400, 10)];
const FAILED: usize = 10;
const POSTED: usize = 3;
const UNKNOWN: usize = 6;
const LATE: usize = 2;

// What the exercise's text says of the service, in seconds.
const MIN_DELAY: f64 = 0.01;
const PROMISE: f64 = 0.5;
const DEADLINE: f64 = 1.0;
// Neighbouring bounds further apart than this make a quantile a guess.
const MAX_FACTOR: f64 = 2.5;
// Each bucket is a series, for each set of labels.
const MAX_BUCKETS: usize = 30;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let before = student.metrics()?;
    let mut requests = Vec::new();
    requests.extend((0..LATE).map(|_| ("GET", "/random?delay_ms=30000".to_owned(), 504)));
    for (delay, times) in DELAYS {
        let path = |n| format!("/random?delay_ms={delay}&user={n}");
        requests.extend((0..times).map(|n| ("GET", path(n), 200)));
    }
    let delayed = requests.len() - LATE;
    requests.extend((0..FAILED).map(|n| ("GET", format!("/random/user-{n}?fail=503"), 503)));
    requests.extend((0..POSTED).map(|n| ("POST", format!("/random/user-{n}"), 405)));
    requests.extend((0..UNKNOWN).map(|n| ("GET", format!("/scan/{n}.php"), 404)));
    student.ask_all(&requests, 20)?;
    let after = student.metrics()?;

    exists(&after)?;
    let counts = increases(&format!("{NAME}_count"), &before, &after);
    let sums = increases(&format!("{NAME}_sum"), &before, &after);
    labels(&counts)?;
    counted(&counts, requests.len(), delayed)?;
    routes(&counts, delayed)?;
    let asked: usize = DELAYS.iter().map(|(delay, times)| delay * times).sum();
    let asked = asked + LATE * (1000.0 * DEADLINE) as usize;
    unit(sum(&sums, &[]), asked as f64 / 1000.0)?;
    buckets(&before, &after)?;
    let risen = increases(&format!("{NAME}_bucket"), &before, &after);
    let within = sum(&risen, &[("le", "0.5")]);
    let sent = requests.len();
    ensure(within <= (sent - LATE) as f64, "cut-off", || {
        format!(
            "{LATE} of {sent} requests had to wait for the deadline of {DEADLINE} s, and by your \
             buckets {within} took at most {PROMISE} s. What became of the time of the slow ones?"
        )
    })
}

fn exists(after: &Exposition) -> Judgement {
    let others: Vec<_> = after
        .types
        .keys()
        .filter(|name| name.contains("duration") || name.contains("latency"))
        .map(String::as_str)
        .collect();
    let kind = after.types.get(NAME);
    ensure(kind.is_some() || others.is_empty(), "other-name", || {
        format!(
            "/metrics shows no `{NAME}`, but it shows: {}. Is it the name asked for, with the \
             base unit in it?",
            others.join(", ")
        )
    })?;
    ensure(kind.is_some(), "no-metric", || {
        format!(
            "After some requests /metrics shows no `{NAME}`. Whether they took a millisecond or a \
             minute, nobody could say."
        )
    })?;
    ensure(
        kind.is_some_and(|kind| kind == "histogram"),
        "not-a-histogram",
        || {
            format!(
                "`{NAME}` is there, but it is a {}. Can anybody compute from it how many requests \
                 took longer than {PROMISE} s?",
                kind.map_or("", String::as_str)
            )
        },
    )
}

fn labels(counts: &[crate::exposition::Sample]) -> Judgement {
    of_clients(counts)?;
    for label in ["method", "route", "outcome"] {
        let everywhere = counts.iter().all(|one| one.labels.contains_key(label));
        ensure(everywhere, "no-label", || {
            format!(
                "There are histograms without the label `{label}`:\n\n{}",
                listed(counts)
            )
        })?;
    }
    Ok(())
}

fn counted(counts: &[crate::exposition::Sample], all: usize, fine: usize) -> Judgement {
    let counted = sum(counts, &[]);
    ensure(counted != fine as f64, "only-success", || {
        format!(
            "Of {all} requests, {fine} were answered with 200, and {counted} were measured. What \
             of the time that the others took?"
        )
    })?;
    ensure(counted == all as f64, "other-total", || {
        format!(
            "After {all} requests `{NAME}_count` had risen by {counted} in all:\n\n{}",
            listed(counts)
        )
    })
}

// By method and route, as in exercise 1; what the outcomes should be is exercise 3.
fn routes(counts: &[crate::exposition::Sample], delayed: usize) -> Judgement {
    let unmatched = sum(counts, &[("route", "unmatched")]);
    ensure(unmatched == UNKNOWN as f64, "unmatched-has-no-name", || {
        format!(
            "{UNKNOWN} requests went to paths that do not exist, and \
             `{NAME}_count{{route=\"unmatched\"}}` rose by {unmatched}. What rose was:\n\n{}\n\nWhich \
             route does exercise 1 give to them?",
            listed(counts)
        )
    })?;
    for (method, route, sent) in [
        ("GET", "/random", delayed + LATE),
        ("GET", "/random/{name}", FAILED),
        ("POST", "/random/{name}", POSTED),
        ("GET", "unmatched", UNKNOWN),
    ] {
        let rose = sum(counts, &[("method", method), ("route", route)]);
        ensure(rose == sent as f64, "wrong-labels", || {
            format!(
                "{sent} requests `{method}` had the route {route}, but \
                 `{NAME}_count{{method=\"{method}\",route=\"{route}\"}}` rose by {rose}. What rose \
                 was:\n\n{}",
                listed(counts)
            )
        })?;
    }
    Ok(())
}

fn unit(measured: f64, asked: f64) -> Judgement {
    ensure(measured < asked * 300.0, "unit", || {
        format!(
            "The requests were asked to take {asked} s in all, and `{NAME}_sum` rose by \
             {measured:.0}. Which unit does the name promise, and which was observed?"
        )
    })?;
    ensure(measured != measured.trunc(), "whole-seconds", || {
        format!(
            "The requests took between 1 and 1000 ms, {asked} s in all. `{NAME}_sum` rose by \
             exactly {measured}. What became of the fractions?"
        )
    })?;
    ensure(measured >= asked * 0.9, "timed-too-little", || {
        format!(
            "The requests were asked to take {asked} s in all, but `{NAME}_sum` rose by only \
             {measured:.6}. What lies between the moment the clock is started and the moment it is read?"
        )
    })
}

fn buckets(before: &Exposition, after: &Exposition) -> Judgement {
    let bounds: Vec<_> = after
        .bounds(NAME)
        .into_iter()
        .filter(|bound| bound.is_finite())
        .collect();
    let shown = || format!("{bounds:?}");
    let risen = increases(&format!("{NAME}_bucket"), before, after);
    // Every request of 15 to 400 ms is below the first bound, or above the last.
    let lowest = bounds.first().copied().unwrap_or(f64::INFINITY);
    let highest = bounds.last().copied().unwrap_or(0.0);
    ensure(lowest < 0.4 && highest > 0.015, "one-bucket", || {
        let first = risen
            .iter()
            .find(|sample| sample.has(&[("route", "/random")]));
        format!(
            "Requests of 15, 40, 120 and 400 ms were sent, and all fell into one bucket. \
                 Your bounds are {} s{}. Between which times do your requests lie?",
            shown(),
            first.map_or(String::new(), |sample| format!(
                ", and `{sample}` rose by {}",
                sample.value
            ))
        )
    })?;
    ensure(bounds.len() <= MAX_BUCKETS, "too-many-buckets", || {
        format!(
            "Your histogram has {} buckets. Each is a series of its own for every method, route \
             and outcome: {} series after these few requests. How few would tell you as much?",
            bounds.len(),
            after.series(&format!("{NAME}_bucket"), &[])
        )
    })?;
    ensure(bounds.contains(&PROMISE), "no-bound-at-promise", || {
        format!(
            "The service promises answers within {PROMISE} s. From buckets with the bounds {} s \
             nobody can count exactly how many requests kept the promise. Which bound would let \
             them?",
            shown()
        )
    })?;
    ensure(
        lowest <= 2.0 * MIN_DELAY && highest >= DEADLINE,
        "buckets-end-early",
        || {
            format!(
                "The service's answers take between {MIN_DELAY} and {DEADLINE} s; your bounds go \
                 from {lowest} to {highest} s. What will a quantile say of those outside?"
            )
        },
    )?;
    let wide = bounds
        .windows(2)
        .find(|pair| pair[0] < DEADLINE && pair[1] > MIN_DELAY && pair[1] / pair[0] > MAX_FACTOR);
    ensure(wide.is_none(), "coarse-buckets", || {
        let (low, high) = wide.map_or((0.0, 0.0), |pair| (pair[0], pair[1]));
        format!(
            "Between your bounds {low} and {high} s there is nothing. If a quantile lies there, \
             it may be wrong by a factor of {:.1}. Is that good enough?",
            high / low
        )
    })
}
