//! How many requests of `/random` a second, all instruments on, against the
//! same handler without them and against what others use.
//!
//! All servers run at once and are loaded in turn, nine times; a ratio is of
//! neighbours in time, and the median of nine counts. The order turns with every
//! round, so that none is always first.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use harness::report::{Report, Target};
use harness::statistics::{median, quantile, sorted};
use harness::twins::Twin;
use support::server::Server;

const ROUNDS: usize = 9;
const SECONDS: u64 = 4;
const CONNECTIONS: usize = 64;

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(wrk) = support::peers::require("wrk") else {
        return;
    };
    let ours = Server::start(&[
        "--delay=constant(0s)",
        "--error-rate=0",
        "--traffic=0",
        "--concurrency-limit=1000",
        "--queue-limit=1000",
    ]);
    let (bare, common, fastapi) = (Twin::bare(), Twin::axum_prometheus(), Twin::fastapi());
    let names = [
        "ours",
        "bare axum",
        "axum + axum-prometheus",
        "FastAPI + instrumentator",
    ];
    let urls = [
        ours.url("/random"),
        bare.url("/random"),
        common.url("/random"),
        fastapi.url("/random"),
    ];

    for url in &urls {
        harness::wrk::requests_per_second(&wrk, url, CONNECTIONS, 2);
    }
    let mut rates = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        for turn in 0..urls.len() {
            let server = (round + turn) % urls.len();
            let rate = harness::wrk::requests_per_second(&wrk, &urls[server], CONNECTIONS, SECONDS);
            rates[server].push(rate);
        }
        let round_rates: Vec<_> = rates
            .iter()
            .map(|rates| format!("{:.0}", rates[round]))
            .collect();
        println!("round {}: {} requests/s", round + 1, round_rates.join(" "));
    }

    let mut report = Report::new();
    for (name, rates) in names.iter().zip(&rates) {
        report.row(
            &format!("{name}, median"),
            median(rates),
            0,
            "requests/s",
            Target::None,
        );
    }
    let targets = [Target::AtLeast(0.95), Target::None, Target::AtLeast(15.0)];
    for ((name, twin), target) in names[1..].iter().zip(&rates[1..]).zip(targets) {
        let ratios: Vec<_> = rates[0]
            .iter()
            .zip(twin)
            .map(|(ours, twin)| ours / twin)
            .collect();
        let ratios = sorted(ratios);
        let figure = format!(
            "ours ÷ {name}, median of {ROUNDS} ({:.3} to {:.3})",
            quantile(&ratios, 0.0),
            quantile(&ratios, 1.0)
        );
        report.row(&figure, median(&ratios), 3, "", target);
    }
    report.print();
}
