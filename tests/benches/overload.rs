//! Ten times the load that the service has capacity for, for half a minute, and
//! what comes after it.
//!
//! The capacity is set, not measured: a number of requests at once, each of a fixed
//! delay. The load is open-loop: it does not slow down because the service does.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::load;
use harness::process::resident_mib;
use harness::report::{Report, Target};
use harness::statistics::{quantile, sorted};
use support::server::Server;

const AT_ONCE: u32 = 50;
const QUEUED: u32 = 50;
const DELAY: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(1);
const OVERLOAD: Duration = Duration::from_secs(30);
const AFTERWARDS: Duration = Duration::from_secs(6);

fn main() {
    if !harness::wanted() {
        return;
    }
    let server = Server::start(&[
        &format!("--delay=constant({}ms)", DELAY.as_millis()),
        &format!("--concurrency-limit={AT_ONCE}"),
        &format!("--queue-limit={QUEUED}"),
        &format!("--request-timeout={}ms", TIMEOUT.as_millis()),
        "--error-rate=0",
        "--traffic=0",
    ]);
    let capacity = f64::from(AT_ONCE) / DELAY.as_secs_f64();
    let runtime = harness::runtime();
    let request = load::get("/random", &[]);

    let done = AtomicBool::new(false);
    let (seen, resident) = thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut resident = Vec::new();
            while !done.load(Ordering::Relaxed) {
                resident.push(resident_mib(server.pid()));
                thread::sleep(Duration::from_millis(100));
            }
            resident
        });
        let load = load::open_loop(server.address(), 10.0 * capacity, OVERLOAD, &request);
        let seen = runtime.block_on(load);
        done.store(true, Ordering::Relaxed);
        (seen, sampler.join().expect("the sampler does not panic"))
    });
    let over = Instant::now();
    let after = runtime.block_on(load::open_loop(
        server.address(),
        0.8 * capacity,
        AFTERWARDS,
        &request,
    ));

    let milliseconds = |wanted: u16| {
        let exchanges = seen
            .exchanges
            .iter()
            .filter(|exchange| exchange.status == wanted);
        sorted(
            exchanges
                .map(|exchange| exchange.latency.as_secs_f64() * 1e3)
                .collect(),
        )
    };
    let (accepted, shed) = (milliseconds(200), milliseconds(503));
    let others = seen.exchanges.len() - accepted.len() - shed.len();
    let lateness = sorted(
        seen.lateness
            .iter()
            .map(|late| late.as_secs_f64() * 1e3)
            .collect(),
    );
    // Recovered is after the last request that was refused or had to wait.
    let waited =
        |exchange: &&load::Exchange| exchange.status != 200 || exchange.latency > DELAY * 3 / 2;
    let recovery = after
        .exchanges
        .iter()
        .filter(waited)
        .map(|exchange| (exchange.started - over).as_secs_f64())
        .fold(0.0, f64::max);
    // The first seconds fill what there is to fill; a leak of a hundred bytes a
    // request would add ten MiB to it in the rest.
    let settled = resident.iter().take(100).copied().fold(0.0, f64::max);
    let most = resident.iter().copied().fold(0.0, f64::max);

    println!(
        "{:.0} requests/s for {} s against a capacity of {capacity:.0}/s, over at most {} connections",
        10.0 * capacity,
        OVERLOAD.as_secs(),
        seen.most_connections
    );
    let mut report = Report::new();
    report.row(
        "sent late by the client, p99",
        quantile(&lateness, 0.99),
        1,
        "ms",
        Target::None,
    );
    let failures = seen.failures.len() + after.failures.len();
    report.row(
        "without an answer",
        failures as f64,
        0,
        "",
        Target::AtMost(0.0),
    );
    report.row(
        "neither 200 nor 503",
        others as f64,
        0,
        "",
        Target::AtMost(0.0),
    );
    let share = accepted.len() as f64 / (capacity * OVERLOAD.as_secs_f64());
    report.row("accepted ÷ capacity", share, 3, "", Target::None);
    report.row(
        "shed, p99",
        quantile(&shed, 0.99),
        2,
        "ms",
        Target::AtMost(20.0),
    );
    report.row("shed, slowest", quantile(&shed, 1.0), 2, "ms", Target::None);
    let timeout = TIMEOUT.as_secs_f64() * 1e3;
    report.row(
        "accepted, slowest",
        quantile(&accepted, 1.0),
        0,
        "ms",
        Target::AtMost(timeout),
    );
    report.row("resident, most", most, 1, "MiB", Target::None);
    report.row(
        "resident, growth after 10 s",
        most - settled,
        1,
        "MiB",
        Target::AtMost(4.0),
    );
    report.row("recovered after", recovery, 2, "s", Target::AtMost(2.0));
    report.print();
}
