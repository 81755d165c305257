//! README, CONTRIBUTING and `docs/` stay true: their commands run, and the endpoints,
//! metrics and benchmarks in their tables are those that exist. What else they name
//! is in the test `pages`; the course's commands are in `texts` of the package `workshop`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::manager::{Directory, Manager};
use crate::support::mosquitto::Mosquitto;
use crate::support::pager::Pager;
use crate::support::proplet::Running;
use crate::support::readme::{self, Page, files_in, root};
use crate::support::server::Server;
use crate::support::training::{DOCUMENTED, pushed};
use crate::support::{http, peers};

const MANIFESTS: [&str; 2] = [
    include_str!("../../Cargo.toml"),
    include_str!("../../exercises/workshop/Cargo.toml"),
];
const BUILT: &str = env!("CARGO_BIN_EXE_golden-signals");

/// What runs a command of these pages.
#[derive(Debug, PartialEq)]
enum Runner {
    /// This file, against a service of its own in place of the one on port 8000.
    Service,
    /// This file, with a broker, a manager and a proplet of its own.
    Processes,
    /// The test of this name, or the step of a test, does the same.
    Test(&'static str),
    /// CI does, or whoever reads this sentence does.
    Ci,
}

/// A command that nothing runs does not belong in these pages: this fails on it.
fn runner(command: &str) -> Runner {
    use Runner::{Ci, Processes, Service, Test};

    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["curl", ..]
            if [":8080/", ":9641/"]
                .iter()
                .any(|port| command.contains(port)) =>
        {
            Processes
        }
        ["mosquitto" | "mosquitto_sub", ..] | ["golden-signals", "manager" | "proplet"] => {
            Processes
        }
        ["curl" | "hey", ..] | ["cargo", "run", "--release", "--", "train", ..] => Service,
        // As the test `texts` of the course does those of its own pages.
        ["cargo", "workshop", ..]
            if Page::read("exercises/README.md")
                .commands()
                .contains(&command.to_owned()) =>
        {
            Test("every_command_runs")
        }
        ["cargo", "run", "--release"] => {
            Test("good_variables_hold_and_without_a_subcommand_it_serves")
        }
        // On a real engine, as they stand.
        ["docker", "compose", "run", ..] => Test("the_readmes_commands_run"),
        // On a real engine, step by step.
        ["docker", "compose", "up", "--build"] => {
            Test("the_stack_starts_counts_scales_persists_and_stops")
        }
        ["docker", "compose", "up", "--build", "--detach", "student"] => {
            Test("what_the_student_writes_is_scraped")
        }
        ["docker", "compose", "up", "--detach", "--scale", "app=3"] => {
            Test("replicas_are_found_and_lost")
        }
        ["docker", "compose", "up", "--detach", "app", "proplet"] => {
            Test("the_runbooks_cure_of_a_killed_service_starts_the_proplet_too")
        }
        ["docker", "compose", "--profile", "all", "down", "--volumes"] => {
            Test("it_goes_without_a_trace")
        }
        // On ports of their own, to an end.
        [_, "golden-signals", "train", "--global-config", _] => {
            Test("the_files_of_the_stack_can_be_used")
        }
        ["golden-signals", "model", "truth", ..] => {
            Test("the_models_page_shows_commands_that_print_the_truth")
        }
        ["golden-signals", "train", "--role", ..] => {
            Test("what_the_page_s_commands_have_learned_survives_their_being_killed")
        }
        // The test `pages` holds the aliases to what CI runs.
        [".ci/run" | ".ci/install-peers"]
        | ["cargo", "lint" | "docs"]
        | ["cargo", "fmt", "--all"]
        | ["cargo", "test", "--workspace"] => Ci,
        _ => panic!("no test runs this command of the pages: {command}"),
    }
}

/// The commands that this file runs in this way, with the test dependencies on the `PATH`.
fn commands_of(runner_of: &Runner) -> Vec<String> {
    let commands = readme::commands().into_iter();
    commands
        .filter(|command| runner(command) == *runner_of)
        .collect()
}

