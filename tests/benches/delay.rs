//! How faithfully the delays that are drawn are served, with 500 requests in flight.
//!
//! Both sides of every request are known. The service draws the n-th request's
//! delay and value from the n-th stream of its seed; drawing them here again
//! and matching by the value in the answer tells, for each request, which delay
//! it was meant to have. What was served is what the client saw: from before
//! the request was written until its answer was read. That contains both
//! kernels' sockets, HTTP and the client, so a second run without a delay, at
//! the same rate, shows how much of the overshoot is theirs.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::time::Duration;

use golden_signals::simulation::{Faults, Streams};
use harness::load;
use harness::report::{Report, Target};
use harness::statistics::{ks_distance, quantile, sorted};
use support::server::Server;

const IN_FLIGHT: usize = 500;
// The first of each connection all start at once, which is not how load looks.
const WARM_UP_EACH: usize = 5;
const REQUESTS_EACH: usize = WARM_UP_EACH + 40;
const SEED: u64 = 20_000;
const DELAY: &str = "lognormal(mean=120ms, cv=0.6)";
// Continuous, so that no two requests draw the same value.
const VALUE: &str = "uniform(0, 1)";

fn start(delay: &str) -> Server {
    Server::start(&[
        &format!("--delay={delay}"),
        &format!("--value={VALUE}"),
        &format!("--seed={SEED}"),
        "--error-rate=0",
        "--traffic=0",
        "--concurrency-limit=1000",
        "--request-timeout=60s",
    ])
}

/// The delay that each request was meant to have, by the value it answers with.
fn drawn_by_value() -> HashMap<u64, Duration> {
    let faults = Faults {
        error_rate: 0.0.try_into().expect("0 is a probability"),
        delay: DELAY.parse().expect("the service takes it too"),
        value: VALUE.parse().expect("the service takes it too"),
    };
    let streams = Streams::new(SEED);
    let requests = (IN_FLIGHT * REQUESTS_EACH) as u64;
    // One more on each side: whether counting starts at 0 or 1 does not matter here.
    let drawn = (0..=requests).map(|number| faults.draw(&mut streams.stream(number)));
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

fn main() {
    if !harness::wanted() {
        return;
    }
    let runtime = harness::runtime();
    let request = load::get("/random", &[]);

    let server = start(DELAY);
    let exchanges = runtime
        .block_on(load::closed_loop(
            server.address(),
            IN_FLIGHT,
            REQUESTS_EACH,
            &request,
        ))
        .expect("every request is answered");
    drop(server);
    let began = exchanges
        .iter()
        .map(|exchange| exchange.started)
        .min()
        .expect("there are some");
    let ended = exchanges
        .iter()
        .map(|exchange| exchange.started + exchange.latency)
        .max();
    let seconds = (ended.expect("there are some") - began).as_secs_f64();
    let rate = exchanges.len() as f64 / seconds;

    let by_value = drawn_by_value();
    // Each connection's answers are together and in order.
    let (drawn, served): (Vec<f64>, Vec<f64>) = exchanges
        .chunks(REQUESTS_EACH)
        .flat_map(|connection| &connection[WARM_UP_EACH..])
        .map(|exchange| {
            let meant = by_value
                .get(&value(&exchange.body))
                .expect("one of those drawn here");
            (
                meant.as_secs_f64() * 1e3,
                exchange.latency.as_secs_f64() * 1e3,
            )
        })
        .unzip();
    let overshoot = sorted(
        served
            .iter()
            .zip(&drawn)
            .map(|(served, drawn)| served - drawn)
            .collect(),
    );

    let server = start("constant(0s)");
    let around = runtime.block_on(load::open_loop(
        server.address(),
        rate,
        Duration::from_secs_f64(seconds),
        &request,
    ));
    drop(server);
    assert!(around.failures.is_empty(), "{:?}", around.failures);
    let around = around
        .exchanges
        .iter()
        .map(|exchange| exchange.latency.as_secs_f64() * 1e3);
    let around = sorted(around.collect());

    println!(
        "{} requests of {DELAY}, {IN_FLIGHT} in flight, {rate:.0}/s",
        served.len()
    );
    let mut report = Report::new();
    let (median, p99) = (quantile(&overshoot, 0.5), quantile(&overshoot, 0.99));
    let around_median = quantile(&around, 0.5);
    report.row("served − drawn, median", median, 3, "ms", Target::None);
    report.row(
        "of it without any delay, median",
        around_median,
        3,
        "ms",
        Target::None,
    );
    report.row(
        "overshoot, median",
        median - around_median,
        3,
        "ms",
        Target::AtMost(0.15),
    );
    // A difference of two 99th percentiles would be none of anything: all of it counts.
    report.row(
        "overshoot, p99 (HTTP and client included)",
        p99,
        3,
        "ms",
        Target::AtMost(1.0),
    );
    report.row("least of all", overshoot[0], 3, "ms", Target::AtLeast(0.0));
    let distance = ks_distance(&drawn, &served);
    report.row(
        "KS distance of drawn and served",
        distance,
        4,
        "",
        Target::AtMost(0.01),
    );
    report.print();
}
