//! The standard process metrics are what the kernel reports at the time: `/proc` is read
//! beside the scrape, from outside and by other means.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::connection::{self, Connection, pipeline};
use crate::support::samples::Samples;
use crate::support::server::Server;

/// `/proc` counts processor time in ticks of 10 ms, on every Linux (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc` says of a process. The numbers of its `stat` by proc(5)'s own count.
#[derive(Debug, Clone, PartialEq)]
struct Proc {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
    data_bytes: u64,
    threads: u64,
    open_fds: u64,
}

impl Proc {
    fn read(pid: u32) -> Self {
        let text = |file: &str| {
            fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process runs")
        };
        let count = |directory: &str| {
            let entries = fs::read_dir(format!("/proc/{pid}/{directory}"));
            let count = entries.expect("the process is ours").count();
            u64::try_from(count).expect("they are few")
        };
        let stat = text("stat");
        // The second field, in parentheses, is a name that may hold anything.
        let (_, rest) = stat.rsplit_once(") ").expect("the name is in parentheses");
        let fields: Vec<_> = rest.split_whitespace().collect();
        let field = |number: usize| -> u64 { fields[number - 3].parse().expect("a number") };
        let status = text("status");
        let kib = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
            number.expect("a number of kB")
        };
        Self {
            cpu_ticks: field(14) + field(15),
            start_ticks: field(22),
            virtual_bytes: field(23),
            resident_bytes: kib("VmRSS:") * 1024,
            data_bytes: kib("VmData:") * 1024,
            threads: count("task"),
            open_fds: count("fd"),
        }
    }
}

/// The soft limit of this name in `/proc/PID/limits`.
fn soft_limit(pid: u32, name: &str) -> f64 {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("the process runs");
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    let soft = line.and_then(|rest| rest.split_whitespace().next());
    match soft.expect("the limit is listed") {
        "unlimited" => f64::INFINITY,
        number => number.parse().expect("a number"),
    }
}

/// Scrapes over a kept connection, which so is open before and after, until `/proc` says
/// the same before and after and the metrics agree with it. A scrape that lies between
/// two equal readings and disagrees is excused only by what comes and goes within it:
/// that does not happen again and again.
fn agree(server: &Server, what: &str, agrees: impl Fn(&Proc, &Samples) -> bool) -> (Proc, Samples) {
    let mut connection = Connection::open(server.address());
    let mut scrape = move || {
        let sent = connection.send(&connection::get("/metrics"));
        sent.expect("the service reads");
        let (status, body) = connection.receive(false).expect("the service answers");
        assert_eq!(status, 200);
        Samples::parse(std::str::from_utf8(body).expect("the body is UTF-8"))
    };
    // Until then the connection may not have been accepted.
    scrape();
    let start = Instant::now();
    loop {
        let before = Proc::read(server.pid());
        let samples = scrape();
        let after = Proc::read(server.pid());
        if before == after && agrees(&after, &samples) {
            return (after, samples);
        }
        if start.elapsed() > TIMEOUT {
            let said: Vec<_> = samples
                .all
                .iter()
                .filter(|sample| sample.name.starts_with("process_"))
                .collect();
            panic!(
                "{what}: not within {TIMEOUT:?}; /proc: {before:?}, {after:?}; metrics: {said:#?}"
            );
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn value(count: u64) -> f64 {
    count as f64
}

#[test]
fn memory_and_threads_are_the_kernels() {
    type Expected = fn(&Proc) -> f64;
    const METRICS: [(&str, Expected); 4] = [
        ("process_virtual_memory_bytes", |proc| {
            value(proc.virtual_bytes)
        }),
        ("process_resident_memory_bytes", |proc| {
            value(proc.resident_bytes)
        }),
        ("process_heap_bytes", |proc| value(proc.data_bytes)),
        // With the main one.
        ("process_threads", |proc| value(proc.threads)),
    ];

    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)"]);
    // Some have been busy, so that the numbers are not those of the start.
    pipeline(server.address(), &connection::get("/random"), 10_000);
    for (name, expected) in METRICS {
        let (_, samples) = agree(&server, name, |proc, samples| {
            samples.value(name, &[]) == expected(proc)
        });
        assert!(samples.value(name, &[]) > 1.0);
    }
}

#[test]
fn limits_are_the_kernels() {
    let server = Server::start(&["--traffic=0"]);
    let samples = server.metrics();
    for (name, limit) in [
        ("process_max_fds", "Max open files"),
        ("process_virtual_memory_max_bytes", "Max address space"),
    ] {
        assert_eq!(
            samples.value(name, &[]),
            soft_limit(server.pid(), limit),
            "{name}"
        );
    }
}

#[test]
fn every_open_connection_is_one_open_descriptor() {
    const CONNECTIONS: u64 = 50;

    let server = Server::start(&["--traffic=0"]);
    let open_fds = |what: &str| {
        let (proc, _) = agree(&server, what, |proc, samples| {
            samples.value("process_open_fds", &[]) == value(proc.open_fds)
        });
        proc.open_fds
    };
    let before = open_fds("before");
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut connection = Connection::open(server.address());
            // Answered, and so accepted.
            let sent = connection.send(&connection::get("/healthz"));
            sent.expect("the service reads");
            assert_eq!(connection.receive(false).expect("an answer").0, 200);
            connection
        })
        .collect();
    let open = open_fds("while they are open");
    assert_eq!(open, before + CONNECTIONS);
    drop(connections);
    agree(&server, "after they are closed", |proc, samples| {
        proc.open_fds == before && samples.value("process_open_fds", &[]) == value(before)
    });
}

#[test]
fn the_start_is_the_kernels() {
    let server = Server::start(&["--traffic=0"]);
    let samples = server.metrics();
    let stat = fs::read_to_string("/proc/stat").expect("this is Linux");
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime "));
    let boot: f64 = boot
        .and_then(|seconds| seconds.parse().ok())
        .expect("a number");
    let start = boot + value(Proc::read(server.pid()).start_ticks) / TICKS_PER_SECOND;
    let said = samples.value("process_start_time_seconds", &[]);
    // The kernel derives the second of its start anew from a clock that is being set.
    assert!((said - start).abs() <= 1.0, "{said} instead of {start}");
    assert_eq!(
        server.metrics().value("process_start_time_seconds", &[]),
        said
    );
}

#[test]
fn cpu_time_never_falls_and_lies_between_two_readings() {
    const NAME: &str = "process_cpu_seconds_total";

    let server = Server::start(&["--traffic=0", "--delay=constant(0ms)"]);
    let ticks = || Proc::read(server.pid()).cpu_ticks;
    let begin = ticks();
    let mut last = 0.0;
    let start = Instant::now();
    // A third of a second of work, in ten portions at least.
    let mut portions = 0;
    while portions < 10 || ticks() < begin + 30 {
        assert!(start.elapsed() < TIMEOUT, "no work takes any time");
        pipeline(server.address(), &connection::get("/random"), 1_000);
        let before = ticks();
        let said = server.metrics().value(NAME, &[]);
        let after = ticks();
        let [before, after] = [before, after].map(|ticks| value(ticks) / TICKS_PER_SECOND);
        assert!(
            before <= said && said <= after,
            "{said} is not between {before} and {after}"
        );
        assert!(said >= last, "{said} after {last}");
        last = said;
        portions += 1;
    }
}
