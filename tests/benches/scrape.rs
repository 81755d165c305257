//! What a scrape costs: how much `/metrics` is before the first request, how long it
//! takes in each format, then and under load, and what others notice of ten scrapes a
//! second.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::load::{self, Connection};
use harness::report::{Report, Target};
use harness::statistics::{median, quantile, sorted};
use support::server::Server;

const SCRAPES: usize = 2_000;
const FORMATS: [(&str, &str); 3] = [
    (
        "protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ),
    (
        "OpenMetrics 1.0",
        "application/openmetrics-text;version=1.0.0",
    ),
    ("text 0.0.4", "text/plain;version=0.0.4"),
];

/// A load of `/random`, and how it is divided among pairs of slices, one scraped and one not.
struct Load {
    name: &'static str,
    delay: &'static str,
    // Far from saturation, where a queue would be measured instead of a scrape.
    per_second: f64,
    slice: Duration,
    pairs: usize,
}

const LOADS: [Load; 2] = [
    // As it is started by default: what a scrape adds is small beside the delay.
    Load {
        name: "/random",
        delay: "lognormal(mean=120ms, cv=0.6)",
        per_second: 1_000.0,
        slice: Duration::from_secs(10),
        pairs: 5,
    },
    // Nothing for a scrape to hide behind. The machine's own moods last for
    // seconds and are larger, hence short slices and many pairs.
    Load {
        name: "/random without delay",
        delay: "constant(0s)",
        per_second: 2_000.0,
        slice: Duration::from_secs(1),
        pairs: 45,
    },
];

/// With one seed for all, both of a pair draw the same delays.
fn start(delay: &str) -> Server {
    Server::start(&[
        &format!("--delay={delay}"),
        "--error-rate=0.01",
        "--traffic=0",
        "--seed=1",
        "--concurrency-limit=1000",
    ])
}

/// Milliseconds that each of this many scrapes took, over one connection, and the size of the last.
fn scrapes(address: SocketAddr, headers: &[(&str, &str)]) -> (Vec<f64>, usize) {
    let request = load::get("/metrics", headers);
    harness::runtime().block_on(async {
        let mut connection = Connection::open(address).await.expect("it listens");
        let mut size = 0;
        let mut times = Vec::with_capacity(SCRAPES);
        for _ in 0..SCRAPES {
            let exchange = connection.exchange(&request).await.expect("it answers");
            assert_eq!(exchange.status, 200);
            size = exchange.body.len();
            times.push(exchange.latency.as_secs_f64() * 1e3);
        }
        (times, size)
    })
}

/// How long `/metrics` takes with these headers.
fn times(report: &mut Report, server: &Server, what: &str, headers: &[(&str, &str)]) {
    scrapes(server.address(), headers);
    let (times, size) = scrapes(server.address(), headers);
    let times = sorted(times);
    let figure = format!("/metrics, {what}, {size} bytes, median");
    report.row(
        &figure,
        quantile(&times, 0.5),
        3,
        "ms",
        Target::AtMost(0.08),
    );
    let figure = format!("{what}, p99");
    report.row(&figure, quantile(&times, 0.99), 3, "ms", Target::None);
}

/// The 99th percentile of `/random`, in milliseconds, over one slice of time, on a fresh service.
fn p99(load: &Load, scraped: bool) -> f64 {
    let server = start(load.delay);
    let request = load::get("/random", &[]);
    // The first requests find neither connections nor caches.
    let warm_up = Duration::from_millis(200);
    let send = |duration| load::open_loop(server.address(), load.per_second, duration, &request);
    harness::runtime().block_on(send(warm_up));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        if scraped {
            scope.spawn(|| scrape_until(&done, server.address()));
        }
        let seen = harness::runtime().block_on(send(load.slice));
        done.store(true, Ordering::Relaxed);
        assert!(seen.failures.is_empty(), "{:?}", seen.failures);
        let latencies = seen
            .exchanges
            .iter()
            .map(|exchange| exchange.latency.as_secs_f64() * 1e3);
        quantile(&sorted(latencies.collect()), 0.99)
    })
}

/// Scrapes ten times a second, as Prometheus asks for it.
fn scrape_until(done: &AtomicBool, address: SocketAddr) {
    let request = load::get("/metrics", &[("accept", FORMATS[0].1)]);
    harness::runtime().block_on(async {
        let mut connection = Connection::open(address).await.expect("it listens");
        let (start, mut scrapes) = (Instant::now(), 0);
        while !done.load(Ordering::Relaxed) {
            connection.exchange(&request).await.expect("it answers");
            scrapes += 1;
            let next = start + scrapes * Duration::from_millis(100);
            tokio::time::sleep_until(next.into()).await;
        }
    });
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let mut report = Report::new();
    let server = start("constant(0s)");
    let first = server.get("/metrics");
    let lines = first.text().lines().count();
    let figure = "/metrics before the first request";
    report.row(figure, lines as f64, 0, "lines", Target::AtMost(350.0));
    let size = first.body.len();
    report.row(figure, size as f64, 0, "bytes", Target::AtMost(35_000.0));
    for (format, accept) in FORMATS {
        times(
            &mut report,
            &server,
            &format!("first {format}"),
            &[("accept", accept)],
        );
    }
    // Every series of `/random` has something in it before any is read.
    let filling = load::get("/random", &[]);
    let filling = load::closed_loop(server.address(), 10, 2_000, &filling);
    harness::runtime()
        .block_on(filling)
        .expect("every request is answered");
    for (format, accept) in FORMATS {
        times(&mut report, &server, format, &[("accept", accept)]);
    }
    let prometheus = [("accept", FORMATS[0].1), ("accept-encoding", "gzip")];
    times(&mut report, &server, "protobuf, gzip", &prometheus);
    drop(server);

    for load in LOADS {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for pair in 0..load.pairs {
            // Which comes first alternates, so that drift favours neither.
            for scraped in [pair % 2 == 0, pair % 2 != 0] {
                let p99 = p99(&load, scraped);
                if scraped { &mut with } else { &mut without }.push(p99);
            }
        }
        let ratios = with
            .iter()
            .zip(&without)
            .map(|(with, without)| with / without);
        let ratios = sorted(ratios.collect());
        let Load { name, pairs, .. } = load;
        report.row(
            &format!("{name}, p99"),
            median(&without),
            3,
            "ms",
            Target::None,
        );
        let figure = format!("{name}, p99, scraped 10 times a second");
        report.row(&figure, median(&with), 3, "ms", Target::None);
        let figure = format!(
            "ratio, median of {pairs} pairs ({:.2} and {:.2} at the quartiles)",
            quantile(&ratios, 0.25),
            quantile(&ratios, 0.75)
        );
        report.row(&figure, quantile(&ratios, 0.5), 3, "", Target::AtMost(1.05));
    }
    report.print();
}
