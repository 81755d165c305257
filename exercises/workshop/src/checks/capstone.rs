//! The capstone: all that exercises 1 to 4 ask of the student's service, and
//! what the reference does beyond: bodies, clients that go away, panics,
//! deadlines, and which version is running.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::{errors, increases, latency, listed, saturation, traffic};
use crate::exposition::Exposition;
use crate::finding::{Finding, Judgement, ensure};
use crate::http;
use crate::student::Student;

const REQUESTS: &str = "http_requests_total";
const COUNTS: &str = "http_request_duration_seconds_count";
const SUMS: &str = "http_request_duration_seconds_sum";
const IN_FLIGHT: &str = "http_requests_in_flight";
const PANICS: &str = "http_request_panics_total";
const TIMEOUTS: &str = "http_request_timeouts_total";

// Of each kind.
const EACH: usize = 3;
// For what has ended to show in /metrics: many times what it takes.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

// Quick requests while nobody scrapes: clients, and requests of each; first those
// after which a service has all the memory that it needs.
const CLIENTS: usize = 4;
const WARM_UP: usize = 2000;
const MANY: usize = 8000;
// Bytes that it may grow by: 48 a request, less than one label kept as text.
const MAX_GROWTH: u64 = (CLIENTS * MANY * 48) as u64;

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    {
        let student = Student::start(program)?;
        let status = student.ask("GET", "/metrics")?.status;
        ensure(status == 200, "no-page", || {
            format!("`GET /metrics` was answered with {status}. Where would Prometheus look?")
        })?;
        let metrics = student.metrics()?;
        let scrapes = [("route", "/metrics")];
        let counted = metrics.sum(REQUESTS, &scrapes) + metrics.sum(COUNTS, &scrapes);
        ensure(counted == 0.0, "scrapes-counted", || {
            "Nobody but the checker looked at /metrics, and that shows in the service's own \
             traffic. How much traffic has a service that nobody uses?"
                .to_owned()
        })?;
    }
    traffic::check_without_heads(program)?;
    latency::check(program)?;
    errors::check(program)?;
    saturation::check(program)?;

    let student = Student::start(program)?;
    start(&student.metrics()?)?;
    lengths(&student)?;
    methods(&student)?;
    bodies(&student)?;
    gone(&student)?;
    cut_off(&student)?;
    without_the_handlers_will(&student)?;
    unseen(&student)
}

// What is kept for each request until somebody looks is kept for ever if nobody
// does. Seen where the system tells how much memory a process has.
fn unseen(student: &Student) -> Judgement {
    let quick = |each: usize| -> Judgement {
        let path = "/random?fail=503";
        http::stream(student.address(), path, CLIENTS, each).map_err(|error| {
            Finding::new(
                "no-answer",
                format!("`GET {path}`, many times over one connection: {error}."),
            )
        })
    };
    quick(WARM_UP)?;
    let Some(before) = student.resident() else {
        return Ok(());
    };
    quick(MANY)?;
    let grown = student.resident().unwrap_or(before).saturating_sub(before);
    ensure(grown <= MAX_GROWTH, "grows-unseen", || {
        format!(
            "Nobody looked at /metrics, {} requests came, and the process grew by {:.1} MB: {} \
             bytes for each request. A histogram is a handful of numbers. What is kept besides, \
             and what becomes of it while Prometheus is away?",
            CLIENTS * MANY,
            grown as f64 / 1e6,
            grown as usize / (CLIENTS * MANY)
        )
    })
}

// Before any request.
fn start(metrics: &Exposition) -> Judgement {
    for name in [IN_FLIGHT, PANICS, TIMEOUTS] {
        ensure(metrics.series(name, &[]) > 0, "absent-at-start", || {
            format!(
                "Right after the start there was no `{name}`. By how much will it have risen when it first appears?"
            )
        })?;
    }
    let build: Vec<_> = metrics.named("build_info").cloned().collect();
    let has_version = |one: &crate::exposition::Sample| {
        let version = one.labels.get("version");
        version.is_some_and(|version| version.chars().any(char::is_alphanumeric))
    };
    let versioned = build.iter().any(|one| one.value == 1.0 && has_version(one));
    ensure(versioned, "no-build-info", || {
        format!(
            "/metrics shows no `build_info` of value 1 that says in its label `version` which it is{}. It has been \
             slower since noon, and at noon something was deployed: what?",
            if build.is_empty() {
                String::new()
            } else {
                format!(", but:\n\n{}\n\n", listed(&build))
            }
        )
    })
}

// Measuring must not change the answers: one that is ready says how long it is.
fn lengths(student: &Student) -> Judgement {
    let answer = student.ask("GET", "/random?delay_ms=0")?;
    ensure(answer.has_length, "length-lost", || {
        "`GET /random` is answered without `content-length`, although its answer was ready before \
         it was sent. What does your body say of the size of the one that it wraps? \
         (`size_hint`, and `is_end_stream`.)"
            .to_owned()
    })
}

fn methods(student: &Student) -> Judgement {
    let methods: Vec<_> = (0..EACH).map(|n| format!("BREW{n}")).collect();
    let requests: Vec<_> = methods
        .iter()
        .map(|method| (method.as_str(), "/random".to_owned(), 405))
        .collect();
    student.ask_all(&requests, EACH)?;
    let metrics = student.metrics()?;
    let raw: Vec<_> = metrics
        .samples
        .iter()
        .filter(|one| one.labels.values().any(|value| value.starts_with("BREW")))
        .cloned()
        .collect();
    ensure(raw.is_empty(), "raw-method", || {
        format!(
            "Requests with made-up methods have made series:\n\n{}\n\nWhich label lets clients do that?",
            listed(&raw)
        )
    })
}

