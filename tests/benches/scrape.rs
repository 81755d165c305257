//! What a scrape costs: how long `/metrics` takes in each format, and what
//! others notice of ten scrapes a second.

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

// Two thousand requests a second are far from saturation, where a queue would
// be measured instead of a scrape.
const RATE: f64 = 2_000.0;
// Short slices and many pairs: the machine's own moods last for seconds.
const PAIRS: usize = 45;
const SLICE: Duration = Duration::from_secs(1);

/// Milliseconds that each of so many scrapes took, over one connection, and the size of the last.
fn scrapes(address: SocketAddr, accept: &str) -> (Vec<f64>, usize) {
    let request = load::get("/metrics", &[("accept", accept)]);
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

/// The 99th percentile of `/random`, in milliseconds, over one slice of time.
fn p99(address: SocketAddr) -> f64 {
    let request = load::get("/random", &[]);
    let seen = harness::runtime().block_on(load::open_loop(address, RATE, SLICE, &request));
    assert!(seen.failures.is_empty(), "{:?}", seen.failures);
    let latencies = seen
        .exchanges
        .iter()
        .map(|exchange| exchange.latency.as_secs_f64() * 1e3);
    quantile(&sorted(latencies.collect()), 0.99)
}

/// The same while another thread scrapes ten times a second, as Prometheus asks for it.
fn p99_while_scraped(address: SocketAddr) -> f64 {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
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
        });
        let p99 = p99(address);
        done.store(true, Ordering::Relaxed);
        scraper.join().expect("the scraper does not panic");
        p99
    })
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let server = Server::start(&["--delay=constant(0s)", "--error-rate=0.01", "--traffic=0"]);
    let address = server.address();
    // Every series has something in it before any is read.
    p99(address);

    let mut report = Report::new();
    for (format, accept) in FORMATS {
        scrapes(address, accept);
        let (times, size) = scrapes(address, accept);
        let times = sorted(times);
        let figure = format!("/metrics, {format}, {size} bytes, median");
        report.row(&figure, quantile(&times, 0.5), 3, "ms", Target::AtMost(0.5));
        report.row(
            &format!("{format}, p99"),
            quantile(&times, 0.99),
            3,
            "ms",
            Target::None,
        );
    }

    let (mut unscraped, mut scraped) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Which comes first alternates, so that drift favours neither.
        if pair % 2 == 0 {
            unscraped.push(p99(address));
            scraped.push(p99_while_scraped(address));
        } else {
            scraped.push(p99_while_scraped(address));
            unscraped.push(p99(address));
        }
    }
    let ratios: Vec<_> = scraped
        .iter()
        .zip(&unscraped)
        .map(|(with, without)| with / without)
        .collect();
    let ratios = sorted(ratios);
    report.row(
        "/random p99, unscraped",
        median(&unscraped),
        3,
        "ms",
        Target::None,
    );
    report.row(
        "/random p99, scraped 10 times a second",
        median(&scraped),
        3,
        "ms",
        Target::None,
    );
    let figure = format!(
        "scraped ÷ unscraped, median of {PAIRS} pairs (quartiles {:.2} and {:.2})",
        quantile(&ratios, 0.25),
        quantile(&ratios, 0.75)
    );
    report.row(&figure, quantile(&ratios, 0.5), 3, "", Target::AtMost(1.1));
    report.print();
}
