//! The README cannot rot: its commands run, its links lead somewhere, and the
//! endpoints, metrics, options and benchmarks that it names exist.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::http;
use support::peers;
use support::readme::{self, README};
use support::server::Server;

const MANIFEST: &str = include_str!("../Cargo.toml");

/// Who runs a command of the README.
enum Runner {
    /// This test, against a service of its own in place of the one on port 8000.
    Here,
    /// Whoever reads this sentence is doing it, or another test does.
    Elsewhere,
}

/// A command that nobody runs does not belong in the README: this fails on it.
fn runner(command: &str) -> Runner {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["curl" | "hey", ..] | ["cargo", "run", "--release", "--", "train", ..] => Runner::Here,
        // Every test of the service starts what the first one builds, and the second
        // one runs this test. The test `compose` does the others on a real engine:
        // what is run as it stands, the rest step by step.
        ["cargo", "run", "--release"]
        | ["cargo", "test"]
        | ["docker", "compose", "run", ..]
        | ["docker", "compose", "up", "--build" | "--detach", ..]
        | ["docker", "compose", "down", "--volumes"] => Runner::Elsewhere,
        _ => panic!("nobody runs this command of the README: {command}"),
    }
}

/// What stands between backticks on lines for which `on` holds.
fn code_spans(on: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let lines = README.lines().filter(|line| on(line));
    lines
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_command_runs() {
    let commands = readme::commands();
    assert!(commands.len() >= 5, "{commands:?}");
    let Some(hey) = peers::require("hey") else {
        return;
    };
    let server = Server::start(&["--seed", "1"]);
    for command in commands {
        if matches!(runner(&command), Runner::Elsewhere) {
            continue;
        }
        // curl ends well even when the answer is an error, unless it is told.
        let script = command
            .replace("127.0.0.1:8000", &server.address().to_string())
            .replacen(
                "cargo run --release --",
                env!("CARGO_BIN_EXE_golden-signals"),
                1,
            )
            .replacen("curl ", "curl --fail-with-body --silent --show-error ", 1)
            .replacen("hey ", &format!("{} ", hey.display()), 1);
        let output = Command::new("sh").args(["-ec", &script]).output().unwrap();
        assert!(output.status.success(), "{command}\n{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("Error distribution"), "{command}\n{said}");
    }
    // They did what they say: the faults are those of the block that sets them.
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["error_rate"], 0.2, "{faults}");
}

#[test]
fn every_link_leads_somewhere() {
    let targets: Vec<&str> = README
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(targets.len() > 10, "{targets:?}");
    for target in targets {
        let path = target.split('#').next().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert!(
            target.starts_with("https://") || file.exists(),
            "no {target}"
        );
    }
}

#[test]
fn the_endpoints_are_those_that_are_described() {
    let server = Server::start(&[]);
    let description = server.get("/openapi.json").json();
    let described = description["paths"].as_object().unwrap().keys().cloned();
    // The files that pages are made of are nobody's endpoints.
    let described: BTreeSet<String> = described.filter(|path| !path.contains('{')).collect();
    let rows = code_spans(|line| line.starts_with("| `") && line.contains(" /"));
    let named: BTreeSet<String> = rows
        .iter()
        .filter_map(|span| span.split_whitespace().last())
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = described.difference(&named).collect();
    assert!(missing.is_empty(), "the README is silent on {missing:?}");
    for path in &named {
        let status = http::request(server.address(), "HEAD", path, &[], b"").status;
        // The docs are a directory; what is only posted to does not take this method.
        assert!(matches!(status, 200 | 307 | 405), "{path}: {status}");
    }
}

#[test]
fn the_metrics_are_those_that_are_exposed() {
    let server = Server::start(&[]);
    let metrics = server.metrics();
    let exposed: BTreeSet<&str> = metrics.types.keys().map(String::as_str).collect();
    let mut named = BTreeSet::new();
    for span in code_spans(|line| line.starts_with("| `") && !line.contains('/')) {
        match span.strip_suffix("_…") {
            Some(prefix) => named.extend(exposed.iter().filter(|name| name.starts_with(prefix))),
            None => {
                assert!(exposed.contains(span), "no metric {span}");
                named.insert(span);
            }
        }
    }
    let missing: Vec<_> = exposed.difference(&named).collect();
    assert!(missing.is_empty(), "the README is silent on {missing:?}");
}

#[test]
fn every_benchmark_is_there() {
    let benches: BTreeSet<&str> = MANIFEST
        .split("[[bench]]")
        .skip(1)
        .filter_map(|bench| bench.split('"').nth(1))
        .collect();
    let figures = README.split("## Figures").nth(1).unwrap();
    let table: BTreeSet<&str> = figures
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.rsplit('`').nth(1))
        .collect();
    assert_eq!(table, benches);
}
