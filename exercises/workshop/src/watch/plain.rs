//! Line after line, nothing drawn over and no control character: for pipes, editors'
//! consoles, plain terminals and screen readers.

use std::time::{Duration, Instant};

use super::front::{Action, Front, HELP, State, building};
use crate::course::Report;
use crate::keys::Key;
use crate::screen::Screen;

// A line says how far a build is, so often.
const EVERY: Duration = Duration::from_secs(10);

pub(super) struct Plain {
    screen: Screen,
    /// When it was last said how far the build is.
    said: Option<Instant>,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self {
            screen: Screen::plain(),
            said: None,
        }
    }

    fn bar(&self, state: &State<'_>) {
        let bar = self.screen.bar(&state.progress);
        self.screen.print(&format!("\n{bar}{HELP}\n"));
    }
}

impl Front for Plain {
    fn action(&mut self, _: &State<'_>, key: Key) -> Option<Action> {
        Some(match key {
            Key::Number(number) => Action::Go(number),
            Key::Letter('c') => Action::All,
            Key::Letter('h') => Action::Hint,
            Key::Letter('l') => Action::List,
            Key::Letter('n') => Action::Next,
            Key::Letter('o') => Action::Open,
            Key::Letter('q') => Action::Quit,
            Key::Letter('r') => Action::Again,
            Key::Letter('t') => Action::Page,
            Key::Letter('v') => Action::Verdict,
            Key::Letter('x') => Action::Reset,
            _ => Action::Unknown,
        })
    }

    fn page(&mut self, state: &State<'_>) {
        let exercise = state.progress.current();
        match state.course.readme(exercise) {
            Ok(text) => self.screen.print(&format!("{}\n\n", text.trim())),
            Err(error) => self.screen.print(&format!("{error}\n")),
        }
        if state.last.is_some() {
            self.verdict(state);
            self.bar(state);
        }
    }

    fn verdict(&mut self, state: &State<'_>) {
        match &state.last {
            Some(report) => self.screen.print(&self.screen.verdict(report)),
            None => self.say(state, "It has not been checked yet."),
        }
    }

    fn begins(&mut self, state: &State<'_>) {
        self.said = None;
        if state.check.as_ref().is_some_and(|check| check.all) {
            self.screen.print("\nchecking all …\n\n");
        } else {
            let exercise = state.progress.current();
            let head = self.screen.exercise(exercise);
            self.screen.print(&format!("{head}\nchecking …\n\n"));
        }
    }

    fn goes_on(&mut self, state: &State<'_>) {
        let Some(check) = &state.check else { return };
        let Some(progress) = check.building else {
            return;
        };
        let since = self.said.unwrap_or(check.since);
        // A build that has its libraries is over before.
        if since.elapsed()
            >= if self.said.is_some() {
                EVERY
            } else {
                EVERY / 4
            }
        {
            self.said = Some(Instant::now());
            self.screen
                .print(&format!("{}\n", building(progress, check.since)));
        }
    }

    fn judged(&mut self, state: &State<'_>, report: &Report) {
        self.screen.print(&self.screen.verdict(report));
        if report.passed && !state.check.as_ref().is_some_and(|check| check.all) {
            self.screen.print(&format!(
                "\nOne way to do it: exercises/solutions/{}\nWhen you are ready: n\n",
                report.exercise
            ));
        }
    }

    fn ends(&mut self, state: &State<'_>) {
        self.bar(state);
    }

    fn hint(&mut self, _: &State<'_>, text: &str) {
        self.screen.print(&format!("\n{text}\n"));
    }

    fn list(&mut self, state: &State<'_>) {
        self.screen.print(&self.screen.list(&state.progress));
        self.screen
            .print("\nTo go to one of them: its number, and Enter.\n");
    }

    fn say(&mut self, _: &State<'_>, text: &str) {
        self.screen.print(&format!("\n{text}\n"));
    }
}
