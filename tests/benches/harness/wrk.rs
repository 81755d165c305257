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
    requests_per_second_of(wrk, url, connections, seconds, None)
}

/// The same, of the requests that this script says.
///
/// # Panics
///
/// As [`requests_per_second`].
pub fn requests_per_second_of(
    wrk: &Path,
    url: &str,
    connections: usize,
    seconds: u64,
    script: Option<&Path>,
) -> f64 {
    let mut command = Command::new(wrk);
    if let Some(script) = script {
        command.arg("-s").arg(script);
    }
    let output = command
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
