//! The file that a student edits, as text; and the answers in a text file, each below
//! its question `# 1. …` or behind it on the same line. Other lines that begin with `#`
//! are remarks. How a number or a choice may be written is in [`crate::reading`]; what an
//! answer should be is the check's.

use std::collections::BTreeMap;
use std::path::Path;

use simulation::Name;

use crate::finding::{Finding, ensure};
use crate::reading::numbers::{self, Quantity};

/// The text of a file that the student edits: UTF-8 with or without a byte order mark, or
/// UTF-16 with one, as some editors and shells write it.
///
/// # Errors
///
/// `unreadable`.
pub fn text(path: &Path) -> Result<String, Finding> {
    let unreadable = |what: String| {
        Finding::new(
            "unreadable",
            format!("{} could not be read: {what}", path.display()),
        )
    };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    decoded(&bytes).ok_or_else(|| {
        unreadable("it is neither UTF-8 nor UTF-16. Save it as UTF-8 in your editor.".to_owned())
    })
}

fn decoded(bytes: &[u8]) -> Option<String> {
    let units = |from: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<_> = pairs.iter().skip(1).map(|pair| from(*pair)).collect();
        rest.is_empty().then(|| String::from_utf16(&units).ok())?
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

/// The answers by number.
#[derive(Debug, Clone, Default)]
pub struct Answers(BTreeMap<usize, Answer>);

#[derive(Debug, Clone, Default)]
struct Answer {
    /// Behind the question, on its line.
    beside: String,
    /// Below it, line by line.
    below: String,
    /// Whether remarks stand there that the exercise did not bring.
    remarked: bool,
}

impl Answers {
    /// Reads the file. `stub` is the same file without answers, as the exercise hands it out:
    /// from it the questions are known.
    ///
    /// # Errors
    ///
    /// `unreadable`.
    pub fn read(path: &Path, stub: &str) -> Result<Self, Finding> {
        Ok(Self::of(&text(path)?, stub))
    }

    fn of(text: &str, stub: &str) -> Self {
        let questions: BTreeMap<_, _> = stub.lines().filter_map(question).collect();
        let known: Vec<_> = stub.lines().map(str::trim).collect();
        let marked = |line: &str| question(line).map(|(number, _)| number);
        let is_marked = text
            .lines()
            .any(|line| marked(line).is_some_and(|number| questions.contains_key(&number)));
        let mut answers: BTreeMap<usize, Answer> = BTreeMap::new();
        let mut current = None;
        for line in text.lines().map(str::trim) {
            let heading = if is_marked {
                question(line)
            } else {
                // Somebody has taken all the `#` away.
                let next = current.map_or(1, |number: usize| number + 1);
                let is_marked = |line: &str| line.contains(|c: char| !c.is_ascii_digit());
                numbered(line).filter(|(number, _)| *number == next && is_marked(line))
            };
            let heading = heading.filter(|(number, _)| questions.contains_key(number));
            if let Some((number, rest)) = heading {
                current = Some(number);
                let beside = beside(rest, questions[&number]);
                answers.entry(number).or_default().beside = beside.to_owned();
                continue;
            }
            let Some(answer) = current.and_then(|number| answers.get_mut(&number)) else {
                continue;
            };
            if line.starts_with('#') {
                answer.remarked |= !known.contains(&line);
            } else if !line.is_empty() && !line.starts_with("```") {
                if !answer.below.is_empty() {
                    answer.below.push('\n');
                }
                answer.below.push_str(line);
            }
        }
        Self(answers)
    }

    /// What was answered, perhaps in several lines; empty if nothing was.
    #[must_use]
    pub fn get(&self, number: usize) -> &str {
        let answer = self.0.get(&number);
        answer.map_or("", |answer| match answer.below.as_str() {
            "" => &answer.beside,
            below => below,
        })
    }

    /// What was answered.
    ///
    /// # Errors
    ///
    /// `not-answered`.
    pub fn required(&self, number: usize) -> Result<&str, Finding> {
        let text = self.get(number);
        ensure(!text.is_empty(), "not-answered", || {
            let remarked = self.0.get(&number).is_some_and(|answer| answer.remarked);
            format!(
                "Question {number} has no answer yet.{}",
                if remarked {
                    " (A line that begins with `#` is a remark, and not read.)"
                } else {
                    ""
                }
            )
        })?;
        Ok(text)
    }

    /// What was answered, read in one of the ways of [`crate::reading`]. What cannot be read
    /// is no wrong answer: it says nothing yet.
    ///
    /// # Errors
    ///
    /// `not-answered`; `unreadable` with what was expected, such as "one number".
    pub fn read_as<T>(
        &self,
        number: usize,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Finding> {
        let text = self.required(number)?;
        read(text).ok_or_else(|| {
            Finding::new(
                "unreadable",
                format!(
                    "Question {number}: `{}` could not be read. Expected is {expected}.",
                    text.replace('\n', " ")
                ),
            )
        })
    }

    /// The name that an answer is, as the service reads it.
    ///
    /// # Errors
    ///
    /// `not-answered`, `no-name`.
    pub fn name(&self, number: usize) -> Result<Name, Finding> {
        let text = self.required(number)?;
        let quoted = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark);
        let plain = ['"', '\'', '`'].into_iter().find_map(quoted);
        plain
            .unwrap_or(text)
            .parse()
            .map_err(|error| Finding::new("no-name", format!("Question {number}: it {error}.")))
    }

    /// The one number of an answer, with what stands after it.
    ///
    /// # Errors
    ///
    /// `not-answered`, `unreadable`.
    pub fn number(&self, number: usize) -> Result<Quantity, Finding> {
        self.read_as(number, "one number, such as 12.5", numbers::one)
    }

    /// The numbers of an answer, with what stands after each.
    ///
    /// # Errors
    ///
    /// `not-answered`, `unreadable`.
    pub fn numbers(&self, number: usize) -> Result<Vec<Quantity>, Finding> {
        self.read_as(
            number,
            "numbers with blanks between them, such as 0.1 0.25 0.5",
            numbers::several,
        )
    }
}

// Of `# 1. the question`, also written `## 1)`, `# Question 1:` or `#1`.
fn question(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim().strip_prefix('#')?.trim_start_matches('#');
    numbered(rest.trim_start())
}

// Of `1. the question`.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let lower = line.to_ascii_lowercase();
    let word = ["question ", "query "]
        .iter()
        .find(|word| lower.starts_with(**word));
    let line = &line[word.map_or(0, |word| word.len())..];
    let end = line
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(line.len());
    let (number, rest) = line.split_at(end);
    let number = number.parse().ok()?;
    let after = rest.strip_prefix(['.', ')', ':']);
    let rest = after.or(rest.trim().is_empty().then_some(""))?;
    // `1.5` is a number and no heading.
    let is_apart = rest.is_empty() || rest.starts_with(char::is_whitespace);
    is_apart.then(|| (number, rest.trim()))
}

