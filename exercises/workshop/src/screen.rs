//! What the student sees: the progress bar, an exercise, a verdict. Text only;
//! colours and clearing where the output is a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use crate::course::{Course, EXERCISES, Exercise, Report};
use crate::progress::Progress;

/// The output.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    colours: bool,
    clears: bool,
    raw: bool,
}

impl Screen {
    /// The standard output. `raw`: its terminal does not go to the start of the
    /// line by itself.
    #[must_use]
    pub fn new(raw: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            colours: terminal && std::env::var_os("NO_COLOR").is_none(),
            clears: terminal,
            raw,
        }
    }

    /// Begins an empty screen.
    pub fn clear(self) {
        if self.clears {
            self.print("\x1b[2J\x1b[3J\x1b[H");
        }
    }

    /// Writes. A reader that has gone away is no reason to fail.
    pub fn print(self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = if self.raw {
            out.write_all(text.replace('\n', "\r\n").as_bytes())
        } else {
            out.write_all(text.as_bytes())
        };
        let _ = out.flush();
    }

    fn coloured(self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Title, file and page of the exercise.
    #[must_use]
    pub fn exercise(self, course: &Course, exercise: &Exercise) -> String {
        let title = format!("Exercise {}. {}", exercise.number, exercise.title);
        format!(
            "{}\nread  exercises/{}/README.md\nedit  {}\n",
            self.coloured("1", &title),
            exercise.name,
            course
                .file(exercise)
                .strip_prefix(course.root())
                .unwrap_or(&course.file(exercise))
                .display(),
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

    /// `[####----] 4 of 14`.
    #[must_use]
    pub fn bar(self, progress: &Progress) -> String {
        let (done, all) = (progress.count(), EXERCISES.len());
        let width = 40;
        let full = width * done / all;
        format!(
            "[{}{}] {done} of {all}\n",
            self.coloured("32", &"#".repeat(full)),
            "-".repeat(width - full)
        )
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
