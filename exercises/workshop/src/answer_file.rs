//! Answers in a text file: each below the line `# 1. the question` and so on;
//! other lines that begin with `#` are remarks.

use std::collections::BTreeMap;
use std::path::Path;

use crate::finding::Finding;

/// The answers by number, each in one line. What is not answered is empty.
///
/// # Errors
///
/// `unreadable`.
pub fn answers(path: &Path) -> Result<BTreeMap<usize, String>, Finding> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Finding::new(
            "unreadable",
            format!("{} could not be read: {error}", path.display()),
        )
    })?;
    let mut answers: BTreeMap<usize, String> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
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
    Ok(answers)
}
