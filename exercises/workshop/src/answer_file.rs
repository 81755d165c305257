//! The file that a student edits, as text; and the answers in a text file, each
//! below the line `# 1. the question` and so on. Other lines that begin with `#`
//! are remarks. What an answer should be is the check's.

use std::collections::BTreeMap;
use std::path::Path;

use simulation::Name;

use crate::finding::{Finding, ensure};

/// The text of a file that the student edits.
///
/// # Errors
///
/// `unreadable`.
pub fn text(path: &Path) -> Result<String, Finding> {
    std::fs::read_to_string(path).map_err(|error| {
        Finding::new(
            "unreadable",
            format!("{} could not be read: {error}", path.display()),
        )
    })
}

/// The answers by number, each in one line.
#[derive(Debug, Clone, Default)]
pub struct Answers(BTreeMap<usize, String>);

impl Answers {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// `unreadable`.
    pub fn read(path: &Path) -> Result<Self, Finding> {
        let mut answers: BTreeMap<usize, String> = BTreeMap::new();
        let mut current = None;
        for line in text(path)?.lines().map(str::trim) {
            if let Some(remark) = line.strip_prefix('#') {
                let number = remark
                    .trim_start()
                    .split_once(". ")
                    .map(|(number, _)| number.parse());
                if let Some(Ok(number)) = number {
                    current = Some(number);
                    answers.entry(number).or_default();
                }
            } else if let Some(answer) = current.and_then(|number| answers.get_mut(&number)) {
                if !answer.is_empty() && !line.is_empty() {
                    answer.push(' ');
                }
                answer.push_str(line);
            }
        }
        Ok(Self(answers))
    }

    /// What was answered; empty if nothing was.
    #[must_use]
    pub fn get(&self, number: usize) -> &str {
        self.0.get(&number).map_or("", String::as_str)
    }

    /// What was answered.
    ///
    /// # Errors
    ///
    /// `not-answered`.
    pub fn required(&self, number: usize) -> Result<&str, Finding> {
        let text = self.get(number);
        ensure(!text.is_empty(), "not-answered", || {
            format!("Question {number} has no answer yet.")
        })?;
        Ok(text)
    }

    /// The name that an answer is, as the service reads it.
    ///
    /// # Errors
    ///
    /// `not-answered`, `no-name`.
    pub fn name(&self, number: usize) -> Result<Name, Finding> {
        self.required(number)?
            .parse()
            .map_err(|error| Finding::new("no-name", format!("Question {number}: it {error}.")))
    }

    /// The words of an answer, between blanks and commas.
    pub fn words(&self, number: usize) -> impl Iterator<Item = &str> {
        let words = self.get(number).split([' ', ',']);
        words.filter(|word| !word.is_empty())
    }

    /// The numbers of an answer, each with or without this unit.
    ///
    /// # Errors
    ///
    /// `not-answered`, `no-number`.
    pub fn numbers(&self, number: usize, unit: &str) -> Result<Vec<f64>, Finding> {
        self.required(number)?;
        let words = self.words(number).filter(|word| *word != unit);
        words
            .map(|word| {
                let text = word.strip_suffix(unit).unwrap_or(word);
                text.parse().map_err(|_| {
                    Finding::new(
                        "no-number",
                        format!("Question {number}: `{word}` is not a number."),
                    )
                })
            })
            .collect()
    }
}
