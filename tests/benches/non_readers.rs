//! What clients that ask and do not read cost, also while alerts are posted, and whether
//! monitoring still works while they hold the connection limit.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use harness::process::resident_mib;
use harness::report::{Report, Target};
use support::connection::get;
use support::pager::Pager;
use support::server::Server;
use support::{http, large_alerts};

/// As many as the attack that was seen had.
const CONNECTIONS: usize = 200;
const REQUESTS: usize = 40;

/// Longer than any timeout, so that clients come again as an attack's do.
const LASTS: Duration = Duration::from_secs(5 * 60);

/// The connection limit that is held.
const LIMIT: usize = 200;

/// Memory that all TCP sockets of the machine have in use, in MiB, with the clients' own.
fn sockets_mib() -> f64 {
    const PAGE_MIB: f64 = 4.0 / 1024.0;
    let text = fs::read_to_string("/proc/net/sockstat").expect("this is Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("TCP: "));
    let pages = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    pages.expect("its last number") * PAGE_MIB
}

fn unread(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    // It may be cut off while it still sends.
    let _ = stream.write_all(&get(path).repeat(REQUESTS));
    stream
}

/// The most that is in use, of the service or the pager and of the kernel, while clients
/// that were cut off come again, and somebody posts alerts.
fn attacked(path: &str, lasts: Duration) -> (f64, f64) {
    if path == "/metrics" {
        return attack(&Server::start(&["--traffic=0"]), path, lasts);
    }
    let pager = Pager::start(&[]);
    attack(&pager.server, path, lasts)
}

fn attack(server: &Server, path: &str, lasts: Duration) -> (f64, f64) {
    let before = sockets_mib();
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| unread(server, path)).collect();
    let start = Instant::now();
    let (mut resident, mut sockets) = (0.0_f64, 0.0_f64);
    let mut posts = 0;
    while start.elapsed() < lasts {
        if path != "/metrics" {
            // What `/live` and `/alerts` answer is another list of alerts each time.
            http::post(server.address(), "/alerts", &large_alerts::body(posts));
            posts += 1;
        }
        for stream in &mut streams {
            if stream.take_error().is_ok_and(|error| error.is_some()) {
                *stream = unread(server, path);
            }
        }
        resident = resident.max(resident_mib(server.pid()));
        sockets = sockets.max(sockets_mib() - before);
        thread::sleep(Duration::from_millis(20));
    }
    (resident, sockets)
}

/// The slowest of many answers of `/healthz`, in ms, while non-readers hold the limit.
fn probed(lasts: Duration) -> f64 {
    let limit = LIMIT.to_string();
    let server = Server::start(&["--traffic=0", "--connection-limit", &limit]);
    let streams: Vec<_> = (0..LIMIT)
        .map(|_| unread(&server, "/docs/swagger-ui-bundle.js"))
        .collect();
    let start = Instant::now();
    while server.get("/random").status != 503 {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "the limit holds nobody"
        );
    }
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    while start.elapsed() < lasts {
        let asked = Instant::now();
        assert_eq!(server.get("/healthz").status, 200);
        slowest = slowest.max(asked.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    drop(streams);
    slowest.as_secs_f64() * 1e3
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let (lasts, probes) = if harness::brief() {
        (Duration::from_secs(2), Duration::from_secs(1))
    } else {
        (LASTS, Duration::from_secs(20))
    };
    let mut report = Report::new();
    for path in ["/metrics", "/live", "/alerts"] {
        let (resident, sockets) = attacked(path, lasts);
        let what = format!("{CONNECTIONS} connections, {REQUESTS} unread `{path}` each");
        report.row(
            &format!("{what}: resident"),
            resident,
            1,
            "MiB",
            Target::AtMost(64.0),
        );
        report.row(
            &format!("{what}: sockets of both sides"),
            sockets,
            0,
            "MiB",
            Target::None,
        );
    }
    report.row(
        "`/healthz` while non-readers hold the connection limit, slowest",
        probed(probes),
        1,
        "ms",
        Target::AtMost(50.0),
    );
    report.print();
}