// The first number comes at once, the second and last 0.8 s later.
fn bodies(student: &Student) -> Judgement {
    let before = student.metrics()?;
    let mut stream = begun(student, "/numbers?count=2&pause_ms=800")?;
    let during = student.metrics()?.sum(IN_FLIGHT, &[]) - before.sum(IN_FLIGHT, &[]);
    // It ends when the server closes the connection.
    let _ = stream.read_to_end(&mut Vec::new());
    ensure(during == 1.0, "ends-with-the-head", || {
        format!(
            "A client had received the first of two numbers and was waiting for the second. \
             `{IN_FLIGHT}` showed {during}. When does a request end: when its answer begins, or \
             when the client has it?"
        )
    })?;
    let route = [("route", "/numbers")];
    let after = student.metrics_when(
        |metrics| metrics.sum(COUNTS, &route) > before.sum(COUNTS, &route),
        SETTLE_TIMEOUT,
    )?;
    let took = after.sum(SUMS, &route) - before.sum(SUMS, &route);
    ensure(took >= 0.75, "body-not-timed", || {
        format!(
            "The second of two numbers came 0.8 s after the first; by your histogram it all took \
             {took:.4} s. Which moment is the last one that you measure?"
        )
    })?;
    let fine = [("route", "/numbers"), ("status", "200")];
    let counted = after.sum(REQUESTS, &fine) - before.sum(REQUESTS, &fine);
    ensure(counted == 1.0, "whole-not-counted", || {
        format!(
            "One client read all of `/numbers`, and `{REQUESTS}{{route=\"/numbers\",status=\"200\"}}` \
             rose by {counted}."
        )
    })
}

// Clients that go away before the answer begins.
fn gone(student: &Student) -> Judgement {
    let before = student.metrics()?;
    let resting = before.sum(IN_FLIGHT, &[]);
    let waiting: Vec<_> = (0..EACH)
        .filter_map(|_| http::sent(student.address(), "GET", "/random?delay_ms=900").ok())
        .collect();
    student.metrics_when(
        |metrics| metrics.sum(IN_FLIGHT, &[]) == resting + EACH as f64,
        SETTLE_TIMEOUT,
    )?;
    drop(waiting);
    cancelled(student, &before, "/random", "cancelled-not-told", || {
        format!("{EACH} clients went away before their answers came")
    })
}

// Clients that go away in the middle of the answer.
fn cut_off(student: &Student) -> Judgement {
    let before = student.metrics()?;
    for _ in 0..EACH {
        drop(begun(student, "/numbers?count=1000&pause_ms=20")?);
    }
    cancelled(student, &before, "/numbers", "cut-off-not-told", || {
        format!("{EACH} clients went away when they had read the first of a thousand numbers")
    })
}

fn cancelled(
    student: &Student,
    before: &Exposition,
    route: &str,
    id: &'static str,
    what: impl FnOnce() -> String,
) -> Judgement {
    let status = [("route", route), ("status", "499")];
    let outcome = [("route", route), ("outcome", "cancelled")];
    let told = |after: &Exposition| {
        (
            after.sum(REQUESTS, &status) - before.sum(REQUESTS, &status),
            after.sum(COUNTS, &outcome) - before.sum(COUNTS, &outcome),
        )
    };
    let all = (EACH as f64, EACH as f64);
    let after = student.metrics_when(|metrics| told(metrics) == all, SETTLE_TIMEOUT)?;
    let (by_status, by_outcome) = told(&after);
    ensure((by_status, by_outcome) == all, id, || {
        format!(
            "{}. `{REQUESTS}{{status=\"499\"}}` rose by {by_status} and \
             `{COUNTS}{{outcome=\"cancelled\"}}` by {by_outcome}. What rose was:\n\n{}\n\nA \
             service so slow that all its clients give up: what would your metrics show?",
            what(),
            listed(&increases(REQUESTS, before, &after))
        )
    })
}

fn without_the_handlers_will(student: &Student) -> Judgement {
    let before = student.metrics()?;
    let mut requests = Vec::new();
    for _ in 0..EACH {
        requests.push(("GET", "/random?delay_ms=0&panic=true".to_owned(), 500));
        requests.push(("GET", "/random?fail=500".to_owned(), 500));
        requests.push(("GET", "/random?delay_ms=5000".to_owned(), 504));
        requests.push(("GET", "/random?fail=504".to_owned(), 504));
    }
    student.ask_all(&requests, requests.len())?;
    let after = student.metrics()?;
    for (name, id, what) in [
        (
            PANICS,
            "panics-not-counted",
            "panicked, and as many answered with 500 of their own will",
        ),
        (
            TIMEOUTS,
            "timeouts-not-counted",
            "met the deadline, and as many answered with 504 of their own will",
        ),
    ] {
        let rose = after.sum(name, &[]) - before.sum(name, &[]);
        ensure(rose == EACH as f64, id, || {
            format!(
                "{EACH} requests {what}. `{name}` rose by {rose}. Can whoever is woken by a 5xx \
                 see what kind of failure it is?"
            )
        })?;
    }
    Ok(())
}

// Sends a request and waits until a part of the answer's body has come.
fn begun(student: &Student, path: &str) -> Result<TcpStream, Finding> {
    let no_answer = |error: std::io::Error| {
        Finding::new("no-answer", format!("`GET {path}` got no answer: {error}"))
    };
    let mut stream = http::sent(student.address(), "GET", path).map_err(no_answer)?;
    let mut received: Vec<u8> = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).map_err(no_answer)?;
        received.extend(&piece[..read]);
        let head = received.windows(4).position(|four| four == b"\r\n\r\n");
        if read == 0 || head.is_some_and(|head| received.len() > head + 4) {
            return Ok(stream);
        }
    }
}
