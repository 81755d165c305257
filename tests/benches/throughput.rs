//! How many requests of `/random` a second, all instruments on, against the
//! same handler without them and against what others use.
//!
//! All servers run at once and are loaded in turn, fifteen times; a ratio is of
//! neighbours in time, and the median of fifteen counts. The order turns with every
//! round, so that none is always first.
//!
//! wrk shares the machine with the servers and needs as much of it as a fast one
//! does, so a ratio of rates flatters the slow: processor time per request is
//! printed beside it, which contains the server alone.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use harness::process::cpu_seconds;
use harness::report::{Report, Target};
use harness::statistics::{median, quantile, sorted};
use harness::twins::{Program, Twin};
use harness::wrk::requests_per_second;
use support::server::Server;

const ROUNDS: usize = 15;
// The machine's own speed drifts within seconds, so a round is made of short
// slices in turn, and what is compared is the sum.
const SLICES: usize = 3;
const CONNECTIONS: usize = 64;

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(wrk) = support::peers::require("wrk") else {
        return;
    };
    let mut service = Command::new(Program::SERVICE.build());
    service.args([
        "serve",
        "--bind=127.0.0.1:0",
        "--log-format=json",
        "--delay=constant(0s)",
        "--error-rate=0",
        "--traffic=0",
        "--concurrency-limit=1000",
        "--queue-limit=1000",
    ]);
    let ours = Server::spawn(service);
    // With the targets of the ratio of rates, and of the twin's processor time ÷ ours.
    let ahead = (Target::None, Target::AtLeast(1.0));
    let twins = [
        (
            "bare axum",
            Some(Twin::bare()),
            (Target::AtLeast(0.95), Target::AtLeast(1.0 / 1.1)),
        ),
        (
            "axum + axum-prometheus",
            Some(Twin::axum_prometheus()),
            ahead,
        ),
        ("actix-web + actix-web-prom", Some(Twin::actix()), ahead),
        (
            "FastAPI + instrumentator",
            Some(Twin::fastapi()),
            (Target::None, Target::AtLeast(15.0)),
        ),
        ("Express + prom-client", Twin::express(), ahead),
    ];
    let mut names = vec!["ours"];
    let mut urls = vec![ours.url("/random")];
    let mut pids = vec![ours.pid()];
    let mut targets = Vec::new();
    for (name, twin, targets_of_twin) in &twins {
        if let Some(twin) = twin {
            names.push(*name);
            urls.push(twin.url("/random"));
            pids.push(twin.pid());
            targets.push(*targets_of_twin);
        }
    }
    // Requests answered in one second, and the processor time that they took.
    let measure = |server: usize| {
        let before = cpu_seconds(pids[server]);
        let requests = requests_per_second(&wrk, &urls[server], CONNECTIONS, 1);
        (requests, cpu_seconds(pids[server]) - before)
    };
    for server in 0..urls.len() {
        measure(server);
    }
    let mut rates = vec![Vec::new(); urls.len()];
    let mut costs = vec![Vec::new(); urls.len()];
    for round in 0..ROUNDS {
        let mut answered = vec![0.0; urls.len()];
        let mut spent = vec![0.0; urls.len()];
        for turn in 0..SLICES * urls.len() {
            let server = (round + turn) % urls.len();
            let (requests, seconds) = measure(server);
            answered[server] += requests;
            spent[server] += seconds;
        }
        for server in 0..urls.len() {
            rates[server].push(answered[server] / SLICES as f64);
            costs[server].push(spent[server] / answered[server] * 1e6);
        }
        let round_rates: Vec<_> = rates
            .iter()
            .map(|rates| format!("{:.0}", rates[round]))
            .collect();
        println!("round {}: {} requests/s", round + 1, round_rates.join(" "));
    }

    let mut report = Report::new();
    for ((name, rates), costs) in names.iter().zip(&rates).zip(&costs) {
        report.row(name, median(rates), 0, "requests/s", Target::None);
        report.row(
            &format!("{name}, processor time"),
            median(costs),
            1,
            "µs/request",
            Target::None,
        );
    }
    for (twin, (target, target_of_time)) in (1..).zip(targets) {
        let ratio = |(ours, twin): (&f64, &f64)| ours / twin;
        let ratios = sorted(rates[0].iter().zip(&rates[twin]).map(ratio).collect());
        let figure = format!(
            "ours ÷ {}, median of {ROUNDS} ({:.3} to {:.3})",
            names[twin],
            quantile(&ratios, 0.0),
            quantile(&ratios, 1.0)
        );
        report.row(&figure, median(&ratios), 3, "", target);
        let cheaper = sorted(costs[twin].iter().zip(&costs[0]).map(ratio).collect());
        report.row(
            "the same by processor time",
            median(&cheaper),
            3,
            "",
            target_of_time,
        );
    }
    report.print();
}
