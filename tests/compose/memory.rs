//! The program of the image gives memory back: with the allocator that a plain build
//! does not have (feature `jemalloc`), outside of the container, where the test sets the
//! limit.

use std::fs;

use golden_system::descriptors;

use crate::support::TIMEOUT;
use crate::support::cgroup::Cgroup;
use crate::support::connection::{self, Connection};
use crate::support::daemon::Daemon;
use crate::support::engine::Stack;
use crate::support::samples::Samples;
use crate::support::server::Server;

fn saturation(samples: &Samples) -> f64 {
    samples.value("saturation_ratio", &[("resource", "memory")])
}

fn in_flight(samples: &Samples) -> f64 {
    samples.value("http_requests_in_flight", &[("route", "/random")])
}

/// A request in flight holds some kilobytes, so a few thousand of them fill a small group;
/// when they end, the allocator gives back what they held, and the next ones have it again.
pub(crate) fn the_program_gives_memory_back(stack: &Stack) {
    const LIMIT: u64 = 48 * 1024 * 1024;
    const BATCH: usize = 100;
    const FULL: f64 = 0.7;
    const GIVEN_BACK: f64 = 0.5;

    let Some(group) = Cgroup::with_memory_limit(LIMIT) else {
        return;
    };
    descriptors::raise_limit();
    let directory = Daemon::directory("image");
    let program = directory.join("golden-signals");
    let program = program.to_str().expect("its name is ASCII");
    let inside = format!("{}-app-1:/usr/local/bin/golden-signals", stack.project());
    stack.docker().run(&["cp", &inside, program]);
    let mut command = group.command(program);
    command.args([
        "serve",
        "--bind=127.0.0.1:0",
        "--log-format=json",
        "--traffic=0",
        "--error-rate=0",
        "--delay=constant(60s)",
        "--request-timeout=10m",
        "--concurrency-limit=100000",
    ]);
    let server = Server::spawn(command);
    let idle = saturation(&server.metrics());
    assert!(0.0 < idle && idle < GIVEN_BACK, "{idle}");
    for _ in 0..2 {
        let mut open = Vec::new();
        let mut last = idle;
        while last < FULL {
            assert!(
                open.len() < 10_000,
                "{} requests fill {last} of {LIMIT} bytes",
                open.len()
            );
            for _ in 0..BATCH {
                let mut connection = Connection::open(server.address());
                let sent = connection.send(&connection::get("/random"));
                sent.expect("the service reads");
                open.push(connection);
            }
            let all = f64::from(u32::try_from(open.len()).expect("some thousand"));
            let samples = server.metrics_when(TIMEOUT, "all in flight", |samples| {
                in_flight(samples) == all
            });
            last = saturation(&samples);
        }
        drop(open);
        server.metrics_when(TIMEOUT, "the memory given back", |samples| {
            in_flight(samples) == 0.0 && saturation(samples) < GIVEN_BACK
        });
    }
    drop(server);
    fs::remove_dir_all(directory).expect("it was made for this");
}
