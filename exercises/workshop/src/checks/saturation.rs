//! Exercise 4: `http_requests_in_flight` goes up and comes down again whatever
//! way a request ends, and `saturation_ratio` says how full that is.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::exposition::Exposition;
use crate::finding::{Finding, Judgement, ensure};
use crate::http;
use crate::student::Student;

const IN_FLIGHT: &str = "http_requests_in_flight";
const RATIO: &str = "saturation_ratio";
const CONCURRENCY: &[(&str, &str)] = &[("resource", "concurrency")];

// As the stub says.
const LIMIT: f64 = 20.0;
// At once.
const SENT: usize = 6;
// For a change to show in /metrics: many times what it takes.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(2);

/// # Errors
///
/// The first finding.
pub fn check(program: &Path) -> Judgement {
    let student = Student::start(program)?;
    let resting = student.metrics()?.sum(IN_FLIGHT, &[]);
    // A family shows nothing before it is used.
    student.ask_all(&[("GET", "/random?delay_ms=0".to_owned(), 200)], 1)?;
    exists(&student.metrics()?)?;
    let watched = Watched { student, resting };

    watched.comes_down("never-down", |left| {
        format!("One request was answered, and {} s later the gauge still stood {left} higher than before it. What is in flight?", SETTLE_TIMEOUT.as_secs())
    })?;
    // On a busy machine the requests may be over before all were seen. What is
    // really wrong is wrong every time.
    let mut waiting = watched.while_running();
    for _ in 0..2 {
        if waiting.is_err() {
            watched.settles()?;
            waiting = watched.while_running();
        }
    }
    drop(waiting?);

    watched.comes_down("leak-disconnect", |left| {
        format!("{SENT} clients went away without waiting for their answers. {} s later the gauge still stood {left} too high. Which of your lines did not run for them?", SETTLE_TIMEOUT.as_secs())
    })?;
    let failing = [
        ("GET", "/random?fail=500", 500),
        ("GET", "/random?fail=404", 404),
        ("GET", "/random?fail=302", 302),
        ("POST", "/random", 405),
        ("GET", "/no/such/path", 404),
    ];
    let failing = failing.map(|(method, path, status)| (method, path.to_owned(), status));
    watched.student.ask_all(&failing, failing.len())?;
    watched.comes_down("leak-error", |left| {
        format!("{} requests were answered, each with another error or a redirect. {} s later the gauge still stood {left} too high. Which of your lines did not run for them?", failing.len(), SETTLE_TIMEOUT.as_secs())
    })?;
    watched.student.ask_all(
        &(0..4)
            .map(|_| ("GET", "/random?delay_ms=0&panic=true".to_owned(), 500))
            .collect::<Vec<_>>(),
        4,
    )?;
    watched.comes_down("leak-panic", |left| {
        format!("4 requests panicked and were answered with 500. {} s later the gauge still stood {left} too high. Which of your lines did not run for them?", SETTLE_TIMEOUT.as_secs())
    })?;
    watched.student.ask_all(
        &(0..4)
            .map(|_| ("GET", "/random?delay_ms=60000".to_owned(), 504))
            .collect::<Vec<_>>(),
        4,
    )?;
    watched.comes_down("leak-deadline", |left| {
        format!("4 requests took too long and were answered with 504 at the deadline. {} s later the gauge still stood {left} too high. What happens to your code when the deadline passes?", SETTLE_TIMEOUT.as_secs())
    })?;
    let ratio = watched.student.metrics()?.sum(RATIO, CONCURRENCY);
    ensure(ratio == 0.0, "ratio-stays", || {
        format!(
            "All requests have ended and nothing is in flight, but `{RATIO}{{resource=\"concurrency\"}}` still says {ratio}. When is it set?"
        )
    })
}

fn exists(metrics: &Exposition) -> Judgement {
    let kind = metrics.types.get(IN_FLIGHT);
    ensure(kind.is_some(), "no-metric", || {
        format!(
            "/metrics shows no `{IN_FLIGHT}`. A request that hangs now is in no counter and in no histogram yet: where would you see it?"
        )
    })?;
    ensure(
        kind.is_some_and(|kind| kind == "gauge"),
        "not-a-gauge",
        || {
            format!(
                "`{IN_FLIGHT}` is a {}. Which type may go down as well as up?",
                kind.map_or("", String::as_str)
            )
        },
    )
}

struct Watched {
    student: Student,
    resting: f64,
}

impl Watched {
    // Sends requests and looks while they are under way.
    fn while_running(&self) -> Result<Vec<TcpStream>, Finding> {
        let waiting = self.send("/random?delay_ms=900")?;
        let full = SENT as f64 / LIMIT;
        let metrics = self.student.metrics()?;
        let (series, ratio) = (
            metrics.series(RATIO, CONCURRENCY),
            metrics.sum(RATIO, CONCURRENCY),
        );
        ensure(series > 0, "no-ratio", || {
            format!(
                "/metrics shows no `{RATIO}{{resource=\"concurrency\"}}`. {SENT} requests in flight: is that much or little?"
            )
        })?;
        ensure((ratio - 100.0 * full).abs() > 1e-6, "percent", || {
            format!(
                "With {SENT} requests in flight, and {LIMIT} as the limit, the ratio was {ratio}. Does a ratio of 1 mean full, or one percent?"
            )
        })?;
        ensure((ratio - full).abs() < 1e-6, "wrong-ratio", || {
            format!(
                "With {SENT} requests in flight, and {LIMIT} as the limit, `{RATIO}{{resource=\"concurrency\"}}` was {ratio}."
            )
        })?;
        Ok(waiting)
    }

    // Sends them one by one, each seen in the gauge before the next.
    fn send(&self, path: &str) -> Result<Vec<TcpStream>, Finding> {
        let mut waiting = Vec::new();
        for number in 1..=SENT {
            let stream = http::sent(self.student.address(), "GET", path);
            waiting.extend(stream.ok());
            let expected = self.resting + number as f64;
            let timeout = Duration::from_millis(100);
            let metrics = self
                .student
                .metrics_when(|metrics| metrics.sum(IN_FLIGHT, &[]) == expected, timeout)?;
            let shown = metrics.sum(IN_FLIGHT, &[]) - self.resting;
            ensure(shown == number as f64, "not-while-running", || {
                format!(
                    "While {number} {} for an answer, `{IN_FLIGHT}` showed {shown}. When does it go up, and when does it come down?",
                    if number == 1 {
                        "request was waiting"
                    } else {
                        "requests were waiting"
                    }
                )
            })?;
        }
        Ok(waiting)
    }

    fn comes_down(&self, id: &'static str, observed: impl FnOnce(f64) -> String) -> Judgement {
        let left = self.settles()?;
        ensure(left == 0.0, id, || observed(left))
    }

    // Waits until nothing is in flight any more; returns what is left.
    fn settles(&self) -> Result<f64, Finding> {
        let metrics = self.student.metrics_when(
            |metrics| metrics.sum(IN_FLIGHT, &[]) == self.resting,
            SETTLE_TIMEOUT,
        )?;
        Ok(metrics.sum(IN_FLIGHT, &[]) - self.resting)
    }
}
