//! What can be typed: subcommands, flags, tests, benchmarks and services of the stack, in
//! code blocks and in prose; and that a command which no test runs has its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::repository::checked_in;
use crate::support::readme::Page;

/// Commands outside code blocks of `sh`, which no test runs, and why.
const NOT_RUN: [(&str, &str); 7] = [
    (
        "cargo workshop reset 2",
        "the test `commands` of the course does it in a copy",
    ),
    (
        "curl -X PUT http://127.0.0.1:8000/control/mystery",
        "the test `course` does it over HTTP, on a port of its own",
    ),
    (
        "docker compose up --detach mosquitto",
        "the test `compose` starts all services",
    ),
    (
        "export GOLDEN_CONTROL_TOKEN",
        "the test `stack` renders with secrets of its own",
    ),
    (
        "export GOLDEN_MYSTERY_SALT",
        "the test `distributions` sets the salt",
    ),
    (
        "export WORKSHOP_CLASS",
        "the test `class` of the course sets it",
    ),
    (
        "golden-signals mystery salt",
        "the test `secret_options` of the service does it",
    ),
];
/// What a command begins with.
const PROGRAMS: [&str; 11] = [
    "cargo",
    "curl",
    "docker",
    "export",
    "git",
    "golden-signals",
    "hey",
    "mosquitto",
    "mosquitto_sub",
    "promtool",
    "wrk",
];

