//! The class at a glance, for the teacher: who is where, and which mistakes are
//! made most.
//!
//! It reads what `cargo workshop check --json` wrote for each student, a file
//! each, named after the student.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The folder or a file in it cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} is no report of `cargo workshop check --json`", path.display())]
    NoReport {
        /// Which.
        path: PathBuf,
    },
    /// Nobody has handed anything in.
    #[error("{} holds no file NAME.json; each student's comes from `cargo workshop check --json`", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
}

/// One student's report.
struct Report {
    name: String,
    /// Exercise, and what was found if it is not done.
    exercises: Vec<(String, Option<String>)>,
    hints: u64,
}

/// The table of all reports in the folder: to be read, or as CSV.
///
/// # Errors
///
/// If there are none, or one is none.
pub fn table(folder: &Path, csv: bool) -> Result<String, ClassError> {
    let unreadable = |path: &Path, source| ClassError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
    }
    paths.sort();
    let mut reports = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        reports.push(report(&path, &text).ok_or(ClassError::NoReport { path })?);
    }
    if reports.is_empty() {
        let path = folder.to_owned();
        return Err(ClassError::Empty { path });
    }
    Ok(if csv {
        as_csv(&reports)
    } else {
        as_text(&reports)
    })
}

fn report(path: &Path, text: &str) -> Option<Report> {
    let value: Value = serde_json::from_str(text).ok()?;
    let reports = value["reports"].as_array()?;
    let exercises = reports.iter().map(|one| {
        let finding = one["finding"]["id"].as_str().map(str::to_owned);
        Some((one["exercise"].as_str()?.to_owned(), finding))
    });
    Some(Report {
        name: path.file_stem()?.to_string_lossy().into_owned(),
        exercises: exercises.collect::<Option<_>>()?,
        hints: reports
            .iter()
            .filter_map(|one| one["hints_read"].as_u64())
            .sum(),
    })
}

impl Report {
    fn done(&self) -> usize {
        self.exercises
            .iter()
            .filter(|(_, finding)| finding.is_none())
            .count()
    }

    // The first that is not done.
    fn at(&self) -> Option<(&str, &str)> {
        self.exercises
            .iter()
            .find_map(|(exercise, finding)| Some((exercise.as_str(), finding.as_deref()?)))
    }
}

fn as_text(reports: &[Report]) -> String {
    let mut text = format!(
        "{:<20} {:>5} {:>5}  {:<18} finding\n",
        "student", "done", "hints", "at"
    );
    for report in reports {
        let (exercise, finding) = report.at().unwrap_or(("all done", ""));
        let line = format!(
            "{:<20} {:>5} {:>5}  {exercise:<18} {finding}",
            report.name,
            report.done(),
            report.hints
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let mut mistakes: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for mistake in reports.iter().filter_map(Report::at) {
        *mistakes.entry(mistake).or_default() += 1;
    }
    let mut mistakes: Vec<_> = mistakes.into_iter().collect();
    mistakes.sort_by_key(|(_, students)| std::cmp::Reverse(*students));
    text.push_str("\nwhere most are held up\n");
    for ((exercise, finding), students) in mistakes.into_iter().take(5) {
        let _ = writeln!(text, "{students:>4}  {exercise} {finding}");
    }
    text
}

fn as_csv(reports: &[Report]) -> String {
    let mut text = "student,exercise,passed,finding\n".to_owned();
    for report in reports {
        // A name may hold a comma; the other words are ours.
        let name = report.name.replace('"', "\"\"");
        for (exercise, finding) in &report.exercises {
            let passed = finding.is_none();
            let finding = finding.as_deref().unwrap_or_default();
            let _ = writeln!(text, "\"{name}\",{exercise},{passed},{finding}");
        }
    }
    text
}
