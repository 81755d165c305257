//! The commands of `cargo workshop`: what each does, prints and ends with. Those of
//! more than a screen have a file of their own; `arguments` reads the command line.

mod arguments;
mod catch_up;
mod check;
mod class;
mod doctor;
mod lab;
mod models;
mod processes;
mod training;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use self::arguments::{Command, USAGE};
use crate::checks::recover;
use crate::class::Class;
use crate::course::{self, Course, Exercise, read};
use crate::finding::Judgement;
use crate::keep;
use crate::mystery;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::stack::Stack;
use crate::stalling::{Stalling, Stalls};
use crate::watch;

/// Runs the command; 0 if all is well, 1 if an exercise is not done, 2 if the
/// command is not understood.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Command::parse(arguments.into_iter().collect()) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = mystery::read_salt() {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let course = Course::new(root());
    match command {
        Command::Help => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Command::Watch { plain } => {
            let wanted = std::env::var_os("WORKSHOP_PLAIN");
            watch::watch(
                &course,
                plain || wanted.is_some_and(|value| !value.is_empty()),
            );
            ExitCode::SUCCESS
        }
        Command::Check {
            exercises,
            json,
            grafana,
            prometheus,
        } => {
            let stack = course.stack().clone();
            let stack = Stack {
                grafana: grafana.or(stack.grafana),
                prometheus: prometheus.or(stack.prometheus),
                ..stack
            };
            check::check(&course.with_stack(stack), &exercises, json)
        }
        Command::Hint(exercise) => {
            let mut progress = Progress::read(course.root());
            println!("{}", watch::next_hint(&course, &mut progress, exercise));
            ExitCode::SUCCESS
        }
        Command::List => {
            let progress = Progress::read(course.root());
            let screen = Screen::new();
            screen.print(&screen.list(&progress));
            ExitCode::SUCCESS
        }
        Command::Go(exercise) => {
            let mut progress = Progress::read(course.root());
            progress.go_to(exercise);
            let screen = Screen::new();
            screen.print(&screen.exercise(exercise));
            saved(&progress)
        }
        Command::CatchUp(exercise) => catch_up::catch_up(&course, exercise),
        Command::Reset(exercise) => {
            catch_up::changed(&course, exercise, keep::reset, Progress::forget)
        }
        Command::Restore(exercise) => {
            catch_up::changed(&course, exercise, keep::restore, Progress::taken_back)
        }
        Command::Solution { exercise, spoil } => solution(&course, exercise, spoil),
        Command::Mystery {
            kind,
            exercise,
            service,
        } => {
            let service = service.as_ref().map(|(url, count)| (url.as_str(), *count));
            match recover::page(kind, &course.file(exercise), service) {
                Ok(page) => {
                    print!("{page}");
                    ExitCode::SUCCESS
                }
                Err(finding) => failure(&finding.observed),
            }
        }
        Command::Lab {
            delays,
            text,
            address,
        } => lab::lab(&course, &delays, &text, &address),
        Command::Doctor => doctor::doctor(&course),
        Command::Stall { address } => stall(&address),
        Command::Processes { broker } => match course::exercise(16) {
            Some(exercise) => processes::processes(&course, exercise, &broker),
            None => failure("there is no exercise 16"),
        },
        Command::Gateway { address } => done(training::gateway(&address)),
        Command::Clicks { seconds } => done(training::clicks(&seconds)),
        Command::Runs { name, gateway } => done(training::runs(&name, &gateway)),
        Command::Models { name } => done(models::models(&name)),
        Command::ServeClass { address } => class::serve(course, &address),
        Command::Report { exercise, to, name } => check::report(&course, exercise, to, name),
        Command::Class { folder, csv } => {
            class::show(&folder, if csv { Class::csv } else { Class::table })
        }
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

// Until it is ended from outside.
fn stall(address: &str) -> ExitCode {
    let stalls = Stalls {
        after: Duration::from_secs(4),
        length: Duration::from_secs(1),
        every: Duration::from_secs(5),
    };
    match Stalling::start(address, stalls, 0) {
        Ok(service) => {
            let screen = Screen::new();
            screen.print(&format!("listening on {}\n", service.address()));
            screen.print("It answers in 5 ms, but every 5 s it stalls for one. Ctrl-C ends it.\n");
            loop {
                thread::park();
            }
        }
        Err(finding) => failure(&finding.observed),
    }
}

fn done(judgement: Judgement) -> ExitCode {
    match judgement {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => failure(&finding.observed),
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
