//! How many instructions a request of `/random` takes in user space, all instruments on,
//! against the same handler without them and against what others use; and how many one of
//! `/predict` takes.
//!
//! Callgrind counts them, so that the same program gives the same figure on a machine that
//! is busy with something else, where a rate says nothing. Each program is run twice, with
//! one worker, and sent requests over one connection, one after the other; the second run
//! sends more of them, and the difference is what these took: neither the start nor the
//! first requests, which fill caches, are part of it. What a program does by the clock and
//! not by the request is, for the time that the requests took.
//!
//! What the kernel does is not counted; `throughput` has the processor time of both.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::report::{Report, Target};
use harness::twins::{Program, Twin};
use support::connection::Connection;
use support::server::Server;

const WARM_UP: u32 = 500;
const REQUESTS: u32 = 4_000;
const RANDOM: &str = "GET /random HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A wine, as the service's own traffic asks for one.
const WINE: &str = r#"{"fixed_acidity":7.4,"volatile_acidity":0.7,"citric_acid":0.0,"residual_sugar":1.9,"chlorides":0.076,"free_sulfur_dioxide":11.0,"total_sulfur_dioxide":34.0,"density":0.9978,"ph":3.51,"sulphates":0.56,"alcohol":9.4,"segment":"web"}"#;

/// Runs a program under callgrind, which writes to a file when the program ends.
struct Callgrind {
    valgrind: PathBuf,
    written: PathBuf,
}

impl Callgrind {
    fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.valgrind);
        command
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", self.written.display()))
            .arg(program)
            // Which of several would take the next request is chance.
            .env("TOKIO_WORKER_THREADS", "1");
        command
    }

    fn counted(&self) -> f64 {
        let text = fs::read_to_string(&self.written).expect("the program has ended");
        text.lines()
            .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
            .expect("callgrind writes the sum of all it counted")
    }
}

fn ask(address: SocketAddr, request: &str, requests: u32) {
    let mut connection = Connection::open(address);
    for _ in 0..requests {
        connection.send(request.as_bytes()).expect("it reads");
        let (status, _) = connection.receive(false).expect("it answers");
        assert_eq!(status, 200);
    }
}

fn ours(callgrind: &Callgrind, program: &Path, request: &str, requests: u32) -> f64 {
    let mut command = callgrind.run(program);
    command.args([
        "serve",
        "--bind=127.0.0.1:0",
        "--log-format=json",
        "--delay=constant(0s)",
        "--error-rate=0",
        "--traffic=0",
    ]);
    let mut server = Server::spawn(command);
    ask(server.address(), request, requests);
    assert!(server.stop().success());
    callgrind.counted()
}

fn twin(callgrind: &Callgrind, program: &Path, requests: u32) -> f64 {
    let mut twin = Twin::start(callgrind.run(program));
    ask(twin.address(), RANDOM, requests);
    twin.stop();
    callgrind.counted()
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(valgrind) = support::peers::require("valgrind") else {
        return;
    };
    let requests = if harness::brief() { 10 } else { REQUESTS };
    let callgrind = Callgrind {
        valgrind,
        written: Path::new(env!("CARGO_TARGET_TMPDIR")).join("callgrind.out"),
    };
    let per_request = |run: &dyn Fn(u32) -> f64| {
        let before = run(WARM_UP);
        (run(WARM_UP + requests) - before) / f64::from(requests)
    };
    let service = Program::SERVICE.build();
    let predict = format!(
        "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{WINE}",
        WINE.len()
    );
    let predict = per_request(&|requests| ours(&callgrind, &service, &predict, requests));
    let ours = per_request(&|requests| ours(&callgrind, &service, RANDOM, requests));
    let of_twin = |program: Program| {
        let program = program.build();
        per_request(&|requests| twin(&callgrind, &program, requests))
    };
    let bare = of_twin(Program::BARE);
    let common = of_twin(Program::AXUM_PROMETHEUS);
    let actix = of_twin(Program::ACTIX);

    let unit = "instructions/request";
    let mut report = Report::new();
    report.row("ours", ours, 0, unit, Target::None);
    report.row("ours, /predict", predict, 0, unit, Target::None);
    report.row("bare axum", bare, 0, unit, Target::None);
    report.row("axum + axum-prometheus", common, 0, unit, Target::None);
    report.row("actix-web + actix-web-prom", actix, 0, unit, Target::None);
    report.row("ours ÷ bare axum", ours / bare, 3, "", Target::AtMost(1.2));
    let ratio = ours / common;
    report.row("ours ÷ axum + axum-prometheus", ratio, 3, "", Target::None);
    let ratio = ours / actix;
    report.row(
        "ours ÷ actix-web + actix-web-prom",
        ratio,
        3,
        "",
        Target::None,
    );
    let ratio = predict / ours;
    report.row("/predict ÷ /random", ratio, 3, "", Target::None);
    report.print();
}
