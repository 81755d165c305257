//! The command line and the watch mode, in a copy of the course.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod copy;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use copy::Copy;
use serde_json::Value;

// The service may have to be built first.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The watch mode, with its keys as lines.
struct Watch {
    child: Child,
    keys: ChildStdin,
    lines: Receiver<String>,
}

impl Watch {
    fn start(course: &Copy) -> Self {
        let mut child = course
            .command(&[])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let keys = child.stdin.take().unwrap();
        Self { child, keys, lines }
    }

    fn press(&mut self, key: char) {
        writeln!(self.keys, "{key}").unwrap();
    }

    /// Waits for a line with this in it.
    fn shows(&self, text: &str) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok(line) if line.contains(text) => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} in\n{}", seen.join("\n")),
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn watching_leads_from_the_first_verdict_to_the_next_exercise() {
    let course = Copy::new("watch");
    let mut watch = Watch::start(&course);
    watch.shows("# 1. ");
    watch.shows("Exercise 1. Traffic");
    watch.shows("01_traffic is not done yet [no-metric]");
    watch.press('n');
    watch.shows("This one is not done yet");
    watch.press('h');
    watch.shows("Hint 1 of 3");
    let solution = course.read("exercises/solutions/01_traffic/traffic.rs");
    course.write("exercises/01_traffic/traffic.rs", &solution);
    watch.shows("01_traffic is done");
    watch.shows("] 1 of ");
    watch.press('n');
    watch.shows("Exercise 2. Latency");
    watch.shows("02_latency is not done yet");
    course.write("exercises/02_latency/latency.rs", "fn broken( {");
    watch.shows("[does-not-compile]");
    watch.shows("latency.rs:1");
    watch.press('x');
    watch.shows("Really throw away");
    watch.press('y');
    watch.shows("02_latency is not done yet [no-metric]");
    watch.press('t');
    watch.shows("# 2. ");
    watch.shows("02_latency is not done yet [no-metric]");
    watch.press('l');
    watch.shows("02_latency");
    watch.press('q');
    assert!(watch.child.wait().unwrap().success());
    let stub = course.read("exercises/stubs/02_latency/latency.rs");
    assert_eq!(course.read("exercises/02_latency/latency.rs"), stub);
    assert_eq!(
        course.read("exercises/.progress"),
        "current 2\ndone 1\nhints 1 1\n"
    );
}

#[test]
fn watching_ends_with_its_input() {
    let course = Copy::new("no-input");
    assert!(course.run(&["go", "6"]).status.success());
    let mut command = course.command(&[]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("06_promql is not done yet"), "{said}");
}

#[test]
fn hints_go_deeper_and_stay_at_the_last() {
    let course = Copy::new("hints");
    for level in [1, 2, 3, 3] {
        let said = course.said(&["hint", "3"]);
        assert!(said.starts_with(&format!("Hint {level} of 3")), "{said}");
    }
}

#[test]
fn a_solution_is_shown_to_who_has_done_it_or_insists() {
    let course = Copy::new("solution");
    let refused = course.run(&["solution", "6"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    let solution = course.read("exercises/solutions/06_promql/queries.promql");
    assert_eq!(course.said(&["solution", "6", "--spoil"]), solution);
    course.write("exercises/.progress", "done 6\n");
    assert_eq!(course.said(&["solution", "6"]), solution);
}

#[test]
fn check_reports_as_json_and_remembers() {
    let course = Copy::new("json");
    course.said(&["hint", "9"]);
    let output = course.run(&["check", "9", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &report["reports"][0];
    assert_eq!(report["exercise"], "09_questions");
    assert_eq!(report["passed"], false);
    assert_eq!(report["finding"]["id"], "not-answered");
    assert_eq!(report["hints_read"], 1);
    let solution = course.read("exercises/solutions/09_questions/answers.txt");
    course.write("exercises/09_questions/answers.txt", &solution);
    let output = course.run(&["check", "--json", "9"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(course.said(&["list"]).contains("✓  9  09_questions"));
    assert!(course.run(&["reset", "9"]).status.success());
    assert!(!course.said(&["list"]).contains('✓'));
}

#[test]
fn what_is_not_understood_is_explained() {
    let course = Copy::new("usage");
    for words in [
        &["chekc"][..],
        &["check", "99"],
        &["hint"],
        &["hint", "x"],
        &["go", "0"],
        &["mystery", "11", "--form", "127.0.0.1:8000"],
        &[
            "mystery",
            "11",
            "--from",
            "127.0.0.1:8000",
            "--requests",
            "0",
        ],
        &["lab", "normal(50)"],
    ] {
        let output = course.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cargo workshop check [N]"), "{said}");
    }
}
