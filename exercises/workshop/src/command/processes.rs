//! `cargo workshop processes`: exercise 16's processes, watched by the student's
//! profile, with their messages going to a broker.

use std::process::{Command, ExitCode};

use super::failure;
use crate::checks::processes as check;
use crate::course::{Course, Exercise};
use crate::processes::{self, Processes};
use crate::reference;
use crate::screen::Screen;

/// Runs until the processes end, or are ended from outside.
pub(super) fn processes(course: &Course, exercise: &Exercise, broker: &str) -> ExitCode {
    let found = check::chosen(&course.file(exercise)).and_then(|(name, profile)| {
        let by = if profile.is_some() {
            "your profile"
        } else {
            "the standard profile"
        };
        let profile = profile.unwrap_or_else(check::standard);
        let processes = Processes::of(&name);
        if reference::built().is_none() {
            println!("Building the reference: the first time takes minutes.");
        }
        let command = processes.command(&name, &profile, broker)?;
        let names: Vec<_> = processes.names().collect();
        Screen::new().print(&format!(
            "running {}, watched by {by}: a sample each {}\n\
             Their messages: m/{}/c/{}/control/proplet/task_metrics at {broker}\n\
             They live for five minutes. Ctrl-C ends them.\n",
            names.join(", "),
            profile.interval,
            processes::DOMAIN,
            processes::channel(&name),
        ));
        Ok(command)
    });
    match found {
        Ok(command) => run_to_end(command),
        Err(finding) => failure(&finding.observed),
    }
}

// Whoever ends this then ends the proplet, and with it its tasks.
#[cfg(unix)]
fn run_to_end(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt as _;
    failure(&format!(
        "the proplet could not be started: {}",
        command.exec()
    ))
}

#[cfg(not(unix))]
fn run_to_end(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => failure(&format!("the proplet ended with {status}")),
        Err(error) => failure(&format!("the proplet could not be started: {error}")),
    }
}
