//! What the student reads: the progress bar, an exercise, a verdict. Text only; colours
//! where the output is a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use crate::course::{EXERCISES, Exercise, Report};
use crate::progress::Progress;

/// The output.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    colours: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Screen {
    /// The standard output, with colours on a terminal that has them, unless `NO_COLOR`
    /// is set (<https://no-color.org>).
    #[must_use]
    pub fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        Self {
            colours: io::stdout().is_terminal() && !unwanted && !dumb,
        }
    }

    /// The standard output, without any control character.
    #[must_use]
    pub fn plain() -> Self {
        Self { colours: false }
    }

    /// Whether there are colours.
    #[must_use]
    pub fn colours(self) -> bool {
        self.colours
    }

    /// Writes. A reader that has gone away is no reason to fail.
    pub fn print(self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    pub(crate) fn coloured(self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Title, file and page of the exercise.
    #[must_use]
    pub fn exercise(self, exercise: &Exercise) -> String {
        let title = format!("Exercise {}. {}", exercise.number, exercise.title);
        format!(
            "{}\nread  {}\nedit  {}\n",
            self.coloured("1", &title),
            exercise.page(),
            exercise.path(),
        )
    }

    /// What the check came to.
    #[must_use]
    pub fn verdict(self, report: &Report) -> String {
        match &report.finding {
            None => format!(
                "{} ({:.1} s)\n{}",
                self.coloured("1;32", &format!("✓ {} is done", report.exercise)),
                report.seconds,
                report
                    .remark
                    .as_ref()
                    .map_or_else(String::new, |remark| format!("\n{remark}\n"))
            ),
            Some(finding) => format!(
                "{} [{}] ({:.1} s)\n\n{}\n",
                self.coloured("1;31", &format!("✗ {} is not done yet", report.exercise)),
                finding.id,
                report.seconds,
                finding.observed
            ),
        }
    }

    /// The same in a line.
    pub(crate) fn verdict_line(self, report: &Report) -> String {
        match &report.finding {
            None => format!(
                "{} ({:.1} s), n goes on",
                self.coloured("1;32", &format!("✓ {} is done", report.exercise)),
                report.seconds
            ),
            Some(finding) => format!(
                "{} [{}], v shows what was observed",
                self.coloured("1;31", &format!("✗ {} is not done yet", report.exercise)),
                finding.id
            ),
        }
    }

    /// `[####----] 4 of 14`.
    #[must_use]
    pub fn bar(self, progress: &Progress) -> String {
        let (done, all) = (progress.count(), EXERCISES.len());
        format!("{} {done} of {all}\n", Self::drawn(done, all, 40))
    }

    /// `[####----]`, of this width between the brackets.
    pub(crate) fn drawn(done: usize, of: usize, width: usize) -> String {
        let full = width * done.min(of) / of.max(1);
        format!("[{}{}]", "#".repeat(full), "-".repeat(width - full))
    }

    /// All exercises, one a line.
    #[must_use]
    pub fn list(self, progress: &Progress) -> String {
        let mut text = String::new();
        for exercise in EXERCISES {
            let here = progress.current().number == exercise.number;
            let mark = match (progress.is_done(exercise), here) {
                (true, _) => self.coloured("32", "✓"),
                (false, true) => self.coloured("33", ">"),
                (false, false) if progress.is_given(exercise) => "=".to_owned(),
                (false, false) => " ".to_owned(),
            };
            text += &format!(
                "{mark} {:>2}  {:<18} {}\n",
                exercise.number, exercise.name, exercise.title
            );
        }
        text
    }
}
