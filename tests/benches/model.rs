//! What a prediction costs: requests a second of `/predict` against `/random`, the model's
//! inference alone, and the memory of a million predictions that are never labelled.
//!
//! `/predict` and `/random` are loaded in turn on one server, without any delay, by the same
//! script of wrk; a ratio is of neighbours in time, and the median counts. Instructions of
//! both are counted by the benchmark `instructions`, how soon a drift is noticed by the test
//! `drift` of the crate `model`.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use harness::load;
use harness::process::{anonymous_mib, cpu_seconds};
use harness::report::{Report, Target};
use harness::statistics::median;
use harness::twins::Program;
use harness::wrk::requests_per_second_of;
use model::{Model, PENDING};
use support::server::Server;

const ROUNDS: usize = 15;
const CONNECTIONS: usize = 64;

/// Predictions that are never labelled, of which so many are sent at a time.
const UNLABELLED: usize = 1_000_000;
const AT_A_TIME: usize = 50_000;

/// A wine, as the service's own traffic asks for one.
const WINE: &str = r#"{"fixed_acidity":7.4,"volatile_acidity":0.7,"citric_acid":0.0,"residual_sugar":1.9,"chlorides":0.076,"free_sulfur_dioxide":11.0,"total_sulfur_dioxide":34.0,"density":0.9978,"ph":3.51,"sulphates":0.56,"alcohol":9.4,"segment":"web"}"#;

fn serve(program: &Path) -> Server {
    let mut command = Command::new(program);
    command.args([
        "serve",
        "--bind=127.0.0.1:0",
        "--log-format=json",
        "--delay=constant(0s)",
        "--error-rate=0",
        "--traffic=0",
        "--concurrency-limit=1000",
        "--queue-limit=1000",
    ]);
    Server::spawn(command)
}

/// A script by which wrk sends this request.
fn script(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("the directory is cargo's");
    path
}

/// Requests a second, and microseconds of processor time for each.
fn rates(program: &Path, report: &mut Report) {
    let Some(wrk) = support::peers::require("wrk") else {
        return;
    };
    let server = serve(program);
    let predict = format!(
        "wrk.method = \"POST\"\nwrk.body = [[{WINE}]]\nwrk.headers[\"content-type\"] = \"application/json\"\n"
    );
    let scripts = [
        ("/random", script("random.lua", "wrk.method = \"GET\"\n")),
        ("/predict", script("predict.lua", &predict)),
    ];
    let rounds = if harness::brief() { 1 } else { ROUNDS };
    let (mut seconds, mut costs) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..=rounds {
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let (path, script) = &scripts[which];
            let before = cpu_seconds(server.pid());
            let rate =
                requests_per_second_of(&wrk, &server.url(path), CONNECTIONS, 2, Some(script));
            let cost = (cpu_seconds(server.pid()) - before) / (2.0 * rate) * 1e6;
            // The first round warms up.
            if round > 0 {
                seconds[which].push(rate);
                costs[which].push(cost);
            }
        }
    }
    let ratio = |of: &[Vec<f64>; 2]| {
        let pairs = of[1].iter().zip(&of[0]);
        median(
            &pairs
                .map(|(predict, random)| predict / random)
                .collect::<Vec<_>>(),
        )
    };
    let unit = "requests/s";
    report.row("/random", median(&seconds[0]), 0, unit, Target::None);
    report.row("/predict", median(&seconds[1]), 0, unit, Target::None);
    report.row(
        "/predict ÷ /random",
        ratio(&seconds),
        3,
        "",
        Target::AtLeast(0.95),
    );
    report.row(
        "the same, processor time",
        ratio(&costs),
        3,
        "",
        Target::None,
    );
}

/// The model alone, as it serves.
fn inference(report: &mut Report) {
    let model = Model::shipped();
    let wines = model.population();
    let ask_all = || {
        let scores = wines.iter().map(|wine| model.score(&wine.features));
        scores.sum::<f64>()
    };
    let sum = ask_all();
    let used = allocation_counter::measure(|| assert_eq!(ask_all(), sum));
    let passes = if harness::brief() { 3 } else { 1_000 };
    let took = (0..passes).map(|_| {
        let start = Instant::now();
        black_box(ask_all());
        start.elapsed().as_secs_f64() / wines.len() as f64 * 1e6
    });
    let took = median(&took.collect::<Vec<_>>());
    report.row("an inference", took, 3, "µs", Target::AtMost(2.0));
    let allocations = used.count_total as f64;
    report.row("its allocations", allocations, 0, "", Target::AtMost(0.0));
}

/// Predictions that nobody ever labels.
fn unlabelled(program: &Path, report: &mut Report) {
    let server = serve(program);
    let request = format!(
        "POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{WINE}",
        WINE.len()
    );
    let all = if harness::brief() { 0 } else { UNLABELLED };
    let send = |requests: usize| {
        let sent = load::closed_loop(server.address(), CONNECTIONS, requests, request.as_bytes());
        let answers = harness::runtime().block_on(sent).expect("it answers");
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(answers.len(), requests);
    };
    let mut held = Vec::new();
    for _ in 0..all / AT_A_TIME {
        send(AT_A_TIME);
        held.push(anonymous_mib(server.pid()));
    }
    let metrics = server.metrics();
    let count = |name: &str| metrics.sum(name, &[]);
    assert_eq!(count("predictions_total"), all as f64);
    let evicted = count("predictions_evicted_total");
    let expected = all.saturating_sub(PENDING) as f64;
    report.row(
        "predictions never labelled",
        all as f64,
        0,
        "",
        Target::None,
    );
    report.row(
        "pushed out, counted",
        evicted,
        0,
        "",
        Target::AtLeast(expected),
    );
    assert_eq!(evicted, expected, "each is counted once");
    if let [.., last] = held.as_slice() {
        // Two fill the ring; what is held then is not to grow any more.
        let growth = last - held[3];
        report.row("held after them", *last, 1, "MiB", Target::None);
        report.row(
            "growth since the 200,000th",
            growth,
            2,
            "MiB",
            Target::AtMost(1.0),
        );
    }
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let program = Program::SERVICE.build();
    let mut report = Report::new();
    inference(&mut report);
    rates(&program, &mut report);
    unlabelled(&program, &mut report);
    report.print();
}
