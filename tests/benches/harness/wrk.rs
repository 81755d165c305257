//! Runs wrk and reads what it prints.

use std::path::Path;
use std::process::{Command, Stdio};

/// Answered requests per second, over one thread and this many connections.
///
/// # Panics
///
/// With all that wrk wrote, if a single answer was not 2xx or a socket failed:
/// such a figure would say nothing.
pub fn requests_per_second(wrk: &Path, url: &str, connections: usize, seconds: u64) -> f64 {
    let output = Command::new(wrk)
        .args([
            "-t1",
            &format!("-c{connections}"),
            &format!("-d{seconds}s"),
            url,
        ])
        .stdin(Stdio::null())
        .output()
        .expect("wrk was found and starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let spoilt = said.contains("Non-2xx") || said.contains("Socket errors");
    assert!(output.status.success() && !spoilt, "wrk {url}: {said}");
    said.lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .and_then(|rate| rate.trim().parse().ok())
        .unwrap_or_else(|| panic!("wrk {url} gave no rate: {said}"))
}
