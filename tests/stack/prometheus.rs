//! A real Prometheus scrapes the real service: what it stores is what was sent.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::prometheus::Prometheus;
use crate::support::server::Server;
use crate::support::{http, peers};
use simulation::{Faults, Streams};

const CLIENTS: usize = 100;
const REQUESTS_EACH: usize = 30;
const REQUESTS: usize = CLIENTS * REQUESTS_EACH;

// The median of a gamma distribution of shape 3 and scale 1 is 2.674060313754749 (the
// root of 1 - exp(-x) (1 + x + x²/2) = 1/2), here in seconds for a scale of 40 ms.
const TRUE_MEDIAN: f64 = 2.674_060_313_754_749 * 0.040;
const DELAY: &str = "gamma(shape=3, scale=40ms)";

// The median of 3,000 draws misses the distribution's by 1.5 ms or so, and their share
// below a bucket's bound by a percent: either would drown the difference
// between the histograms, which are what is compared here and not the luck of
// the draw. The draws of this seed are as the distribution has them, to 20 µs and 0.01 %.
const SEED: u64 = 674;

/// Whether the seed still does what is said of it.
fn assert_typical_draws() {
    let faults = Faults {
        delay: DELAY.parse().expect("the service takes it too"),
        ..Faults::default()
    };
    let streams = Streams::new(SEED);
    let mut delays: Vec<_> = (0..REQUESTS as u64)
        .map(|number| faults.draw(&mut streams.stream(number)).delay.as_secs_f64())
        .collect();
    delays.sort_by(f64::total_cmp);
    let median = (delays[REQUESTS / 2 - 1] + delays[REQUESTS / 2]) / 2.0;
    assert!(
        (median - TRUE_MEDIAN).abs() < 50e-6,
        "a median of {median} s: take another seed"
    );
    // 1 - exp(-x) (1 + x + x²/2) at 100 ms, which is a classic bound.
    let below = delays.partition_point(|delay| *delay <= 0.1) as f64 / REQUESTS as f64;
    assert!(
        (below - 0.4562).abs() < 0.001,
        "{below} below 100 ms: take another seed"
    );
}

/// Sends the known traffic and counts the answers by their status.
fn send(server: &Server) -> (usize, usize) {
    let (mut succeeded, mut failed) = (0, 0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let statuses = (0..REQUESTS_EACH)
                        .map(|_| http::get(server.address(), "/random", &[]).status);
                    statuses.collect::<Vec<_>>()
                })
            })
            .collect();
        for client in clients {
            for status in client.join().expect("every request is answered") {
                match status {
                    200 => succeeded += 1,
                    500 => failed += 1,
                    other => panic!("{other} was not asked for"),
                }
            }
        }
    });
    (succeeded, failed)
}

