//! The bucket lab, as a real Prometheus sees it: what exercise 10 predicts is
//! what it reports, the two numbers of its own documentation among it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use workshop::http;
use workshop::lab::{Lab, Reported};
use workshop::mystery::{Distribution, Kind};

const TIMEOUT: Duration = Duration::from_secs(60);

fn lab(delays: &str) -> Lab {
    let delays = Distribution::parse(Kind::Delays, delays).unwrap();
    Lab::start("127.0.0.1:0", &delays, Some(vec![0.15, 0.25, 0.5])).unwrap()
}

fn reported(delays: &str) -> Option<Vec<Reported>> {
    peers::require("prometheus")?;
    let lab = lab(delays);
    let prometheus = lab.prometheus().unwrap();
    Some(lab.reported(&prometheus, TIMEOUT).unwrap())
}

fn p95(all: &[Reported], buckets: &str) -> f64 {
    let one = all.iter().find(|one| one.buckets == buckets).unwrap();
    let (low, high) = one.between;
    assert!(low < one.p95 && one.p95 <= high, "{one:?}");
    one.p95
}

// <https://prometheus.io/docs/practices/histograms/#errors-of-quantile-estimation>
#[test]
fn prometheus_reports_220_ms_as_295_and_320_ms_as_442_and_a_half() {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} instead of {b}");
    let Some(all) = reported("constant(220ms)") else {
        return;
    };
    near(p95(&all, "slo"), 0.295);
    near(p95(&all, "default"), 0.2425);
    near(p95(&all, "own"), 0.245);
    near(p95(&all, "native"), (-18.0 / 8.0 + 0.95 / 8.0_f64).exp2());
    let all = reported("constant(320ms)").unwrap();
    near(p95(&all, "slo"), 0.4425);
    near(p95(&all, "default"), 0.4875);
    near(p95(&all, "own"), 0.4875);
    near(p95(&all, "native"), (-14.0 / 8.0 + 0.95 / 8.0_f64).exp2());
    // The same bounds make the same number, out of one series instead of one for each bucket,
    // one for `+Inf`, the sum and the count.
    for (buckets, bounds) in [("default", 11), ("slo", 4), ("own", 3)] {
        let one = all.iter().find(|one| one.buckets == buckets).unwrap();
        let (converted, series) = one.converted.unwrap();
        near(converted, one.p95);
        assert_eq!((one.series, series), (bounds + 3, 1), "{buckets}");
    }
    let native = all.last().unwrap();
    assert_eq!((native.series, native.converted), (1, None));
}

#[test]
fn whoever_looks_with_curl_sees_the_same_counts() {
    let lab = lab("constant(220ms)");
    let page = loop {
        let page = http::request(lab.address(), "GET", "/metrics")
            .unwrap()
            .body;
        if !page.contains("lab_slo_seconds_count 0\n") {
            break page;
        }
    };
    let count = |name: &str| -> u64 {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    };
    let all = count("lab_native_seconds_count");
    for (bucket, expected) in [
        ("lab_default_seconds_bucket{le=\"0.1\"}", 0),
        ("lab_default_seconds_bucket{le=\"0.25\"}", all),
        ("lab_slo_seconds_bucket{le=\"0.2\"}", 0),
        ("lab_slo_seconds_bucket{le=\"0.3\"}", all),
        ("lab_own_seconds_bucket{le=\"0.15\"}", 0),
        ("lab_own_seconds_bucket{le=\"+Inf\"}", all),
    ] {
        assert_eq!(count(bucket), expected, "{bucket} of {all}");
    }
    let elsewhere = http::request(lab.address(), "GET", "/").unwrap();
    assert_eq!(elsewhere.status, 404);
}