/// In prose, where no test runs them: `docker compose logs --tail 50 app`.
#[test]
fn the_stacks_services_are_those_of_the_compose_file() {
    let file = include_str!("../../docker-compose.yml");
    let services = file.split_once("\nservices:\n").unwrap().1;
    let services: BTreeSet<&str> = services
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with([' ', '#']))
        .collect();
    assert!(
        services.contains("app") && services.len() >= 14,
        "{services:?}"
    );
    let mut seen = 0;
    for page in Page::all() {
        for text in page.spans.iter().chain(&page.commands()) {
            let Some(words) = text.strip_prefix("docker compose ") else {
                continue;
            };
            let mut words = words.strip_prefix("--profile all ").unwrap_or(words);
            while let Some((_, rest)) = words
                .strip_prefix("-f ")
                .and_then(|words| words.split_once(' '))
            {
                words = rest;
            }
            let mut words = words.split_whitespace();
            let verb = words.next();
            let mut words =
                words.filter(|word| !word.starts_with('-') && word.parse::<u32>().is_err());
            let named: Vec<_> = match verb {
                // What follows the service is a command in it.
                Some("run" | "exec") => words.next().into_iter().collect(),
                Some(_) => words.collect(),
                None => panic!("{}: {text}", page.path),
            };
            for name in named {
                let name = name.split('=').next().unwrap();
                assert!(services.contains(name), "{}: {text}: no {name}", page.path);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} were found");
}

#[test]
fn subcommands_and_flags_are_those_of_help() {
    let ours = help();
    let course = include_str!("../../exercises/workshop/src/command/arguments.rs");
    let is_of_course = |word: &str| {
        let usage = format!("cargo workshop {word}");
        let mut lines = course.lines().map(|line| line.trim_start_matches('"'));
        lines.any(|line| line == usage || line.starts_with(&format!("{usage} ")))
    };
    let mut seen = 0;
    for page in Page::all() {
        let commands = page.commands();
        for text in page.spans.iter().chain(&commands) {
            let said = format!("{}: {text}", page.path);
            let words: Vec<_> = text.split_whitespace().collect();
            let flags = match words.as_slice() {
                ["cargo", "workshop", word, ..] => {
                    assert!(is_of_course(word), "{said}: no such subcommand");
                    seen += 1;
                    continue;
                }
                ["golden-signals", flags @ ..]
                | ["cargo", "run", "--release", "--", flags @ ..] => {
                    if let Some(role) = flags.first().filter(|word| !word.starts_with('-')) {
                        let role = ours.keys().any(|known| known == role);
                        assert!(role, "{said}: no such subcommand");
                    }
                    flags
                }
                [role, flags @ ..] if ours.contains_key(*role) && !flags.is_empty() => flags,
                [flag, ..] if flag.starts_with("--") => &words,
                _ => continue,
            };
            for flag in flags.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split('=').next().unwrap();
                let known =
                    ours.values().any(|help| mentions(help, flag)) || mentions(course, flag);
                assert!(known || FOREIGN_FLAGS.contains(&flag), "{said}: no {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} were found");
}

/// Flags of other programs.
const FOREIGN_FLAGS: [&str; 4] = [
    "--compatibility",
    "--profile",
    "--rules.alert.resend-delay",
    "--workspace",
];

/// Whether this word stands in the text, and not only as a longer one's beginning.
fn mentions(text: &str, word: &str) -> bool {
    let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
    let mut ends = text
        .match_indices(word)
        .map(|(at, _)| &text[at + word.len()..]);
    ends.any(|rest| rest.chars().next().is_none_or(is_end))
}

/// The subcommands of `model`.
const MODEL: [&str; 2] = ["train", "truth"];

/// What each subcommand's `--help` says.
fn help() -> BTreeMap<String, String> {
    let say = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let all = say(&["--help"]);
    let names = all
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let mut help: BTreeMap<_, _> = names
        .filter(|name| *name != "help")
        .map(|name| (name.to_owned(), say(&[name, "--help"])))
        .chain(MODEL.map(|name| (format!("model {name}"), say(&["model", name, "--help"]))))
        .collect();
    // Its flags are those of the steps of a game.
    for step in ["arm", "diagnose", "reveal", "verify"] {
        let of_step = say(&["incident", step, "--help"]);
        help.entry("incident".to_owned())
            .or_default()
            .push_str(&of_step);
    }
    assert!(help.len() >= 5, "{:?}", help.keys());
    help
}

#[test]
fn tests_and_benchmarks_that_are_named_exist() {
    let files = checked_in();
    let mut seen = 0;
    for page in Page::all() {
        for text in page.spans.iter().chain(&page.commands()) {
            let words: Vec<_> = text.split_whitespace().collect();
            for pair in words.windows(2) {
                let [flag @ ("--test" | "--bench"), name] = pair else {
                    continue;
                };
                // The place of a name.
                if *name == "NAME" || *name == "…" {
                    continue;
                }
                let ends = [format!("/{name}.rs"), format!("/{name}/main.rs")];
                let is_there = files.iter().any(|path| {
                    let directory = flag.trim_start_matches("--");
                    path.contains(directory) && ends.iter().any(|end| path.ends_with(end))
                });
                assert!(is_there, "{}: {text}: no {name}", page.path);
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "none is named");
}

/// Commands to type are in code blocks of `sh`, where a test runs them.
#[test]
fn no_command_hides_in_another_fence() {
    let mut excused = 0;
    for page in Page::all() {
        for fence in page.fences.iter().filter(|fence| fence.language != "sh") {
            for line in fence.text.lines() {
                let line = line.trim_start_matches("$ ");
                let program = line.split_whitespace().next().unwrap_or_default();
                if !PROGRAMS.contains(&program) {
                    continue;
                }
                let excuse = NOT_RUN.iter().any(|(command, _)| line.starts_with(command));
                assert!(excuse, "{}: nobody runs: {line}", page.path);
                excused += 1;
            }
        }
    }
    assert_eq!(excused, NOT_RUN.len(), "an exception that is not needed");
}

/// `cargo lint` and the like are what CI does.
#[test]
fn the_aliases_are_what_ci_runs() {
    let configuration = include_str!("../../.cargo/config.toml");
    let ci = include_str!("../../.ci/run");
    let contributing = Page::read("CONTRIBUTING.md");
    for alias in ["lint", "docs"] {
        let definition = format!("{alias} = \"");
        let mut lines = configuration.lines();
        let words = lines.find_map(|line| line.strip_prefix(&definition));
        let words = words.unwrap_or_else(|| panic!("no alias {alias}"));
        let command = format!("cargo {}", words.trim_end_matches('"'));
        assert!(ci.contains(&command), "CI does not run {command}");
        let line = format!("cargo {alias}");
        assert!(
            contributing.commands().contains(&line),
            "{line} is not shown"
        );
    }
}
