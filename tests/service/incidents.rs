//! Incidents, started openly, really happen in the process, and are over when they end.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;
use std::time::{Duration, Instant};

use crate::control::{JSON, steady};
use crate::support::TIMEOUT;
use crate::support::http;
use crate::support::samples::Samples;
use crate::support::server::Server;
use serde_json::json;

fn start(server: &Server, kind: &str) {
    let body = json!({ "kind": kind }).to_string();
    let path = "/control/incident";
    let answer = http::request(server.address(), "PUT", path, &[JSON], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn end(server: &Server) {
    let path = "/control/incident";
    let answer = http::request(server.address(), "DELETE", path, &[JSON], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// How far this moves within so many seconds.
fn moves(server: &Server, seconds: u64, what: impl Fn(&Samples) -> f64) -> f64 {
    let before = what(&server.metrics());
    thread::sleep(Duration::from_secs(seconds));
    what(&server.metrics()) - before
}

/// Five times what it moves while all is well, and at least this: within three seconds of
/// the 180 that a student has.
#[test]
fn what_the_process_suffers_is_five_times_its_noise() {
    let server = steady(&[]);
    let value = |name: &'static str| move |samples: &Samples| samples.value(name, &[]);
    let mib = 1024.0 * 1024.0;
    for (kind, name, at_least) in [
        ("memory-leak", "process_resident_memory_bytes", 1.5 * mib),
        ("descriptor-leak", "process_open_fds", 3.0),
        ("busy-loop", "process_cpu_seconds_total", 0.3),
    ] {
        let noise = moves(&server, 3, value(name)).abs();
        start(&server, kind);
        let moved = moves(&server, 3, value(name));
        end(&server);
        assert!(
            moved >= at_least && moved >= 5.0 * noise,
            "{kind}: {moved} beside {noise}"
        );
    }
    // What leaked is given back.
    let held = server.metrics().value("process_open_fds", &[]);
    start(&server, "descriptor-leak");
    thread::sleep(Duration::from_secs(2));
    end(&server);
    server.metrics_when(TIMEOUT, "the descriptors are closed", |samples| {
        samples.value("process_open_fds", &[]) <= held + 2.0
    });
}

#[test]
fn what_is_recorded_goes_wrong_and_comes_right() {
    let server = steady(&["--value", "constant(7)"]);
    let series = || {
        let text = http::get(server.address(), "/metrics", &[]);
        text.text()
            .matches("http_requests_by_session_total{")
            .count()
    };
    assert_eq!(series(), 0);
    start(&server, "series-explosion");
    for _ in 0..20 {
        assert_eq!(server.get("/random").status, 200);
    }
    assert_eq!(series(), 200);
    end(&server);
    let began = Instant::now();
    while series() > 0 {
        assert!(began.elapsed() < TIMEOUT, "{} series", series());
        thread::sleep(Duration::from_millis(20));
    }

    start(&server, "lost-scrapes");
    let began = Instant::now();
    while server.get("/metrics").status != 503 {
        assert!(began.elapsed() < TIMEOUT, "it is scraped");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.get("/random").json(), json!({ "random": 7.0 }));
    assert_eq!(server.get("/readyz").status, 200);
    end(&server);
    let began = Instant::now();
    while server.get("/metrics").status != 200 {
        assert!(began.elapsed() < TIMEOUT, "it is not scraped");
        thread::sleep(Duration::from_millis(10));
    }

    let sum = || server.metrics().value("random_value_sum", &[]);
    let before = sum();
    start(&server, "wrong-unit");
    assert_eq!(server.get("/random").json(), json!({ "random": 7.0 }));
    assert_eq!(sum() - before, 7_000.0);
    end(&server);
    assert_eq!(server.get("/random").status, 200);
    assert_eq!(sum() - before, 7_007.0);
}

#[test]
fn what_requests_meet_is_there_and_gone() {
    let server = steady(&["--seed", "1"]);
    let timed = || {
        let start = Instant::now();
        let status = server.get("/random").status;
        (status, start.elapsed())
    };
    start(&server, "slow-dependency");
    // lognormal(mean=800ms, cv=0.2) is below 300 ms once in a million.
    assert!(timed().1 > Duration::from_millis(300));
    end(&server);

    start(&server, "panics");
    let failed = (0..200).filter(|_| timed().0 == 500).count();
    end(&server);
    // All, or none of 200 at 10%: less than 1e-9.
    assert!((1..200).contains(&failed), "{failed}");
    let panicked = server
        .metrics()
        .value("http_request_panics_total", &[("route", "/random")]);
    assert_eq!(panicked, failed as f64);

    // One place: those that come together are worked on one after the other.
    let slow = json!({ "delay": "constant(200ms)" }).to_string();
    http::request(
        server.address(),
        "PATCH",
        "/control/faults",
        &[JSON],
        slow.as_bytes(),
    );
    let three = || {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| assert_eq!(server.get("/random").status, 200));
            }
        });
        start.elapsed()
    };
    start(&server, "overload");
    let one_by_one = || three() >= Duration::from_millis(600);
    let began = Instant::now();
    while !one_by_one() {
        assert!(began.elapsed() < TIMEOUT, "they are worked on at once");
    }
    end(&server);
    let began = Instant::now();
    while one_by_one() {
        assert!(began.elapsed() < TIMEOUT, "the places are not given back");
    }
}

/// One request a second, all of which fail: four in the surge, each repeated eight times.
#[test]
fn a_retry_storm_repeats() {
    let server = Server::start(&[
        "--traffic",
        "1",
        "--error-rate",
        "1",
        "--delay",
        "constant(0ms)",
        "--seed",
        "1",
    ]);
    start(&server, "retry-storm");
    let failed = [("route", "/random"), ("method", "GET"), ("status", "500")];
    let count = |samples: &Samples| samples.value("http_requests_total", &failed);
    let began = Instant::now();
    server.metrics_when(TIMEOUT, "forty requests", |samples| count(samples) >= 40.0);
    // Of themselves they would have taken ten seconds.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}
