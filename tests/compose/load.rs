//! The stack under load: what the load tools report is what Prometheus counts, and replicas
//! come and go without a client noticing.

use std::time::Instant;

use crate::support::engine::Stack;
use crate::support::{TIMEOUT, http};

pub(crate) fn prometheus_counts_what_hey_counts(stack: &Stack) {
    // A multiple of the clients: hey sends no others.
    let command = ["run", "--rm", "-T", "load", "hey", "-n", "3000", "-c", "20"];
    let report = stack.compose(&[&command[..], &["http://balancer:8000/random"]].concat());
    let sent: Vec<_> = ["200", "500"]
        .into_iter()
        .map(|status| (status, reported(&report, status)))
        .collect();
    let all: u64 = sent.iter().map(|(_, count)| count).sum();
    assert_eq!(all, 3000, "{report}");
    let counted = r#"http_requests_total{job="app", route="/random""#;
    stack.number_when(&format!("sum({counted}}})"), |sum| sum >= 3000.0);
    for (status, sent) in sent {
        let counted = format!(r#"sum({counted}, status="{status}"}})"#);
        assert_eq!(stack.number(&counted), Some(sent as f64), "status {status}");
    }
    let durations = r#"http_request_duration_seconds{job="app", route="/random"}"#;
    let native = stack.number(&format!("histogram_count(sum({durations}))"));
    assert_eq!(native, Some(3000.0), "in the native histogram");
}

/// The count beside `[status]` in what hey and our script for wrk report.
fn reported(report: &str, status: &str) -> u64 {
    let mark = format!("[{status}]");
    let line = report.lines().find(|line| line.trim().starts_with(&mark));
    let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    count.unwrap_or_else(|| panic!("no {mark} in\n{report}"))
}

pub(crate) fn wrk_reports_by_its_script(stack: &Stack) {
    let command = ["run", "--rm", "-T", "load", "wrk", "-t1", "-c10", "-d2s"];
    let target = ["-s", "random.lua", "http://balancer:8000"];
    let report = stack.compose(&[&command[..], &target].concat());
    let answered = reported(&report, "200") + reported(&report, "500");
    // It hangs up on what is under way at its end: the service counts a few more.
    stack.number_when(
        r#"sum(http_requests_total{job="app", route="/random"})"#,
        |sum| sum >= (3000 + answered) as f64,
    );
    assert!(report.contains("99.0%"), "{report}");
}

pub(crate) fn replicas_are_found_and_lost(stack: &Stack) {
    let scale = ["up", "--detach", "--no-build", "--no-recreate", "--wait"];
    stack.compose(&[&scale[..], &["--scale", "app=3", "app"]].concat());
    let up = r#"count(up{job="app"} == 1)"#;
    let known = r#"count(up{job="app"})"#;
    stack.number_when(up, |count| count == 3.0);
    // Load leaves the replicas that it meets.
    let load = ["run", "--rm", "-T", "load", "hey", "-n", "20", "-c", "2"];
    stack.compose(&[&load[..], &["http://balancer:8000/random"]].concat());
    let replicas = stack.compose(&["ps", "--quiet", "app"]);
    assert_eq!(replicas.lines().count(), 3, "{replicas}");

    // The one door leads to all of them.
    let each = r#"min(sum by (instance) (http_requests_total{job="app", route="/random"}))"#;
    let start = Instant::now();
    while stack.number(each).is_none_or(|least| least == 0.0) {
        assert!(start.elapsed() < TIMEOUT, "a replica gets no requests");
        let status = http::get(stack.address("balancer", 8000), "/random", &[]).status;
        assert!([200, 500].contains(&status), "{status}");
    }

    // The last one: the proplet lives and dies with the first.
    let replica = format!("{}-app-3", stack.project());
    stack.docker().run(&["stop", &replica]);
    stack.number_when(known, |count| count == 2.0);
    assert_eq!(stack.number(up), Some(2.0));
    // Nobody outside notices that it is gone.
    for _ in 0..20 {
        let status = http::get(stack.address("balancer", 8000), "/random", &[]).status;
        assert!([200, 500].contains(&status), "{status}");
    }
}