/// One test, because the traffic and the scrapes are the expensive part.
#[test]
fn prometheus_stores_what_was_sent() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    assert_typical_draws();
    let server = Server::start(&[
        &format!("--delay={DELAY}"),
        &format!("--seed={SEED}"),
        "--error-rate=0.1",
        "--traffic=0",
        "--concurrency-limit=1000",
    ]);
    let prometheus = Prometheus::scraping(&binary, server.address());
    let (succeeded, failed) = send(&server);
    assert_eq!(succeeded + failed, REQUESTS);
    assert!(failed > 0, "a tenth of {REQUESTS} was to fail");

    // Counters, by status. Waiting for the first brings the others along: a scrape is one moment.
    let of_random = r#"http_requests_total{method="GET", route="/random""#;
    prometheus.number_when(&format!("sum({of_random}}})"), |sum| sum >= REQUESTS as f64);
    for (status, sent) in [("200", succeeded), ("500", failed)] {
        let counted = prometheus.number(&format!(r#"sum({of_random}, status="{status}"}})"#));
        assert_eq!(counted, Some(sent as f64), "status {status}");
    }

    // Both kinds of histogram count all of them.
    let durations = "http_request_duration_seconds";
    let of_route = r#"{route="/random"}"#;
    let native = prometheus.number(&format!("histogram_count(sum({durations}{of_route}))"));
    assert_eq!(native, Some(REQUESTS as f64), "native");
    let classic = prometheus.number(&format!("sum({durations}_count{of_route})"));
    assert_eq!(classic, Some(REQUESTS as f64), "classic");
    let values = prometheus.number("histogram_count(sum(random_value))");
    assert_eq!(
        values,
        Some(succeeded as f64),
        "native, of the numbers drawn"
    );

    // The native median is the better one.
    let native = format!("histogram_quantile(0.5, sum({durations}{of_route}))");
    let classic = format!("histogram_quantile(0.5, sum by (le) ({durations}_bucket{of_route}))");
    let native = prometheus.number(&native).expect("it counted them");
    let classic = prometheus.number(&classic).expect("it counted them");
    println!("median: native {native:.5} s, classic {classic:.5} s, true {TRUE_MEDIAN:.5} s");
    assert!(
        (native - TRUE_MEDIAN).abs() < (classic - TRUE_MEDIAN).abs(),
        "native {native}, classic {classic}, true {TRUE_MEDIAN}"
    );
}

#[test]
fn exemplars_arrive_with_the_trace_id_of_the_request() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    let server = Server::start(&["--delay=constant(1ms)", "--error-rate=0", "--traffic=0"]);
    let prometheus = Prometheus::scraping(&binary, server.address());
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let answer = http::get(server.address(), "/random", &[("traceparent", &parent)]);
    assert_eq!(answer.status, 200);

    let query = "query_exemplars?query=http_request_duration_seconds_bucket\
                 &start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z";
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = prometheus.api(query);
        let series = found.as_array().expect("a list of series");
        let of_random = series
            .iter()
            .filter(|series| series["seriesLabels"]["route"] == "/random");
        let mut exemplars = of_random
            .filter_map(|series| series["exemplars"].as_array())
            .flatten();
        if exemplars.any(|exemplar| exemplar["labels"]["trace_id"] == trace) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "no exemplar of that trace: {found}"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

/// What happens for the first time is not lost, although its series did not exist.
#[test]
fn the_first_event_of_a_series_has_a_rate() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    for protocol in ["PrometheusProto", "OpenMetricsText1.0.0"] {
        let server = Server::start(&["--delay=constant(1ms)", "--traffic=0"]);
        let prometheus = Prometheus::scraping_in(protocol, &binary, server.address());
        // It has been seen without the series, as after hours of calm.
        prometheus.number_when("count_over_time(up[1m])", |scrapes| scrapes >= 3.0);
        let counter = r#"http_requests_total{method="GET", route="unmatched", status="404"}"#;
        let count = r#"http_request_duration_seconds_count{method="GET", route="unmatched"}"#;
        let native = r#"http_request_duration_seconds{method="GET", route="unmatched"}"#;
        assert_eq!(prometheus.number(counter), None, "{protocol}");

        assert_eq!(server.get("/no/such/page").status, 404);
        prometheus.number_when(counter, |requests| requests == 1.0);
        // At the newest sample nothing is extrapolated: before the 0 a counter was not,
        // and after it there is no time.
        let (at, _) = prometheus.newest(counter).expect("it was found before");
        for series in [counter, count] {
            let found = prometheus.number_at(&format!("increase({series}[1m])"), at);
            let off = found.map(|found| (found - 1.0).abs());
            assert!(
                off.is_some_and(|off| off < 1e-9),
                "{protocol}: {series} grew by {found:?}"
            );
        }
        if protocol == "PrometheusProto" {
            // That a histogram began at 0 Prometheus 3.5 does not consider: it takes it to
            // have begun half a step before.
            let increase = format!("histogram_count(increase({native}[1m]))");
            let found = prometheus.number_at(&increase, at);
            assert!(
                found.is_some_and(|found| (0.999..1.501).contains(&found)),
                "{native} grew by {found:?}"
            );
        }
        let rate = prometheus.number(&format!("rate({counter}[1m])"));
        assert!(rate.is_some_and(|rate| rate > 0.0), "{protocol}: {rate:?}");

        // What it did exist for says that nothing failed.
        let failures = "sum(increase(http_requests_total{status=~\"5..\"}[1m]))";
        assert_eq!(prometheus.number(failures), Some(0.0), "{protocol}");
    }
}
