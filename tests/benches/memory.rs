//! Resident memory: idle, and with 10,000 requests in flight at once, each on a
//! connection of its own.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::thread;
use std::time::{Duration, Instant};

use harness::load::{self, Connection};
use harness::process::resident_mib;
use harness::report::{Report, Target};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::server::Server;

const IN_FLIGHT: usize = 10_000;

/// Lets this process, and so the server it starts, open as many sockets as the system allows.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    let needed = IN_FLIGHT as u64 + 500;
    assert!(
        allowed >= needed,
        "{needed} open files are needed, {allowed} are allowed: ulimit -Hn"
    );
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("up to the maximum anybody may");
}

/// The most it holds during three seconds of its own traffic.
fn idle() -> f64 {
    let server = Server::start(&[]);
    let start = Instant::now();
    let mut most = 0.0_f64;
    while start.elapsed() < Duration::from_secs(3) {
        most = most.max(resident_mib(server.pid()));
        thread::sleep(Duration::from_millis(50));
    }
    most
}

fn main() {
    if !harness::wanted() {
        return;
    }
    raise_open_files();
    let mut report = Report::new();
    report.row("resident, idle", idle(), 1, "MiB", Target::AtMost(15.0));

    let server = Server::start(&[
        "--delay=constant(60s)",
        "--request-timeout=120s",
        "--traffic=0",
        "--concurrency-limit=20000",
        "--connection-limit=20000",
    ]);
    let request = load::get("/random", &[]);
    let connections: Vec<_> = harness::runtime().block_on(async {
        let mut connections = Vec::with_capacity(IN_FLIGHT);
        for _ in 0..IN_FLIGHT {
            let mut connection = Connection::open(server.address())
                .await
                .expect("it accepts");
            connection.send(&request).await.expect("it reads");
            connections.push(connection);
        }
        connections
    });
    let all = |samples: &support::samples::Samples| {
        samples.sum("http_requests_in_flight", &[("route", "/random")]) == IN_FLIGHT as f64
    };
    server.metrics_when(Duration::from_secs(30), "all in flight", all);
    let loaded = resident_mib(server.pid());
    drop(connections);
    report.row(
        &format!("resident, {IN_FLIGHT} requests in flight"),
        loaded,
        1,
        "MiB",
        Target::AtMost(120.0),
    );
    report.print();
}
