//! How faithfully the delays that are drawn are served, with 500 requests in flight.
//!
//! Both sides of every request are known. The service draws the n-th request's
//! delay and value from the n-th stream of its seed; drawing them here again
//! and matching by the value in the answer shows, for each request, which delay
//! it was meant to have. What was served is what the client saw: from before
//! the request was written until its answer was read. That contains the
//! sockets, HTTP and the client itself, all of which counts against the
//! service: the figures are what its users see, and an upper bound of the error of
//! its timer. A thread that does nothing but sleep (`clock_nanosleep`) for the same delays
//! meanwhile says what the kernel's timers have of it.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::load::{self, Exchange};
use harness::report::{Report, Target};
use harness::statistics::{ks_distance, median, quantile, sorted};
use simulation::{Faults, Streams};
use support::server::Server;

const IN_FLIGHT: usize = 500;
// The first of each connection all start at once, which is not how load looks.
const WARM_UP: usize = 10 * IN_FLIGHT;
const REQUESTS: usize = WARM_UP + 20_000;
const ROUNDS: usize = 5;
const SEED: u64 = 20_000;
const DELAY: &str = "lognormal(mean=120ms, cv=0.6)";
// Continuous, so that no two requests draw the same value.
const VALUE: &str = "uniform(0, 1)";

/// The delay that each request was meant to have, by the value it answers with.
fn drawn_by_value() -> HashMap<u64, Duration> {
    let faults = Faults {
        error_rate: 0.0.try_into().expect("0 is a probability"),
        delay: DELAY.parse().expect("the service takes it too"),
        value: VALUE.parse().expect("the service takes it too"),
    };
    let streams = Streams::new(SEED);
    let drawn = (0..REQUESTS as u64).map(|number| faults.draw(&mut streams.stream(number)));
    drawn
        .map(|outcome| (outcome.result.expect("none fails").to_bits(), outcome.delay))
        .collect()
}

// Not serde_json, whose fast path may miss the nearest number by one bit.
fn value(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).expect("JSON is UTF-8");
    let number = text
        .split(':')
        .nth(1)
        .and_then(|rest| rest.split('}').next());
    let number = number.and_then(|number| number.trim().parse::<f64>().ok());
    number
        .unwrap_or_else(|| panic!("no number in {text}"))
        .to_bits()
}

/// What this many requests were meant to take and took, in milliseconds.
fn drawn_and_served() -> (Vec<f64>, Vec<f64>) {
    let server = Server::start(&[
        &format!("--delay={DELAY}"),
        &format!("--value={VALUE}"),
        &format!("--seed={SEED}"),
        "--error-rate=0",
        "--traffic=0",
        "--concurrency-limit=1000",
    ]);
    let request = load::get("/random", &[]);
    let load = load::closed_loop(server.address(), IN_FLIGHT, REQUESTS, &request);
    let exchanges = harness::runtime()
        .block_on(load)
        .expect("every request is answered");
    let by_value = drawn_by_value();
    let pair = |exchange: &Exchange| {
        let meant = by_value
            .get(&value(&exchange.body))
            .expect("one of those drawn here");
        (
            meant.as_secs_f64() * 1e3,
            exchange.latency.as_secs_f64() * 1e3,
        )
    };
    exchanges[WARM_UP..].iter().map(pair).unzip()
}

/// The overshoot of a thread's sleeps, in milliseconds, until it is told to end.
fn slept(end: &AtomicBool) -> Vec<f64> {
    let delays = drawn_by_value().into_values();
    let overshoot = delays.map_while(|delay| {
        let start = Instant::now();
        thread::sleep(delay);
        let overshoot = (start.elapsed() - delay).as_secs_f64() * 1e3;
        (!end.load(Ordering::Relaxed)).then_some(overshoot)
    });
    sorted(overshoot.collect())
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let mut figures = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let end = AtomicBool::new(false);
        let ((drawn, served), slept) = thread::scope(|scope| {
            let sleeper = scope.spawn(|| slept(&end));
            let pair = drawn_and_served();
            end.store(true, Ordering::Relaxed);
            (pair, sleeper.join().expect("it only sleeps"))
        });
        let overshoot = served
            .iter()
            .zip(&drawn)
            .map(|(served, drawn)| served - drawn);
        let overshoot = sorted(overshoot.collect());
        let [least, median, p99] = [0.0, 0.5, 0.99].map(|q| quantile(&overshoot, q));
        let distance = ks_distance(&drawn, &served);
        let of_sleep = quantile(&slept, 0.5);
        for (figure, value) in figures
            .iter_mut()
            .zip([least, median, p99, distance, of_sleep])
        {
            figure.push(value);
        }
    }
    println!(
        "{} requests of {DELAY}, {IN_FLIGHT} in flight; median of {ROUNDS} rounds",
        REQUESTS - WARM_UP
    );
    let [least, middle, p99, distance, of_sleep] = figures.map(|figure| median(&figure));
    let mut report = Report::new();
    report.row("overshoot, least", least, 3, "ms", Target::AtLeast(0.0));
    report.row("overshoot, median", middle, 3, "ms", Target::AtMost(0.15));
    report.row(
        "overshoot of a thread that sleeps, median",
        of_sleep,
        3,
        "ms",
        Target::None,
    );
    report.row(
        "overshoot ÷ the thread's, median",
        middle / of_sleep,
        2,
        "",
        Target::AtMost(1.5),
    );
    report.row("overshoot, p99", p99, 3, "ms", Target::AtMost(1.0));
    report.row(
        "KS distance of drawn and served",
        distance,
        4,
        "",
        Target::AtMost(0.01),
    );
    report.print();
}
