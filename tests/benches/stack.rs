//! The stack on a real Docker engine: how long its image takes to build, first and
//! after one line has changed; how large it is; how long from `up` to data; what memory
//! all of it takes, and which processor time; and how long from a student's edit to its series ([`edit`]), which
//! is measured without an engine too. Grafana counts where its image can be had.
//!
//! `cargo bench --bench stack -- edit` measures the last one alone.

#[path = "stack/edit.rs"]
mod edit;
#[path = "harness/mod.rs"]
mod harness;
#[path = "stack/idle.rs"]
mod idle;
#[path = "../support/mod.rs"]
mod support;

use std::thread;
use std::time::{Duration, Instant};

use harness::report::{Report, Target};
use support::engine::{Docker, Stack};
use support::peers;

/// How often it is brought up: the median counts.
const ROUNDS: usize = 3;
/// So long it runs under its own traffic before its memory is read.
const SETTLING: Duration = Duration::from_secs(30);

fn main() {
    if !harness::wanted() {
        return;
    }
    let mut report = Report::new();
    if let Some(binary) = peers::require("prometheus") {
        edit::natively(&binary, &mut report);
    }
    if let Some(docker) = Docker::require_engine() {
        let stack = Stack::new(&docker, &[]);
        if std::env::args().any(|argument| argument == "edit") {
            build(&stack, &[]);
        } else {
            of_the_images_and_all_services(&docker, &stack, &mut report);
        }
        edit::in_the_stack(&stack, &mut report);
    }
    report.print();
}

fn of_the_images_and_all_services(docker: &Docker, stack: &Stack, report: &mut Report) {
    let first = build(stack, &["--no-cache"]);
    // A revision is compiled in: with another one the same is built again as with a
    // line changed, which is our own crate, and no dependency.
    let again = build(stack, &["--build-arg", "REVISION=one-line-changed"]);
    report.row(
        "first build of the images",
        first,
        0,
        "s",
        Target::AtMost(300.0),
    );
    report.row("build after a changed line", again, 0, "s", Target::None);
    let share = again / first;
    report.row("its share of the first", share, 2, "", Target::AtMost(0.25));
    let image = &docker.inspect(&[&stack.variable("APP_IMAGE")])[0];
    let size = image["Size"].as_f64().expect("an image has a size") / 1e6;
    report.row("size of the image", size, 1, "MB", Target::AtMost(60.0));

    for (profile, target) in [("", 5.0), ("all", 12.0)] {
        let stack = Stack::new(docker, &[("COMPOSE_PROFILES", profile)]);
        of_a_profile(&stack, profile, Target::AtMost(target), report);
    }
}

fn of_a_profile(stack: &Stack, profile: &str, idle: Target, report: &mut Report) {
    let named = |figure: &str| match profile {
        "" => format!("without a profile: {figure}"),
        _ => format!("profile {profile}: {figure}"),
    };
    let services = stack.services();
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            stack.down();
            up_to_first_data(stack, &services)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    let figure = named(&format!("from up to data, median of {ROUNDS}"));
    report.row(&figure, median, 1, "s", Target::AtMost(12.0));

    thread::sleep(SETTLING);
    let mut all = 0.0;
    for (name, mebibytes) in memory(stack) {
        all += mebibytes;
        let figure = named(&format!("memory of {name}"));
        report.row(&figure, mebibytes, 1, "MiB", Target::None);
    }
    let figure = named(&format!("memory of all {}", services.len()));
    report.row(&figure, all, 0, "MiB", Target::None);

    let shares = idle::shares_of_a_core(stack);
    for (name, share) in &shares {
        let figure = named(&format!("processor time of {name}"));
        report.row(&figure, share * 100.0, 2, "% of a core", Target::None);
    }
    let sum: f64 = shares.iter().map(|(_, share)| share * 100.0).sum();
    let figure = named("processor time of all and the engine");
    report.row(&figure, sum, 1, "% of a core", idle);
}

/// Seconds of `docker compose build app student`.
fn build(stack: &Stack, arguments: &[&str]) -> f64 {
    let start = Instant::now();
    stack.compose(&[&["build"], arguments, &["app", "student"]].concat());
    start.elapsed().as_secs_f64()
}

/// Seconds from the command to the first sample of the service's traffic.
fn up_to_first_data(stack: &Stack, services: &[String]) -> f64 {
    let services: Vec<_> = services.iter().map(String::as_str).collect();
    let start = Instant::now();
    stack.compose(&[&["up", "--detach", "--no-build"], &services[..]].concat());
    let expression = r#"http_requests_total{job="app", route="/random"}"#;
    while !stack.answers("prometheus", 9090, "/-/ready") || stack.query(expression, None).is_empty()
    {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "no data arrives"
        );
        thread::sleep(Duration::from_millis(100));
    }
    start.elapsed().as_secs_f64()
}

/// What each container takes, in MiB, as the engine counts it.
fn memory(stack: &Stack) -> Vec<(String, f64)> {
    let containers = stack.containers();
    let identifiers: Vec<_> = containers
        .iter()
        .filter_map(|container| container["Id"].as_str())
        .collect();
    let stats = [
        "stats",
        "--no-stream",
        "--format",
        "{{.Name}} {{.MemUsage}}",
    ];
    let lines = stack.docker().run(&[&stats[..], &identifiers].concat());
    let mut taken: Vec<_> = lines
        .lines()
        .filter_map(|line| {
            let (name, usage) = line.split_once(' ')?;
            let name = name.trim_start_matches(stack.project()).trim_matches('-');
            Some((name.to_owned(), mebibytes(usage.split(' ').next()?)?))
        })
        .collect();
    taken.sort_by(|one, other| one.0.cmp(&other.0));
    taken
}

/// `63.18MiB` as a number.
fn mebibytes(text: &str) -> Option<f64> {
    for (unit, factor) in [("GiB", 1024.0), ("MiB", 1.0), ("KiB", 1.0 / 1024.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse().ok().map(|number: f64| number * factor);
        }
    }
    None
}
