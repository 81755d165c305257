//! Resident memory: idle, and with 10,000 requests in flight at once, each on a
//! connection of its own, against the same on bare axum.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use harness::load::{self, Connection};
use harness::process::resident_mib;
use harness::report::{Report, Target};
use harness::twins::Twin;
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

/// Asks for this once on each of so many connections.
fn in_flight(address: SocketAddr, path: &str) -> Vec<Connection> {
    let request = load::get(path, &[]);
    harness::runtime().block_on(async {
        let mut connections = Vec::with_capacity(IN_FLIGHT);
        for _ in 0..IN_FLIGHT {
            let mut connection = Connection::open(address).await.expect("it accepts");
            connection.send(&request).await.expect("it reads");
            connections.push(connection);
        }
        connections
    })
}

/// What a process without metrics holds once it holds no more than a second ago.
fn settled(pid: u32) -> f64 {
    let mut held = resident_mib(pid);
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = resident_mib(pid);
        if now <= held {
            return now;
        }
        held = now;
    }
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
    let connections = in_flight(server.address(), "/random");
    let all = |samples: &support::samples::Samples| {
        samples.sum("http_requests_in_flight", &[("route", "/random")]) == IN_FLIGHT as f64
    };
    server.metrics_when(Duration::from_secs(30), "all in flight", all);
    let loaded = resident_mib(server.pid());
    drop(connections);
    drop(server);

    let bare = Twin::bare();
    let connections = in_flight(bare.address(), "/slow");
    let loaded_bare = settled(bare.pid());
    drop(connections);
    report.row(
        &format!("resident, {IN_FLIGHT} requests in flight"),
        loaded,
        1,
        "MiB",
        Target::AtMost(120.0),
    );
    report.row("the same of bare axum", loaded_bare, 1, "MiB", Target::None);
    report.row(
        "ours ÷ bare axum",
        loaded / loaded_bare,
        2,
        "",
        Target::AtMost(1.2),
    );
    report.print();
}