/// Runs it, and returns what it printed. curl succeeds even when the answer is an error,
/// unless a flag says otherwise.
fn run(script: &str) -> String {
    let script = script.replacen("curl ", "curl --fail-with-body --silent --show-error ", 1);
    let output = Command::new("sh").args(["-ec", &script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_has_its_test() {
    let commands = readme::commands();
    assert!(commands.len() >= 25, "{commands:?}");
    let mut tests = String::new();
    for directory in ["tests", "exercises/workshop/tests"] {
        for file in files_in(&root().join(directory)) {
            if file.extension().is_some_and(|extension| extension == "rs") {
                tests += &fs::read_to_string(file).unwrap();
            }
        }
    }
    for command in commands {
        if let Runner::Test(name) = runner(&command) {
            let is_there = tests.contains(&format!("fn {name}("));
            assert!(is_there, "no test {name}, which is to run: {command}");
        }
    }
}

#[test]
fn the_services_commands_run() {
    let commands = commands_of(&Runner::Service);
    assert!(commands.len() >= 5, "{commands:?}");
    let Some(hey) = peers::require("hey") else {
        return;
    };
    let server = Server::start(&["--seed", "1"]);
    for command in commands {
        // What cargo has built already.
        let script = command
            .replace("127.0.0.1:8000", &server.address().to_string())
            .replacen("cargo run --release --", BUILT, 1)
            .replacen("hey ", &format!("{} ", hey.display()), 1);
        let said = run(&script);
        assert!(!said.contains("Error distribution"), "{script}\n{said}");
    }
    // They did what they say: the faults are those of the block that sets them.
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["error_rate"], 0.2, "{faults}");
    assert_eq!(server.get("/control/traffic").json()["rate"], 50.0);
}

/// Those of docs/processes.md, from a broker to the metrics of a task; and its
/// table of metrics is what is exposed then.
#[test]
fn the_processes_commands_run() {
    let commands = commands_of(&Runner::Processes);
    assert!(commands.len() >= 9, "{commands:?}");
    let (Some(mosquitto), Some(subscriber)) =
        (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let _proplet = Running::proplet(broker.address(), &[]);
    manager.get_when("/proplets", "the proplet lives", |page| {
        page["proplets"][0]["alive"] == true
    });
    let api = manager.server.address().to_string();
    let mut metrics = String::new();
    for command in commands {
        // These three run already, on ports of their own.
        if [
            "mosquitto -p 1883",
            "golden-signals manager",
            "golden-signals proplet",
        ]
        .contains(&command.as_str())
        {
            continue;
        }
        let port = broker.address().port();
        let watched = format!("{} -p {port} -C 4 -W 60 ", subscriber.display());
        let script = command
            .replace("localhost:8080", &api)
            .replace("localhost:9641", &manager.metrics_address().to_string())
            .replacen("mosquitto_sub ", &watched, 1);
        let said = run(&script);
        if command.contains("task_metrics") {
            assert!(said.contains("control/proplet/"), "{script}\n{said}");
        } else if command.contains("/tasks/test-123/metrics") {
            let page: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert!(page["metrics"].is_array(), "{page}");
        } else if command.contains(":9641") {
            metrics = said;
        }
    }
    assert!(metrics.contains("proplet_up"), "{metrics}");
    assert_eq!(manager.get("/tasks/test-123")["id"], "test-123");
    let gone = manager.server.get("/tasks/leak");
    assert_eq!(gone.status, 404, "{}", gone.text());

    // Of a task there is all by its second sample.
    let metrics = manager.metrics_when("the task is sampled", |metrics| {
        metrics.sum("proplet_task_samples_total", &[]) >= 2.0
    });
    let exposed: BTreeSet<&str> = metrics.types.keys().map(String::as_str).collect();
    let page = Page::read("docs/processes.md");
    let named: Vec<&str> = first_spans(&page, "Metrics");
    for pattern in &named {
        let is_there = exposed.iter().any(|name| fits(name, pattern));
        // A kernel tells of control groups what its version has.
        let of_group = pattern.starts_with("container_");
        assert!(is_there || of_group, "no metric {pattern} in {exposed:?}");
    }
    let is_named = |name: &&&str| named.iter().any(|pattern| fits(name, pattern));
    let missing: Vec<_> = exposed.iter().filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "the page does not mention {missing:?}");
}

/// Whether a name fits a pattern such as `manager_series…` or `a_total{label}`.
fn fits(name: &str, pattern: &str) -> bool {
    let pattern = pattern.split('{').next().unwrap();
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for part in &parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || parts.last().is_some_and(|last| last.is_empty())
}

/// What stands between backticks in the first cells of a section's tables.
fn first_spans<'a>(page: &'a Page, section: &str) -> Vec<&'a str> {
    let rows = page.table(section);
    let spans = rows.iter().flat_map(|row| &row.cells[0].spans);
    spans.map(String::as_str).collect()
}

