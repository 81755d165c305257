//! The traffic that the service sends itself: it follows its schedule and
//! nothing else. With a seed the schedule is known, so that no test depends on luck.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::http;
use crate::support::samples::Samples;
use crate::support::server::Server;
use rustix::process::Signal;
use serde_json::json;
use simulation::{ArrivalRate, PoissonArrivals, Streams};

const RANDOM: &[(&str, &str)] = &[("route", "/random")];

/// When the requests of `--seed seed --traffic rate` come, from the start on.
struct Plan(Vec<Duration>);

impl Plan {
    fn new(seed: u64, rate: &str) -> Self {
        let rate: ArrivalRate = rate.parse().unwrap();
        let mut arrivals = PoissonArrivals::new(Streams::new(seed).arrivals());
        let mut at = Duration::ZERO;
        let mut plan = Vec::new();
        while at < 2 * TIMEOUT {
            at += arrivals.next_gap(rate).expect("it is not off");
            plan.push(at);
        }
        Self(plan)
    }

    /// How many come within this time.
    fn within(&self, time: Duration) -> f64 {
        let count = self.0.partition_point(|at| *at <= time);
        f64::from(u32::try_from(count).unwrap())
    }
}

/// A server with a plan, and between which two moments it began.
struct Planned {
    server: Server,
    plan: Plan,
    before_start: Instant,
    after_start: Instant,
}

impl Planned {
    fn start(rate: &str, further: &[&str]) -> Self {
        let plan = Plan::new(7, rate);
        let arguments = ["--seed", "7", "--traffic", rate];
        let before_start = Instant::now();
        let server = Server::start(&[&arguments, further].concat());
        Self {
            server,
            plan,
            before_start,
            after_start: Instant::now(),
        }
    }

    /// Watches until this many have arrived and none that is due is missing. More than were
    /// due may never have arrived: that holds however slow this machine is. That none is
    /// missing becomes true as soon as the service is scheduled.
    fn follows_its_plan(&self, least: f64, come: impl Fn(&Samples) -> f64) {
        loop {
            let asked = self.after_start.elapsed();
            let samples = self.server.metrics();
            let come = come(&samples);
            let at_most = self.plan.within(self.before_start.elapsed());
            assert!(come <= at_most, "{come} came where {at_most} were due");
            let due = self.plan.within(asked);
            if come >= least && come >= due {
                return;
            }
            assert!(asked < TIMEOUT, "{come} came where {due} were due");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn answered(samples: &Samples) -> f64 {
    samples.sum("http_requests_total", RANDOM)
}

fn in_flight(samples: &Samples) -> f64 {
    samples.value("http_requests_in_flight", RANDOM)
}

fn set_rate(server: &Server, rate: f64) {
    let headers = [("content-type", "application/json")];
    let body = json!({ "rate": rate }).to_string();
    let answer = http::request(
        server.address(),
        "PATCH",
        "/control/traffic",
        &headers,
        body.as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn there_is_a_little_traffic_without_asking() {
    let server = Server::start(&[]);
    assert_eq!(
        server.get("/control/traffic").json(),
        json!({ "rate": 5.0 })
    );
    server.metrics_when(TIMEOUT, "some requests came by themselves", |samples| {
        answered(samples) >= 5.0
    });
}

#[test]
fn requests_come_when_a_poisson_process_says_so() {
    let planned = Planned::start("200", &["--delay", "constant(0s)"]);
    planned.follows_its_plan(600.0, answered);
}

/// Open loop: no request is ever answered here, and yet they come.
#[test]
fn a_slow_service_is_not_spared() {
    let planned = Planned::start(
        "200",
        &[
            "--delay",
            "constant(60s)",
            "--request-timeout",
            "1h",
            "--concurrency-limit",
            "100000",
        ],
    );
    planned.follows_its_plan(600.0, in_flight);
    assert_eq!(answered(&planned.server.metrics()), 0.0);
}

#[test]
fn after_a_stall_what_was_missed_comes() {
    let planned = Planned::start("200", &["--delay", "constant(0s)"]);
    planned.follows_its_plan(50.0, answered);
    let before = answered(&planned.server.metrics());
    planned.server.signal(Signal::STOP);
    // The stall itself: nothing is hoped for from its length.
    thread::sleep(Duration::from_secs(1));
    planned.server.signal(Signal::CONT);
    planned.follows_its_plan(before + 150.0, answered);
}

#[test]
fn a_rate_of_0_is_off_and_can_be_changed_while_running() {
    let server = Server::start(&[
        "--traffic",
        "0",
        "--error-rate",
        "0",
        "--delay",
        "constant(100ms)",
    ]);
    // Ten delays are a second, in which the default would send five: only those of the test are counted.
    for _ in 0..10 {
        assert_eq!(server.get("/random").status, 200);
    }
    let ours = server.metrics_when(TIMEOUT, "ours are counted", |s| answered(s) >= 10.0);
    assert_eq!(answered(&ours), 10.0);

    set_rate(&server, 1_000.0);
    server.metrics_when(TIMEOUT, "it begins", |samples| answered(samples) >= 200.0);
    set_rate(&server, 0.0);
    let stopped = server.metrics_when(TIMEOUT, "it ends", |samples| in_flight(samples) == 0.0);
    // What was on its way when the rate changed may still come.
    let come = answered(&stopped);
    for _ in 0..5 {
        assert_eq!(server.get("/random").status, 200);
    }
    let further = answered(&server.metrics()) - come - 5.0;
    assert!(
        (0.0..50.0).contains(&further),
        "{further} came where a rate of 1000 sends 500"
    );

    set_rate(&server, 50.0);
    let come = answered(&server.metrics());
    server.metrics_when(TIMEOUT, "it begins again", |samples| {
        answered(samples) >= come + 20.0
    });
}
