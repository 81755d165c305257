//! The service's memory does not grow with the number of requests, whether clients
//! disconnect and whether or not anything scrapes.
//!
//! Resident memory is the kernel's account of the process, not the service's own.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::connection::{self, Connection, pipeline};
use crate::support::server::Server;
use golden_system::descriptors;

const KIB_PER_MIB: u64 = 1024;

/// Resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("VmRSS is a number of kB")
}

/// Resident memory, once the allocator has given back what it gives back: a second after
/// it was freed, it says, so it has where no less is resident for twice as long.
fn settled_kib(pid: u32) -> u64 {
    const SETTLED_AFTER: Duration = Duration::from_secs(2);

    let mut least = resident_kib(pid);
    let mut since = Instant::now();
    while since.elapsed() < SETTLED_AFTER {
        thread::sleep(Duration::from_millis(50));
        let now = resident_kib(pid);
        if now < least {
            least = now;
            since = Instant::now();
        }
    }
    least
}

/// 2,000 clients at a time go away while their answers are being delayed, again and
/// again.
///
/// The first rounds find places for what is needed at a time, which the allocator keeps.
/// In the six rounds after them memory may grow by 6 MiB: half of what it would grow by
/// if each of their 12,000 requests left 1 KiB behind.
#[test]
fn clients_that_go_away_are_counted_as_cancelled_and_leave_nothing_behind() {
    const CLIENTS: u32 = 2_000;
    /// No more than a listener's queue holds: whom it has no room for asks again after a
    /// second.
    const AT_A_TIME: u32 = 100;
    const ROUNDS_BEFORE: u32 = 4;
    const ROUNDS: u32 = 6;
    const MAY_GROW_KIB: u64 = 6 * KIB_PER_MIB;
    descriptors::raise_limit();
    let server = Server::start(&[
        "--traffic=0",
        "--delay=constant(60s)",
        "--request-timeout=5m",
        "--header-timeout=5m",
        "--error-rate=0",
        "--concurrency-limit=2000",
    ]);
    let random: &[(&str, &str)] = &[("route", "/random")];
    let mut resident = Vec::new();
    for round in 1..=ROUNDS_BEFORE + ROUNDS {
        let mut clients = Vec::new();
        for opened in (AT_A_TIME..=CLIENTS).step_by(AT_A_TIME as usize) {
            clients.extend((0..AT_A_TIME).map(|_| {
                let mut client = Connection::open(server.address());
                let sent = client.send(&connection::get("/random"));
                sent.expect("the service reads");
                client
            }));
            server.metrics_when(TIMEOUT, "all of them in flight", |samples| {
                samples.value("http_requests_in_flight", random) == f64::from(opened)
            });
        }
        drop(clients);
        let samples = server.metrics_when(TIMEOUT, "none in flight", |samples| {
            samples.value("http_requests_in_flight", random) == 0.0
        });

        // All of them as cancelled, and so none as anything else.
        let gone = f64::from(CLIENTS * round);
        let cancelled = [("route", "/random"), ("method", "GET"), ("status", "499")];
        assert_eq!(samples.value("http_requests_total", &cancelled), gone);
        assert_eq!(samples.sum("http_requests_total", random), gone);
        let cancelled = [
            ("route", "/random"),
            ("method", "GET"),
            ("outcome", "cancelled"),
        ];
        let durations = "http_request_duration_seconds_count";
        assert_eq!(samples.value(durations, &cancelled), gone);
        assert_eq!(samples.sum(durations, random), gone);
        assert_eq!(samples.value("random_value_count", &[]), 0.0);
        resident.push(settled_kib(server.pid()));
    }
    let first = resident[ROUNDS_BEFORE as usize - 1];
    let last = resident[resident.len() - 1];
    assert!(
        last <= first + MAY_GROW_KIB,
        "resident memory after each round, in KiB: {resident:?}"
    );
}

/// Two million requests while nothing scrapes.
///
/// After the first 100,000, which fill what is filled once, memory may grow by 4 MiB:
/// two bytes a request. What grows with time and not with requests fits in there too:
/// the live page's history of three minutes, under 1 MiB.
#[test]
fn two_million_requests_that_nobody_scrapes_leave_nothing_behind() {
    const CONNECTIONS: usize = 4;
    const BEFORE: usize = 100_000;
    const REQUESTS: usize = 2_000_000;
    const MAY_GROW_KIB: u64 = 4 * KIB_PER_MIB;

    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)", "--error-rate=0"]);
    let send = |requests: usize| {
        thread::scope(|scope| {
            let clients = [(); CONNECTIONS].map(|()| {
                scope.spawn(|| {
                    pipeline(
                        server.address(),
                        &connection::get("/random"),
                        requests / CONNECTIONS,
                    )
                })
            });
            clients
                .into_iter()
                .map(|client| client.join().expect("the client has its answers"))
                .map(|statuses| statuses[&200])
                .sum::<usize>()
        })
    };
    assert_eq!(send(BEFORE), BEFORE);
    let first = resident_kib(server.pid());
    assert_eq!(send(REQUESTS), REQUESTS);
    let last = resident_kib(server.pid());
    assert!(
        last <= first + MAY_GROW_KIB,
        "{first} KiB after {BEFORE} requests, {last} KiB after {REQUESTS} more"
    );

    let samples = server.metrics();
    let random: &[(&str, &str)] = &[("route", "/random"), ("method", "GET")];
    #[expect(clippy::cast_precision_loss, reason = "two million")]
    let all = (BEFORE + REQUESTS) as f64;
    assert_eq!(samples.sum("http_requests_total", random), all);
    assert_eq!(
        samples.value(
            "http_requests_total",
            &[random, &[("status", "200")]].concat()
        ),
        all
    );
    assert_eq!(
        samples.value(
            "http_request_duration_seconds_count",
            &[random, &[("outcome", "success")]].concat()
        ),
        all
    );
    assert_eq!(samples.value("random_value_count", &[]), all);
    let in_flight = samples.value("http_requests_in_flight", &[("route", "/random")]);
    assert_eq!(in_flight, 0.0);
}
