//! `cargo workshop catch-up`, `reset` and `restore`: files of the student that give way
//! to others, and come back.

use std::process::ExitCode;

use super::{failure, saved};
use crate::course::{Course, CourseError, Exercise};
use crate::keep::{self, Placed};
use crate::progress::Progress;
use crate::screen::Screen;

pub(super) fn catch_up(course: &Course, to: &Exercise) -> ExitCode {
    let screen = Screen::new();
    let mut progress = Progress::read(course.root());
    let placed = match keep::catch_up(course, &mut progress, to) {
        Ok(placed) => placed,
        Err(error) => return failure(&error.to_string()),
    };
    let mut kept_any = false;
    for (exercise, placed) in &placed {
        let file = exercise.path();
        screen.print(&match placed {
            Placed::Done => format!("{file}: you have done it, it stays as it is\n"),
            Placed::Already => format!("{file}: the solution is there already\n"),
            Placed::Solution(None) => format!("{file}: the solution\n"),
            Placed::Solution(Some(kept)) => {
                kept_any = true;
                format!("{file}: the solution; what you wrote is kept in {kept}\n")
            }
        });
    }
    if kept_any {
        screen.print("\nTo bring back what you wrote: cargo workshop restore N\n");
    }
    screen.print(&format!("\n{}", screen.exercise(to)));
    saved(&progress)
}

/// Lets another file take the place of the student's, and notes it.
pub(super) fn changed(
    course: &Course,
    exercise: &Exercise,
    change: fn(&Course, &Exercise) -> Result<String, CourseError>,
    note: fn(&mut Progress, &Exercise),
) -> ExitCode {
    let mut progress = Progress::read(course.root());
    match change(course, exercise) {
        Ok(said) => {
            Screen::new().print(&format!("{said}\n"));
            note(&mut progress, exercise);
            saved(&progress)
        }
        Err(error) => failure(&error.to_string()),
    }
}
