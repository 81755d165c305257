//! The whole screen of a terminal: what is read above, and can be scrolled; below, what
//! happens now and the keys. Nothing is drawn unless something has changed, and the
//! terminal's own screen comes back in the end.

use std::io::{self, IsTerminal as _, Write as _};
use std::ops::Range;

use crossterm::terminal::{
    self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
};
use crossterm::{cursor, queue};

use super::front::{Action, Front, HELP, State, building};
use crate::course::{EXERCISES, Report};
use crate::keys::Key;
use crate::page;
use crate::screen::Screen;

const SPINNER: [char; 8] = ['⣾', '⣽', '⣻', '⢿', '⡿', '⣟', '⣯', '⣷'];

/// Whether there is a terminal that can be drawn on.
pub(super) fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
    io::stdin().is_terminal() && io::stdout().is_terminal() && !dumb
}

enum View {
    Page,
    Verdict,
    Hint(String),
    List,
    /// The verdicts on all exercises, so far.
    All(String),
}

pub(super) struct Full {
    screen: Screen,
    view: View,
    /// Of what is read, the line that is at the top.
    top: usize,
    /// The line of the list that is chosen.
    chosen: usize,
    note: String,
    turns: usize,
    drawn: Vec<String>,
}

impl Full {
    pub(super) fn new() -> Self {
        let mut out = io::stdout().lock();
        let _ = queue!(
            out,
            EnterAlternateScreen,
            cursor::Hide,
            SetTitle("cargo workshop")
        );
        let _ = out.flush();
        Self {
            screen: Screen::new(),
            view: View::Page,
            top: 0,
            chosen: 0,
            note: String::new(),
            turns: 0,
            drawn: Vec::new(),
        }
    }

    fn show(&mut self, state: &State<'_>, view: View) {
        self.view = view;
        self.top = 0;
        self.note.clear();
        self.draw(state);
    }

    // What is read, in lines of this width.
    fn body(&self, state: &State<'_>, width: usize) -> Vec<String> {
        let colours = self.screen.colours();
        let exercise = state.progress.current();
        match &self.view {
            View::Page => match state.course.readme(exercise) {
                Ok(text) => page::lines(&text, width, colours),
                Err(error) => page::plain(&error.to_string(), width),
            },
            View::Hint(text) => page::lines(text, width, colours),
            View::All(text) => page::plain(text, width),
            View::List => {
                let list = Screen::plain().list(&state.progress);
                let lines = list.lines().enumerate().map(|(index, line)| {
                    if index == self.chosen {
                        self.screen.coloured("7", &format!("→ {line}"))
                    } else {
                        format!("  {line}")
                    }
                });
                lines.collect()
            }
            View::Verdict => match (&state.last, &state.check) {
                (_, Some(_)) => vec!["checking …".to_owned()],
                (Some(report), None) => {
                    let mut text = self.screen.verdict(report);
                    if report.passed {
                        text += &format!(
                            "\nOne way to do it: exercises/solutions/{}/{}\nWhen you are ready: n\n",
                            exercise.name, exercise.file
                        );
                    }
                    page::plain(&text, width)
                }
                (None, None) => vec!["It has not been checked yet.".to_owned()],
            },
        }
    }

    // What happens now.
    fn status(&self, state: &State<'_>) -> String {
        if let Some(check) = &state.check {
            let spinner = SPINNER[self.turns % SPINNER.len()];
            let seconds = check.since.elapsed().as_secs();
            return match check.building {
                Some(progress) => format!("{spinner} {}", building(progress, check.since)),
                None if check.all => format!("{spinner} checking all, {seconds} s"),
                None => format!("{spinner} checking, {seconds} s"),
            };
        }
        match &state.last {
            Some(report) => self.screen.verdict_line(report),
            None => String::new(),
        }
    }

    fn draw(&mut self, state: &State<'_>) {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        let (width, height) = (usize::from(columns.max(20)), usize::from(rows.max(8)));
        let exercise = state.progress.current();
        let title = format!("Exercise {}. {}", exercise.number, exercise.title);
        let mut above = page::plain(&self.screen.coloured("1", &title), width);
        above.extend(page::plain(&format!("edit {}", exercise.path()), width));
        above.push(String::new());
        let mut below = vec![String::new()];
        if !self.note.is_empty() {
            below.extend(page::plain(&self.note, width));
        }
        below.extend(page::plain(&self.status(state), width));
        let done = self.screen.bar(&state.progress);
        below.extend(page::plain(done.trim_end(), width));
        below.extend(page::plain(HELP, width));
        let space = height.saturating_sub(above.len() + below.len()).max(1);
        let body = self.body(state, width);
        self.top = self.top.min(body.len().saturating_sub(space));
        if let View::List = self.view {
            // What is chosen is seen.
            self.top = self
                .top
                .min(self.chosen)
                .max((self.chosen + 1).saturating_sub(space));
        }
        let seen = self.top..body.len().min(self.top + space);
        below[0] = place(&seen, body.len(), width);
        let mut lines = above;
        lines.extend_from_slice(&body[seen]);
        lines.resize(
            lines.len().max(height.saturating_sub(below.len())),
            String::new(),
        );
        lines.extend(below);
        lines.truncate(height);
        self.put(lines);
    }

