//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::checks::recover;
use crate::class::Class;
use crate::course::{Course, EXERCISES, Exercise, numbered, read};
use crate::progress::Progress;
use crate::screen::Screen;
use crate::stalling::{Stalling, Stalls};
use crate::{promtool, watch};

const USAGE: &str = "\
cargo workshop                    watch: save a file, read the verdict
cargo workshop check [N] [--json] check one exercise, or all
cargo workshop hint N             the next of three hints
cargo workshop list               all exercises, and which are done
cargo workshop go N               make N the current exercise
cargo workshop reset N            the exercise as it was at first
cargo workshop solution N [--spoil]  one way to do it, once you have done it
cargo workshop mystery N          what your bounds show of exercise 11's or 12's mystery
cargo workshop doctor             what is installed, what is missing
cargo workshop stall [ADDRESS]    a service that stalls, for load generators
cargo workshop class DIR [--csv]  for the teacher: who is where
";

/// Runs the command; 0 if all is well, 1 if an exercise is not done, 2 if the
/// command is not understood.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    let course = Course::new(root());
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            watch::watch(&course);
            ExitCode::SUCCESS
        }
        ["check", rest @ ..] => check(&course, rest),
        ["hint", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            println!("{}", watch::next_hint(&course, &mut progress, exercise));
            ExitCode::SUCCESS
        }),
        ["list"] => {
            let progress = Progress::read(course.root());
            let screen = Screen::new(false);
            screen.print(&screen.list(&progress));
            ExitCode::SUCCESS
        }
        ["go", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            progress.go_to(exercise);
            let screen = Screen::new(false);
            screen.print(&screen.exercise(&course, exercise));
            saved(&progress)
        }),
        ["reset", number] => with(number, |exercise| {
            let mut progress = Progress::read(course.root());
            progress.forget(exercise);
            match course.reset(exercise) {
                Ok(()) => saved(&progress),
                Err(error) => failure(&error.to_string()),
            }
        }),
        ["solution", number] => with(number, |exercise| solution(&course, exercise, false)),
        ["solution", number, "--spoil"] | ["solution", "--spoil", number] => {
            with(number, |exercise| solution(&course, exercise, true))
        }
        ["mystery", number] => with(number, |exercise| show_mystery(&course, exercise)),
        ["doctor"] => doctor(),
        ["stall"] => stall("127.0.0.1:8002"),
        ["stall", address] => stall(address),
        ["class", folder] => class(Path::new(folder), Class::table),
        ["class", folder, "--csv"] | ["class", "--csv", folder] => {
            class(Path::new(folder), Class::csv)
        }
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => usage(&format!("not understood: {}", arguments.join(" "))),
    }
}

// The repository around the working directory; else the one this was built in.
fn root() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let is_course = |folder: &&Path| folder.join("exercises/student/Cargo.toml").is_file();
    here.ancestors()
        .find(is_course)
        .unwrap_or_else(|| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")))
        .to_owned()
}

fn check(course: &Course, words: &[&str]) -> ExitCode {
    let mut as_json = false;
    let mut chosen = Vec::new();
    for word in words {
        match (*word, word.parse().ok().and_then(numbered)) {
            ("--json", _) => as_json = true,
            (_, Some(exercise)) => chosen.push(exercise),
            _ => return usage(&format!("there is no exercise {word}")),
        }
    }
    if chosen.is_empty() {
        chosen = EXERCISES.iter().collect();
    }
    let screen = Screen::new(false);
    let reports = course.check(&chosen, |report| {
        if !as_json {
            screen.print(&screen.verdict(report));
        }
    });
    let mut progress = Progress::read(course.root());
    for report in &reports {
        progress.judged(report.number, report.passed);
    }
    if as_json {
        let reports: Vec<_> = reports
            .iter()
            .zip(&chosen)
            .map(|(report, exercise)| {
                let mut report = json!(report);
                report["hints_read"] = json!(progress.hints(exercise));
                report["begun"] = json!(course.is_begun(exercise));
                report
            })
            .collect();
        println!("{}", json!({ "reports": reports }));
    }
    let written = saved(&progress);
    if reports.iter().all(|report| report.passed) {
        written
    } else {
        ExitCode::FAILURE
    }
}

fn solution(course: &Course, exercise: &Exercise, spoil: bool) -> ExitCode {
    if !spoil && !Progress::read(course.root()).is_done(exercise) {
        return failure(&format!(
            "{} is not done yet. To see a solution all the same: cargo workshop solution {} --spoil",
            exercise.name, exercise.number
        ));
    }
    match read(course.solution(exercise)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => failure(&error.to_string()),
    }
}

fn show_mystery(course: &Course, exercise: &Exercise) -> ExitCode {
    match recover::page(exercise, &course.file(exercise)) {
        Ok(page) => {
            print!("{page}");
            ExitCode::SUCCESS
        }
        Err(finding) => failure(&finding.observed),
    }
}

fn doctor() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (program, exercises) in promtool::PROGRAMS {
        match promtool::find(program) {
            Some(path) => println!("✓ {program:<12} {}", path.display()),
            None => {
                println!(
                    "✗ {program:<12} is missing; {exercises}. {}",
                    promtool::REMEDY
                );
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

// Until it is ended from outside.
fn stall(address: &str) -> ExitCode {
    let stalls = Stalls {
        after: Duration::from_secs(4),
        length: Duration::from_secs(1),
        every: Duration::from_secs(5),
    };
    match Stalling::start(address, stalls, 0) {
        Ok(service) => {
            let screen = Screen::new(false);
            screen.print(&format!("listening on {}\n", service.address()));
            screen.print("It answers in 5 ms, but every 5 s it stalls for one. Ctrl-C ends it.\n");
            loop {
                thread::park();
            }
        }
        Err(finding) => failure(&finding.observed),
    }
}

fn class(folder: &Path, shown: fn(&Class) -> String) -> ExitCode {
    match Class::read(folder) {
        Ok(class) => {
            Screen::new(false).print(&shown(&class));
            if class.unreadable.is_empty() {
                ExitCode::SUCCESS
            } else {
                failure(&class.unreadable.join("\n"))
            }
        }
        Err(error) => failure(&error.to_string()),
    }
}

fn with(number: &str, then: impl FnOnce(&'static Exercise) -> ExitCode) -> ExitCode {
    match number.parse().ok().and_then(numbered) {
        Some(exercise) => then(exercise),
        None => usage(&format!("there is no exercise {number}")),
    }
}

fn saved(progress: &Progress) -> ExitCode {
    match progress.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&format!("your progress could not be saved: {error}")),
    }
}

fn failure(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    ExitCode::FAILURE
}

fn usage(sentence: &str) -> ExitCode {
    eprintln!("{sentence}\n\n{USAGE}");
    ExitCode::from(2)
}
