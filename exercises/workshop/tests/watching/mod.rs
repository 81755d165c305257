//! The watch mode: over a pipe, where keys are lines, and on a terminal.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::TIMEOUT;
use crate::copy::Copy;
use crate::terminal::Terminal;

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
    watch.press('h');
    watch.shows("Hint 1 of 3");
    watch.press('v');
    watch.shows("01_traffic is not done yet [no-metric]");
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
    watch.shows("What you wrote is kept");
    watch.press('y');
    watch.shows("exercises/.kept/02_latency/1_latency.rs");
    watch.shows("02_latency is not done yet [no-metric]");
    watch.press('t');
    watch.shows("# 2. ");
    watch.shows("02_latency is not done yet [no-metric]");
    watch.press('l');
    watch.shows("02_latency");
    watch.shows("its number, and Enter");
    writeln!(watch.keys, "9").unwrap();
    watch.shows("Exercise 9. The questions");
    watch.shows("09_questions is not done yet [not-answered]");
    // What is not done is left behind, and found again after the last.
    watch.press('n');
    watch.shows("09_questions is left for later");
    watch.shows("10_buckets is not done yet");
    writeln!(watch.keys, "2").unwrap();
    watch.shows("02_latency is not done yet [no-metric]");
    writeln!(watch.keys, "99").unwrap();
    watch.shows("There is no exercise 99, only 1 to 23.");
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
fn a_terminal_shows_pages_that_scroll_keys_and_what_happens() {
    let course = Copy::new("terminal");
    course.write("exercises/.progress", "current 9\n");
    // Whatever opens files here, tells what it was asked to open.
    let opened = course.path("opened");
    let opener = course.path("bin/xdg-open");
    course.write(
        "bin/xdg-open",
        &format!("#!/bin/sh\necho \"$1\" >'{}'\n", opened.display()),
    );
    executable(&opener);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", opener.parent().unwrap().display());
    let Some(mut terminal) = Terminal::start(&course, &[], &[("PATH", &path)]) else {
        return;
    };
    // The top of the page, as text: no Markdown, no word cut in two.
    let screen = terminal.shows("09_questions is not done yet [not-answered]");
    let page = course.read("exercises/09_questions/README.md");
    let title = page.lines().next().unwrap().trim_start_matches("# ");
    assert!(screen.contains("Exercise 9. The questions"), "{screen}");
    assert!(
        screen.contains("edit exercises/09_questions/answers.txt"),
        "{screen}"
    );
    assert!(screen.lines().any(|line| line == title), "{screen}");
    assert!(screen.contains("lines 1 to "), "{screen}");
    assert!(screen.contains("n next · h hint"), "{screen}");
    let words: Vec<_> = page.split_whitespace().collect();
    let shown = screen.lines().skip(3).take(8).collect::<Vec<_>>().join(" ");
    for word in shown.split_whitespace().filter(|word| word.len() > 3) {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let is_there = words.iter().any(|other| other.contains(word));
        assert!(is_there, "{word} of\n{screen}");
    }
    // Nothing is drawn while nothing happens.
    terminal.is_quiet_for(Duration::from_millis(500));
    // Arrows, pages, and back to the top.
    terminal.press("\u{1b}[B");
    terminal.shows("lines 2 to ");
    terminal.press("\u{1b}[6~");
    terminal.until("further down", |screen| !screen.contains("lines 2 to "));
    terminal.press("\u{1b}[H");
    terminal.shows("lines 1 to ");
    // What was observed; a hint; a list from which one is chosen.
    terminal.press("v");
    terminal.shows("✗ 09_questions is not done yet [not-answered] (");
    terminal.press("h");
    terminal.shows("Hint 1 of 3");
    terminal.press("l");
    terminal.shows("→ >  9  09_questions");
    terminal.press("\u{1b}[B");
    terminal.shows("→   10  10_buckets");
    terminal.press("\r");
    terminal.shows("Exercise 10. Bucket lab");
    terminal.shows("10_buckets is not done yet");
    terminal.press("n");
    terminal.shows("10_buckets is left for later");
    terminal.shows("Exercise 11. ");
    terminal.shows("11_random_value is not done yet");
    terminal.press("o");
    terminal.shows("Open what?");
    terminal.press("p");
    terminal.shows("Opened exercises/11_random_value/README.md.");
    let deadline = Instant::now() + TIMEOUT;
    while !fs::read_to_string(&opened)
        .is_ok_and(|text| text.ends_with("11_random_value/README.md\n"))
    {
        assert!(Instant::now() < deadline, "it was not opened");
        thread::sleep(Duration::from_millis(10));
    }
    // A saved file is checked, and the verdict shown; the build's progress meanwhile.
    terminal.press("l\u{1b}[H\r");
    terminal.shows("Exercise 1. Traffic");
    terminal.shows("building your service");
    terminal.shows("01_traffic is not done yet [no-metric]");
    course.write("exercises/01_traffic/traffic.rs", "fn broken( {");
    terminal.shows("Your program does not compile yet.");
    terminal.press("q");
    let (well, _, own) = terminal.ends();
    assert!(well && own);
}

#[test]
fn a_screen_reader_gets_lines_and_no_control_character() {
    let course = Copy::new("plain");
    course.write("exercises/.progress", "current 9\n");
    for (words, environment) in [
        (&["--plain"][..], ("IGNORED", "1")),
        (&[], ("WORKSHOP_PLAIN", "1")),
        (&[], ("TERM", "dumb")),
    ] {
        let Some(mut terminal) = Terminal::start(&course, words, &[environment]) else {
            return;
        };
        terminal.shows("r run again");
        terminal.press("q\n");
        let (well, bytes, _) = terminal.ends();
        assert!(well);
        let drawn = String::from_utf8(bytes).unwrap();
        assert!(!drawn.contains('\u{1b}'), "{drawn:?}");
    }
}

#[test]
fn leaving_in_the_middle_of_a_check_ends_what_it_started() {
    let course = Copy::new("leaving");
    course.write("exercises/.progress", "current 5\n");
    let solution = course.read("exercises/solutions/05_scrape/prometheus.yml");
    course.write("exercises/05_scrape/prometheus.yml", &solution);
    if peers::require("prometheus").is_none() {
        return;
    }
    if !Path::new("/proc/self/cmdline").exists() {
        return;
    }
    let mut watch = Watch::start(&course);
    // Its Prometheus has its files in a folder that is named for the checker.
    let folder = format!("workshop/{}-", watch.child.id());
    let running = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|one| fs::read_to_string(one.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&folder)).count()
    };
    let deadline = Instant::now() + TIMEOUT;
    while running() == 0 {
        assert!(Instant::now() < deadline, "no Prometheus was started");
        thread::sleep(Duration::from_millis(5));
    }
    watch.press('q');
    assert!(watch.child.wait().unwrap().success());
    assert_eq!(running(), 0);
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

#[cfg(unix)]
fn executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn executable(_: &Path) {}
