//! `cargo workshop check`: the verdicts, for a reader or as JSON for `class`.

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{failure, saved};
use crate::build;
use crate::course::{Course, Exercise, Step};
use crate::progress::Progress;
use crate::report::{self, Class};
use crate::screen::Screen;

// A build that has its libraries is over before anybody wonders.
const QUIET: Duration = Duration::from_secs(2);
const FIRST: &str =
    "The first build takes about half a minute on two cores, later ones a second or two.";

pub(super) fn check(course: &Course, exercises: &[&'static Exercise], as_json: bool) -> ExitCode {
    checked(course, exercises, as_json, None)
}

/// Checks an exercise and tells the class.
pub(super) fn report(
    course: &Course,
    exercise: Option<&'static Exercise>,
    to: Option<String>,
    name: Option<String>,
) -> ExitCode {
    let exercise = exercise.unwrap_or_else(|| Progress::read(course.root()).current());
    let Some(to) = to.or_else(|| std::env::var(report::CLASS).ok()) else {
        return failure(&format!(
            "report: say to whom, with --to URL or {}",
            report::CLASS
        ));
    };
    match Class::new(&to, name) {
        Ok(class) => checked(course, &[exercise], false, Some(class)),
        Err(error) => failure(&error),
    }
}

fn checked(
    course: &Course,
    exercises: &[&'static Exercise],
    as_json: bool,
    to: Option<Class>,
) -> ExitCode {
    let asked = to.is_some();
    let screen = Screen::new();
    let waiting = Waiting::new();
    let mut builds = Builds::default();
    let reports = course.check(exercises, |step| match step {
        Step::Building(progress) => builds.goes_on(&waiting, progress),
        Step::Checking(exercise) => waiting.at(&format!("checking {}", exercise.name)),
        Step::Judged(report) => {
            if !as_json {
                waiting.hidden(|| screen.print(&screen.verdict(report)));
            }
        }
    });
    waiting.0.finish_and_clear();
    let mut progress = Progress::read(course.root());
    for report in &reports {
        progress.judged(report.number, report.passed);
    }
    let said = report::json(course, &progress, &reports);
    if as_json {
        println!("{said}");
    }
    let heard = match to.map_or_else(Class::from_env, |class| Ok(Some(class))) {
        Ok(Some(class)) => class.send(said),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = &heard {
        eprintln!("{error}");
    }
    let written = saved(&progress);
    if asked && heard.is_err() {
        ExitCode::FAILURE
    } else if reports.iter().all(|report| report.passed) {
        written
    } else {
        ExitCode::FAILURE
    }
}

/// The line below everything that says what is waited for, on a terminal.
struct Waiting(ProgressBar);

impl Waiting {
    // On standard error: standard output is for the verdicts.
    fn new() -> Self {
        let waiting = Self(ProgressBar::new_spinner());
        waiting.0.enable_steady_tick(Duration::from_millis(125));
        waiting
    }

    fn style(&self, template: &str) {
        let style = ProgressStyle::with_template(template).expect("it is a template");
        self.0.set_style(style.progress_chars("##-"));
    }

    fn at(&self, what: &str) {
        self.style("{spinner} {msg}, {elapsed}");
        self.0.set_message(what.to_owned());
    }

    fn hidden(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}

/// What is said of the builds: with a bar on a terminal, else in a line every ten seconds.
#[derive(Default)]
struct Builds {
    since: Option<Instant>,
    lines: u64,
}

impl Builds {
    fn goes_on(&mut self, waiting: &Waiting, progress: build::Progress) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if let Some(of) = progress.of {
            waiting.style("{spinner} {msg} [{bar:30}] {pos} of {len}, {elapsed}");
            waiting.0.set_length(of as u64);
            waiting.0.set_position(progress.done as u64);
        } else {
            waiting.style("{spinner} {msg}, {elapsed}");
        }
        waiting.0.set_message("building your service");
        let elapsed = since.elapsed();
        if elapsed < QUIET || progress.of.is_none_or(|of| progress.done == of) {
            return;
        }
        let terminal = io::stderr().is_terminal();
        if self.lines == 0 {
            waiting.hidden(|| eprintln!("Building your service. {FIRST}"));
            self.lines = 1;
        } else if !terminal && elapsed.as_secs() / 10 >= self.lines {
            self.lines = elapsed.as_secs() / 10 + 1;
            let of = progress.of.unwrap_or(progress.done);
            eprintln!("{} of {of} packages are built.", progress.done);
        }
    }
}
