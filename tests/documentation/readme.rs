//! The README cannot rot: its commands run, its links lead somewhere, and the
//! endpoints, metrics, options and benchmarks that it names exist.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::support::http;
use crate::support::peers;
use crate::support::readme::{self, README};
use crate::support::server::Server;

const MANIFESTS: [&str; 2] = [
    include_str!("../../Cargo.toml"),
    include_str!("../../exercises/workshop/Cargo.toml"),
];
const COURSE: &str = include_str!("../../exercises/README.md");
const BUILT: &str = env!("CARGO_BIN_EXE_golden-signals");

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
        // The course's own tests run what its page shows; its watching is told there.
        ["cargo", "workshop", ..] if COURSE.lines().any(|line| line == command) => {
            Runner::Elsewhere
        }
        // Every test of the service starts what the first one builds, and the second
        // one runs this test. The test `compose` does the others on a real engine:
        // what is run as it stands, the rest step by step.
        ["cargo", "run", "--release"]
        | ["cargo", "test", "--workspace"]
        | ["docker", "compose", "run", ..]
        | ["docker", "compose", "up", "--build" | "--detach", ..]
        | ["docker", "compose", "down", "--volumes"] => Runner::Elsewhere,
        _ => panic!("nobody runs this command of the README: {command}"),
    }
}

/// The text under this heading, up to the next of its rank.
fn section(heading: &str) -> &'static str {
    let mut sections = README.split("\n## ");
    let section = sections.find_map(|section| section.strip_prefix(&format!("{heading}\n")));
    section.unwrap_or_else(|| panic!("no section {heading}"))
}

/// What stands between backticks in the rows of a section's table.
fn code_spans(heading: &str) -> Vec<&'static str> {
    let rows = section(heading).lines();
    rows.filter(|line| line.starts_with("| `"))
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
        // What cargo has built already; and curl ends well even when the answer is an
        // error, unless it is told.
        let script = command
            .replace("127.0.0.1:8000", &server.address().to_string())
            .replacen("cargo run --release --", BUILT, 1)
            .replacen("curl ", "curl --fail-with-body --silent --show-error ", 1)
            .replacen("hey ", &format!("{} ", hey.display()), 1);
        let output = Command::new("sh").args(["-ec", &script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("Error distribution"), "{script}\n{said}");
    }
    // They did what they say: the faults are those of the block that sets them.
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["error_rate"], 0.2, "{faults}");
}

/// The README, and the pages that go on from it.
const PAGES: [(&str, &str); 3] = [
    ("README.md", README),
    ("docs/training.md", include_str!("../../docs/training.md")),
    ("docs/processes.md", include_str!("../../docs/processes.md")),
];

#[test]
fn every_link_leads_somewhere() {
    for (page, text) in PAGES {
        links_lead_somewhere(Path::new(page), text);
    }
}

/// `#anchors` as GitHub makes them of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let plain = |heading: &str| heading.replace(['`', ',', '.', ':'], "");
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| plain(&heading).replace(' ', "-"))
        .collect()
}

fn links_lead_somewhere(page: &Path, text: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = root.join(page.parent().unwrap());
    let targets: Vec<&str> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(!targets.is_empty(), "{} leads nowhere", page.display());
    for target in targets {
        if target.starts_with("https://") || target.starts_with("http://127.0.0.1:") {
            continue;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = match path {
            "" => root.join(page),
            _ => directory.join(path),
        };
        assert!(file.exists(), "{}: no {target}", page.display());
        if !anchor.is_empty() {
            let anchors = anchors(&std::fs::read_to_string(file).unwrap());
            assert!(anchors.contains(anchor), "{}: no {target}", page.display());
        }
    }
}

#[test]
fn the_endpoints_are_those_that_are_described() {
    let server = Server::start(&[]);
    let description = server.get("/openapi.json").json();
    let described = description["paths"].as_object().unwrap().keys().cloned();
    // The files that pages are made of are nobody's endpoints.
    let described: BTreeSet<String> = described.filter(|path| !path.contains('{')).collect();
    let named: BTreeSet<String> = code_spans("Endpoints")
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
    for span in code_spans("Metrics") {
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
    let benches: BTreeSet<&str> = MANIFESTS
        .iter()
        .flat_map(|manifest| manifest.split("[[bench]]").skip(1))
        .filter_map(|bench| bench.split('"').nth(1))
        .collect();
    let table: BTreeSet<&str> = section("Figures")
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.rsplit('`').nth(1))
        .collect();
    assert_eq!(table, benches);
}