#[test]
fn the_endpoints_are_those_that_are_described() {
    endpoints_are_described(&Server::start(&["--error-rate", "0"]), "docs/service.md");
    endpoints_are_described(&Pager::start(&[]).server, "docs/pager.md");
}

fn endpoints_are_described(server: &Server, page: &str) {
    let description = server.get("/openapi.json").json();
    let described = description["paths"].as_object().unwrap().keys().cloned();
    // The pages and the description itself are not in it, but the page names them.
    let pages = ["/", "/docs", "/openapi.json"].map(str::to_owned);
    let described: BTreeSet<String> = described.chain(pages).collect();
    let page = Page::read(page);
    let rows = page.table("Endpoints");
    let spans = rows
        .iter()
        .flat_map(|row| row.cells.iter().flat_map(|cell| &cell.spans));
    let named: BTreeSet<String> = spans
        .filter_map(|span| span.split_whitespace().last())
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = described.difference(&named).collect();
    assert!(missing.is_empty(), "the page does not mention {missing:?}");
    for path in &named {
        let status = http::request(server.address(), "HEAD", path, &[], b"").status;
        // The docs are a directory; what is only posted to does not take this
        // method.
        assert!(matches!(status, 200 | 307 | 405), "{path}: {status}");
    }
}

#[test]
fn the_metrics_are_those_that_are_exposed() {
    // Some metrics are born with their first event.
    let eventful = Server::start(&[
        "--traffic=100",
        "--predict-share=1",
        "--label-delay=constant(10ms)",
        "--model-max-age=30days",
    ]);
    metrics_are_exposed(&eventful, "docs/service.md");
    metrics_are_exposed(&Pager::start(&[]).server, "docs/pager.md");
}

fn metrics_are_exposed(server: &Server, page: &str) {
    let page = Page::read(page);
    let spans = first_spans(&page, "Metrics");
    let start = Instant::now();
    let metrics = loop {
        let metrics = server.metrics();
        let is_there = |span: &&str| metrics.types.keys().any(|name| fits(name, span));
        if spans.iter().all(is_there) || start.elapsed() > TIMEOUT {
            break metrics;
        }
        thread::sleep(Duration::from_millis(50));
    };
    let exposed: BTreeSet<&str> = metrics.types.keys().map(String::as_str).collect();
    let mut named = BTreeSet::new();
    for span in spans {
        let fitting = exposed.iter().filter(|name| fits(name, span));
        let fitting: Vec<_> = fitting.copied().collect();
        assert!(!fitting.is_empty(), "no metric {span}");
        named.extend(fitting);
    }
    let missing: Vec<_> = exposed.difference(&named).collect();
    assert!(missing.is_empty(), "the page does not mention {missing:?}");
}

#[test]
fn the_trainings_metrics_are_those_that_it_pushes() {
    let page = Page::read("docs/training.md");
    let documented: BTreeSet<&str> = DOCUMENTED.iter().map(|(name, _)| *name).collect();
    let named: BTreeSet<&str> = first_spans(&page, "The fifteen metrics")
        .into_iter()
        .collect();
    assert_eq!(named, documented);
    for metric in pushed() {
        let is_named = page.spans.contains(&metric.name);
        assert!(is_named, "the page does not mention {}", metric.name);
    }
}

#[test]
fn every_benchmark_exists() {
    let benches: BTreeSet<&str> = MANIFESTS
        .iter()
        .flat_map(|manifest| manifest.split("[[bench]]").skip(1))
        .filter_map(|bench| bench.split('"').nth(1))
        .collect();
    let page = Page::read("docs/benchmarks.md");
    let rows = page.table("Figures");
    // The first one is the table's head.
    let commands = rows[1..].iter().map(|row| row.cells.last().unwrap());
    let table: BTreeSet<&str> = commands
        .flat_map(|cell| &cell.spans)
        .map(String::as_str)
        .collect();
    assert_eq!(table, benches);
}