    // Only lines that have changed.
    fn put(&mut self, lines: Vec<String>) {
        let mut out = io::stdout().lock();
        for (row, line) in lines.iter().enumerate() {
            if self.drawn.get(row) != Some(line) {
                let row = u16::try_from(row).unwrap_or(u16::MAX);
                // A reader that has gone away is no reason to fail.
                let _ = queue!(out, cursor::MoveTo(0, row), Clear(ClearType::CurrentLine));
                // Of a style that goes on in a line below, nothing is left here.
                let _ = write!(out, "{line}\x1b[0m");
            }
        }
        let _ = out.flush();
        self.drawn = lines;
    }

    fn scroll(&mut self, state: &State<'_>, key: Key) {
        let page = usize::from(terminal::size().map_or(24, |(_, rows)| rows))
            .saturating_sub(9)
            .max(1);
        let last = EXERCISES.len() - 1;
        let place = match self.view {
            View::List => &mut self.chosen,
            _ => &mut self.top,
        };
        *place = match key {
            Key::Up => place.saturating_sub(1),
            Key::Down => *place + 1,
            Key::PageUp => place.saturating_sub(page),
            Key::PageDown => *place + page,
            Key::Home => 0,
            // As far as there are lines: `draw` sees to that.
            Key::End => usize::MAX / 2,
            _ => *place,
        };
        self.chosen = self.chosen.min(last);
        self.draw(state);
    }
}

// Which lines are seen, if there are more.
fn place(seen: &Range<usize>, of: usize, width: usize) -> String {
    let place = if seen.len() < of {
        format!(" lines {} to {} of {of}, ↑ ↓ ", seen.start + 1, seen.end)
    } else {
        String::new()
    };
    let rule = "─".repeat(width.saturating_sub(place.chars().count() + 2));
    format!("──{place}{rule}")
}

impl Drop for Full {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        let _ = queue!(out, cursor::Show, LeaveAlternateScreen);
        let _ = out.flush();
    }
}

impl Front for Full {
    fn action(&mut self, state: &State<'_>, key: Key) -> Option<Action> {
        if key != Key::Resized {
            self.note.clear();
        }
        Some(match key {
            Key::Letter('c') => {
                self.view = View::All(String::new());
                Action::All
            }
            Key::Letter('h') => Action::Hint,
            Key::Letter('l') => Action::List,
            Key::Letter('n') => Action::Next,
            Key::Letter('o') => Action::Open,
            Key::Letter('q') => Action::Quit,
            Key::Letter('r') => {
                self.view = View::Verdict;
                Action::Again
            }
            Key::Letter('t') | Key::Escape => Action::Page,
            Key::Letter('v') => Action::Verdict,
            Key::Letter('x') => Action::Reset,
            Key::Letter(_) => {
                self.note = "The keys stand below.".to_owned();
                self.draw(state);
                return None;
            }
            Key::Number(number) => Action::Go(number),
            Key::Enter if matches!(self.view, View::List) => Action::Go(self.chosen + 1),
            Key::Resized => {
                self.drawn.clear();
                self.draw(state);
                return None;
            }
            key => {
                self.scroll(state, key);
                return None;
            }
        })
    }

    fn page(&mut self, state: &State<'_>) {
        self.show(state, View::Page);
    }

    fn verdict(&mut self, state: &State<'_>) {
        self.show(state, View::Verdict);
    }

    fn begins(&mut self, state: &State<'_>) {
        // Who has saved wants to know; who is reading reads on.
        let all = state.check.as_ref().is_some_and(|check| check.all);
        let reading = state.last.is_none() || matches!(self.view, View::List | View::Verdict);
        if !all && !reading {
            self.view = View::Verdict;
            self.top = 0;
        }
        self.draw(state);
    }

    fn goes_on(&mut self, state: &State<'_>) {
        self.turns += 1;
        self.draw(state);
    }

    fn judged(&mut self, state: &State<'_>, report: &Report) {
        if let View::All(text) = &mut self.view {
            text.push_str(&self.screen.verdict(report));
            text.push('\n');
        }
        self.draw(state);
    }

    fn ends(&mut self, state: &State<'_>) {
        self.draw(state);
    }

    fn hint(&mut self, state: &State<'_>, text: &str) {
        let text = text.replacen("Hint", "## Hint", 1);
        self.show(state, View::Hint(text));
    }

    fn list(&mut self, state: &State<'_>) {
        self.chosen = state.progress.current().number - 1;
        self.show(state, View::List);
        self.say(state, "↑ ↓ choose, Enter goes there, t back.");
    }

    fn say(&mut self, state: &State<'_>, text: &str) {
        text.clone_into(&mut self.note);
        self.draw(state);
    }
}