// What stands behind the question on its line: `rest` is the line without its number.
fn beside<'a>(rest: &'a str, question: &str) -> &'a str {
    // The exercise's words may have been cut short, but not replaced by others.
    let said = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        let words = words.filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    if let Some(answer) = rest.strip_prefix(question) {
        return answer.trim_start_matches([':', '=', '-']).trim();
    }
    if said(question).starts_with(&said(rest)) {
        return "";
    }
    match rest.rsplit_once('?') {
        Some((_, answer)) => answer.trim(),
        None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, decoded};

    const STUB: &str = "# 1. How fast? Now\n\n# 2. Which?\n#    a) one\n#    b) two\n";

    fn answers(text: &str) -> [String; 2] {
        let answers = Answers::of(text, STUB);
        [1, 2].map(|number| answers.get(number).to_owned())
    }

    #[test]
    fn questions_may_be_shortened_and_answered_on_their_line() {
        for text in [
            "# 1. How fast? Now\n2\n\n# 2. Which?\n#    a) one\n#    b) two\nb\n",
            "# 1. How fast? Now 2\n# 2. Which? b\n",
            "# 1.\n2\n# 2.\nb",
            "#1) How fast?\n2\n## 2: Which\n```text\nb\n```\n",
            "1. How fast? Now\n2\n2. Which?\nb",
            "# Question 1: 2\n# Question 2: b\n",
        ] {
            assert_eq!(answers(text), ["2", "b"], "{text}");
        }
        assert_eq!(
            answers("# 1.\nsum(\n# all\nx)\n# 2."),
            ["sum(\nx)", ""],
            "lines stay apart, and remarks are none"
        );
        let remarked = Answers::of("# 1.\n# 2/s\n# 2.\n#    a) one\n", STUB);
        let said = |number| remarked.required(number).unwrap_err().observed;
        assert!(said(1).contains("remark") && !said(2).contains("remark"));
    }

    #[test]
    fn files_of_other_editors_are_read() {
        let utf16 = |big: bool| -> Vec<u8> {
            let units = "\u{feff}é 2\n".encode_utf16();
            let bytes = |unit: u16| match big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            };
            units.flat_map(bytes).collect()
        };
        for bytes in [
            "é 2\n".as_bytes().to_vec(),
            "\u{feff}é 2\n".as_bytes().to_vec(),
            utf16(true),
            utf16(false),
        ] {
            assert_eq!(decoded(&bytes).as_deref(), Some("é 2\n"));
        }
        assert_eq!(decoded(b"\xe9 in Latin-1"), None);
        assert_eq!(decoded(b"\xff\xfe\x31"), None);
    }
}
