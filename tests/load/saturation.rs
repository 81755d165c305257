//! `saturation_ratio` of each resource rises towards 1 under the load that fills this
//! resource, and falls when the load is gone.
#![cfg(target_os = "linux")]

use std::panic::{self, AssertUnwindSafe};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::TIMEOUT;
use crate::support::cgroup::Cgroup;
use crate::support::connection::{self, Connection, pipeline};
use crate::support::samples::Samples;
use crate::support::server::Server;
use golden_system::descriptors;

const BINARY: &str = env!("CARGO_BIN_EXE_golden-signals");

fn saturation(samples: &Samples, resource: &str) -> f64 {
    samples.value("saturation_ratio", &[("resource", resource)])
}

/// Starts the command, which comes down to the binary, as [`Server::start`] does.
fn spawn(mut command: Command, arguments: &[&str]) -> Server {
    command
        .args([
            "serve",
            "--bind=127.0.0.1:0",
            "--log-format=json",
            "--traffic=0",
        ])
        .args(["--error-rate=0"])
        .args(arguments);
    Server::spawn(command)
}

/// Waits until the ratio has fallen below `low`, then hammers the service from four
/// connections until it is above `high`, then waits until it has fallen again.
fn rises_under_requests_and_falls(server: &Server, resource: &str, low: f64, high: f64) {
    let falls = || {
        let what = format!("{resource} falls below {low}");
        server.metrics_when(TIMEOUT, &what, |samples| {
            saturation(samples, resource) < low
        });
    };
    falls();
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also when the assertion below fails, or the threads would never end.
        let _end = OnDrop(&enough);
        for _ in 0..4 {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    pipeline(server.address(), &connection::get("/random"), 100);
                }
            });
        }
        let what = format!("{resource} rises above {high}");
        server.metrics_when(TIMEOUT, &what, |samples| {
            saturation(samples, resource) > high
        });
    });
    falls();
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn concurrency_and_queue_are_as_full_as_the_requests_make_them() {
    let server = spawn(
        Command::new(BINARY),
        &[
            "--delay=constant(60s)",
            "--concurrency-limit=8",
            "--queue-limit=4",
        ],
    );
    let ratios =
        |samples: &Samples| ["concurrency", "queue"].map(|resource| saturation(samples, resource));
    assert_eq!(ratios(&server.metrics()), [0.0, 0.0]);
    let mut open = Vec::new();
    for (requests, expected) in [
        (2, [0.25, 0.0]),
        (8, [1.0, 0.0]),
        (9, [1.0, 0.25]),
        (12, [1.0, 1.0]),
    ] {
        while open.len() < requests {
            let mut connection = Connection::open(server.address());
            let sent = connection.send(&connection::get("/random"));
            sent.expect("the service reads");
            open.push(connection);
        }
        let what = format!("{expected:?} under {requests} requests");
        server.metrics_when(TIMEOUT, &what, |samples| ratios(samples) == expected);
    }
    // The thirteenth is shed, and no ratio exceeds 1.
    assert_eq!(server.get("/random").status, 503);
    assert_eq!(ratios(&server.metrics()), [1.0, 1.0]);
    // Waiting requests take the places of those that end.
    open.drain(..3);
    server.metrics_when(TIMEOUT, "a queue of 1", |samples| {
        ratios(samples) == [1.0, 0.25]
    });
    drop(open);
    server.metrics_when(TIMEOUT, "nothing", |samples| ratios(samples) == [0.0, 0.0]);
}

#[test]
fn the_runtime_is_busy_while_requests_come_without_pause() {
    let mut command = Command::new(BINARY);
    // Which a few clients keep busy on any machine.
    command.env("TOKIO_WORKER_THREADS", "1");
    let server = spawn(command, &["--delay=constant(0ms)"]);
    rises_under_requests_and_falls(&server, "runtime", 0.5, 0.75);
}

#[test]
fn a_cpu_quota_is_full_while_requests_come_without_pause() {
    let Some(group) = Cgroup::with_cpu_quota(30) else {
        return;
    };
    let server = spawn(group.command(BINARY), &["--delay=constant(0ms)"]);
    rises_under_requests_and_falls(&server, "cpu", 0.5, 0.85);
}

#[test]
fn memory_rises_and_falls_with_what_the_group_uses() {
    const LIMIT: u64 = 128 * 1024 * 1024;

    let Some(group) = Cgroup::with_memory_limit(LIMIT) else {
        return;
    };
    let server = spawn(group.command(BINARY), &[]);
    let below = |ratio: f64| {
        let what = format!("memory below {ratio}");
        server.metrics_when(TIMEOUT, &what, |samples| {
            saturation(samples, "memory") < ratio
        });
    };
    below(0.3);
    // Reads 96 MiB at once and is stuck on a pipe that nobody reads.
    let mut neighbour = group
        .command("dd")
        .args(["if=/dev/zero", "bs=96M", "count=1", "status=none"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("every system has sh and dd");
    let full = panic::catch_unwind(AssertUnwindSafe(|| {
        server.metrics_when(TIMEOUT, "memory above 0.75", |samples| {
            saturation(samples, "memory") > 0.75
        });
    }));
    neighbour.kill().expect("it is stuck");
    neighbour.wait().expect("it is our child");
    full.unwrap_or_else(|failure| panic::resume_unwind(failure));
    below(0.3);
}

#[test]
fn descriptors_are_used_up_by_connections() {
    const LIMIT: u32 = 1_024;
    const CONNECTIONS: usize = 940;
    /// No more than a listener's queue holds: whom it has no room for asks again after a
    /// second.
    const AT_A_TIME: usize = 100;

    descriptors::raise_limit();
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\""),
        BINARY,
    ]);
    let server = spawn(command, &[]);
    let idle = saturation(&server.metrics(), "fds");
    assert!(idle < 0.05, "{idle}");
    let mut open = Vec::new();
    while open.len() < CONNECTIONS {
        let next = AT_A_TIME.min(CONNECTIONS - open.len());
        open.extend((0..next).map(|_| Connection::open(server.address())));
        server.metrics_when(TIMEOUT, "all of them are accepted", |samples| {
            samples.value("process_open_fds", &[]) >= open.len() as f64
        });
    }
    server.metrics_when(TIMEOUT, "nearly all descriptors are open", |samples| {
        let ratio = saturation(samples, "fds");
        // Not only connections: ratio and metrics count the same descriptors.
        let open = samples.value("process_open_fds", &[]) / samples.value("process_max_fds", &[]);
        ratio > 0.9 && (ratio - open).abs() < 0.01
    });
    drop(open);
    server.metrics_when(TIMEOUT, "they are closed", |samples| {
        saturation(samples, "fds") < 0.05
    });
}
