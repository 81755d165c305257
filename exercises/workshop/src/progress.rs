//! How far one is, in a plain file of the repository: which exercises are done, of which
//! the solution was put in place to catch up, which is being done, and how many hints of
//! each have been read.
//!
//! ```text
//! current 3
//! done 1
//! given 2
//! hints 2 1
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::course::{EXERCISES, Exercise};

/// How far one is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    path: PathBuf,
    current: Option<usize>,
    done: BTreeSet<usize>,
    given: BTreeSet<usize>,
    hints: BTreeMap<usize, usize>,
}

impl Progress {
    /// Reads it; a file that is not there, or lines that nobody understands, are
    /// as if nothing had been done.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let path = root.join("exercises/.progress");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut progress = Self {
            path,
            ..Self::default()
        };
        for line in text.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let numbers: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
            match (words.first().copied(), numbers.as_slice()) {
                (Some("current"), [number]) => progress.current = Some(*number),
                (Some("done"), [number]) => {
                    progress.done.insert(*number);
                }
                (Some("given"), [number]) => {
                    progress.given.insert(*number);
                }
                (Some("hints"), [number, read]) => {
                    progress.hints.insert(*number, *read);
                }
                _ => {}
            }
        }
        progress
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        if let Some(current) = self.current {
            let _ = writeln!(text, "current {current}");
        }
        for number in &self.done {
            let _ = writeln!(text, "done {number}");
        }
        for number in &self.given {
            let _ = writeln!(text, "given {number}");
        }
        for (number, read) in &self.hints {
            let _ = writeln!(text, "hints {number} {read}");
        }
        fs::write(&self.path, text)
    }

    /// The exercise that is being done: the one gone to, else the first that is
    /// not done, else the last.
    #[must_use]
    pub fn current(&self) -> &'static Exercise {
        let chosen = self
            .current
            .and_then(|number| EXERCISES.iter().find(|exercise| exercise.number == number));
        let open = || EXERCISES.iter().find(|exercise| self.is_open(exercise));
        chosen
            .or_else(open)
            .unwrap_or(&EXERCISES[EXERCISES.len() - 1])
    }

    /// Goes to this exercise.
    pub fn go_to(&mut self, exercise: &Exercise) {
        self.current = Some(exercise.number);
    }

    /// Goes to the next one that is open, whether this one is done or not: a later one
    /// if there is any, else one that was left behind. Returns whether there is another.
    pub fn go_on(&mut self) -> bool {
        let here = self.current().number;
        let other = |exercise: &&Exercise| self.is_open(exercise) && exercise.number != here;
        let mut others = EXERCISES.iter().filter(other);
        let later = others.clone().find(|exercise| exercise.number > here);
        let next = later.or_else(|| others.next());
        self.current = next.map(|exercise| exercise.number).or(self.current);
        next.is_some()
    }

    /// Notes what a check came to. A solution that was put in place passes, too, and is
    /// not the student's.
    pub fn judged(&mut self, number: usize, passed: bool) {
        if !passed {
            self.done.remove(&number);
        } else if !self.given.contains(&number) {
            self.done.insert(number);
        }
    }

    /// Notes that the solution stands in the place of the student's work.
    pub fn given(&mut self, exercise: &Exercise) {
        self.given.insert(exercise.number);
    }

    /// Notes that it does not any more.
    pub fn taken_back(&mut self, exercise: &Exercise) {
        self.given.remove(&exercise.number);
    }

    /// Whether the solution stands in the place of the student's work.
    #[must_use]
    pub fn is_given(&self, exercise: &Exercise) -> bool {
        self.given.contains(&exercise.number)
    }

    fn is_open(&self, exercise: &Exercise) -> bool {
        !self.is_done(exercise) && !self.is_given(exercise)
    }

    /// Whether the exercise is done.
    #[must_use]
    pub fn is_done(&self, exercise: &Exercise) -> bool {
        self.done.contains(&exercise.number)
    }

    /// How many are done.
    #[must_use]
    pub fn count(&self) -> usize {
        EXERCISES
            .iter()
            .filter(|exercise| self.is_done(exercise))
            .count()
    }

    /// How many hints of the exercise have been read.
    #[must_use]
    pub fn hints(&self, exercise: &Exercise) -> usize {
        self.hints.get(&exercise.number).copied().unwrap_or(0)
    }

    /// Notes that one more of `of` hints has been read; returns which, from 0.
    pub fn next_hint(&mut self, exercise: &Exercise, of: usize) -> usize {
        let read = self.hints(exercise).min(of.saturating_sub(1));
        self.hints.insert(exercise.number, read + 1);
        read
    }

    /// Forgets the exercise.
    pub fn forget(&mut self, exercise: &Exercise) {
        self.done.remove(&exercise.number);
        self.given.remove(&exercise.number);
        self.hints.remove(&exercise.number);
    }
}
