//! Exercise 13, a load generator: sends requests at a fixed rate, and says how
//! long the answers took.
//!
//! ```text
//! load http://127.0.0.1:8002/ RATE SECONDS
//! ```

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Requests at once.
const CONNECTIONS: u32 = 10;

/// Sends `rate` requests a second for so many seconds; returns how long each took,
/// in seconds.
///
/// TODO 1: this is a closed loop. A connection that waits for an answer sends
/// nothing, so a slow service gets fewer requests. Users are not so polite: they
/// come when they come. Send request number i at `start + i / rate`, whatever
/// became of those before.
///
/// TODO 2: a user who had to wait until we got round to sending has waited. Count
/// from the moment at which the request *was to be* sent.
fn run(host: &str, path: &str, rate: u32, seconds: u32) -> Vec<f64> {
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds.into());
    let pause = Duration::from_secs(1) * CONNECTIONS / rate;
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (host, path) = (host.to_owned(), path.to_owned());
            thread::spawn(move || {
                let mut took = Vec::new();
                let mut next = Instant::now();
                while next < end {
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                    let sent = Instant::now();
                    get(&host, &path).expect("the service answers");
                    took.push(sent.elapsed().as_secs_f64());
                    next = Instant::now().max(next + pause);
                }
                took
            })
        })
        .collect();
    connections
        .into_iter()
        .flat_map(|connection| connection.join().expect("it only asks"))
        .collect()
}

/// Between which bounds of the server's own histogram its quantile lies, in
/// seconds. Each of `before` and `after` has an upper bound and how many requests
/// took at most that long, since the server was started; the last bound is infinity.
///
/// TODO 3: of the requests that came between `before` and `after`.
fn bucket(before: &[(f64, f64)], after: &[(f64, f64)], quantile: f64) -> (f64, f64) {
    (0.0, f64::INFINITY)
}

/// The value that this share of all values does not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, url, rate, seconds] = arguments.as_slice() else {
        panic!("usage: load http://127.0.0.1:8002/ RATE SECONDS");
    };
    let url = url.strip_prefix("http://").expect("a URL with http://");
    let (host, path) = url.split_once('/').unwrap_or((url, ""));
    let path = format!("/{path}");
    let rate = rate.parse().expect("RATE: requests per second");
    let seconds = seconds.parse().expect("SECONDS: how long");

    let before = histogram(host)?;
    let mut took = run(host, &path, rate, seconds);
    let after = histogram(host)?;

    took.sort_by(f64::total_cmp);
    println!("sent {}", took.len());
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        println!("{name} {:.3}", quantile(&took, share));
    }
    let (low, high) = bucket(&before, &after, 0.9);
    println!("server_p90 {low} {high}");
    Ok(())
}

/// Sends one request and reads its answer.
fn get(host: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(host)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The buckets of `http_request_duration_seconds`, as `/metrics` shows them.
fn histogram(host: &str) -> io::Result<Vec<(f64, f64)>> {
    let page = get(host, "/metrics")?;
    let buckets = page.lines().filter_map(|line| {
        let rest = line.strip_prefix("http_request_duration_seconds_bucket{le=\"")?;
        let (bound, count) = rest.split_once("\"} ")?;
        Some((bound.parse().ok()?, count.parse().ok()?))
    });
    Ok(buckets.collect())
}
