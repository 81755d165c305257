//! A class at a glance, for the teacher: a folder with what `check --json`
//! printed for each student, as a table, or as CSV for a spreadsheet; or what students'
//! workshops report while they work (`live`), as a page (`server`), and the exercises for
//! the screen at the front (`show`).
//!
//! What students report was written on other people's machines. It is shown,
//! never trusted: nothing in it can colour a terminal or become a formula.

mod live;
mod server;
mod show;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::server::{ClassServer, DEFAULT};

use crate::course::{self, EXERCISES, Exercise};

// A report is a few kilobytes.
const MAX_REPORT_BYTES: u64 = 1 << 20;
// What fits into a column of the table.
const NAME_WIDTH: usize = 20;

/// The students of a folder, by name.
#[derive(Debug, Clone, Default)]
pub struct Class {
    students: Vec<Student>,
    /// Files that could not be read, each with the reason.
    pub unreadable: Vec<String>,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// It is not there, or may not be read.
    #[error("{}: {source}; a folder is needed with the output of `cargo workshop check --json` of each student", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds no report.
    #[error("{}: there is no file NAME.json in it; each student makes one with `cargo workshop check --json > NAME.json`", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

#[derive(Debug, Clone)]
struct Student {
    name: String,
    exercises: BTreeMap<usize, Standing>,
}

/// How one student stands in one exercise.
#[derive(Debug, Clone, Deserialize)]
struct Standing {
    number: usize,
    passed: bool,
    finding: Option<Seen>,
    #[serde(default)]
    hints_read: usize,
    // Reports of an older checker do not say it.
    #[serde(default = "yes")]
    begun: bool,
    /// The solution was put in place, to catch up.
    #[serde(default)]
    given: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Seen {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Reports {
    /// What was checked just now.
    reports: Vec<Standing>,
    /// What is known of all exercises; nothing in reports of an older checker.
    #[serde(default)]
    progress: Vec<Standing>,
}

impl Reports {
    /// By number, only of exercises that there are; what was checked counts.
    fn standings(self) -> BTreeMap<usize, Standing> {
        let all = self.progress.into_iter().chain(self.reports);
        all.filter(|one| course::exercise(one.number).is_some())
            .map(|one| (one.number, one))
            .collect()
    }
}

fn yes() -> bool {
    true
}

impl Class {
    /// Reads every `NAME.json` of the folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or has no such file. A single file that
    /// cannot be read is noted in `unreadable` and keeps nobody waiting.
    pub fn read(folder: &Path) -> Result<Self, ClassError> {
        let failed = |source| ClassError::Folder {
            path: folder.to_owned(),
            source,
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                files.push(path);
            }
        }
        if files.is_empty() {
            let path = folder.to_owned();
            return Err(ClassError::Empty { path });
        }
        files.sort();
        let mut class = Self::default();
        for file in files {
            let name = plain(&file.file_stem().unwrap_or_default().to_string_lossy());
            match reports(&file) {
                Ok(reports) => class.students.push(Student {
                    name,
                    exercises: reports.standings(),
                }),
                Err(reason) => class.unreadable.push(format!("{name}.json: {reason}")),
            }
        }
        Ok(class)
    }

    /// Who is where; then, by exercise, how many are done, how many hints were
    /// read, and what most of those see who are not done.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{:<NAME_WIDTH$}  done  is at\n", "student");
        for student in &self.students {
            text += &format!(
                "{:<NAME_WIDTH$}  {:>4}  {}\n",
                cut(&student.name),
                student.done(),
                student.place()
            );
        }
        text += &format!(
            "\n{:<NAME_WIDTH$}  done  tried   hint 1  2  3   they see\n",
            "exercise"
        );
        for exercise in EXERCISES {
            let of = |holds: &dyn Fn(&Standing) -> bool| {
                let standings = self.standings(exercise);
                standings.filter(|standing| holds(standing)).count()
            };
            let findings: Vec<_> = self
                .findings(exercise)
                .into_iter()
                .take(3)
                .map(|(id, times)| format!("{id} ({times})"))
                .collect();
            let row = format!(
                "{:<NAME_WIDTH$}  {:>4}  {:>5}   {:>6} {:>2} {:>2}   {}",
                exercise.name,
                of(&Standing::is_done),
                of(&Standing::is_tried),
                of(&|one| one.hints_read >= 1),
                of(&|one| one.hints_read >= 2),
                of(&|one| one.hints_read >= 3),
                findings.join(", ")
            );
            text += &format!("{}\n", row.trim_end());
        }
        if let Some((exercise, level, readers)) = self.most_needed() {
            text += &format!(
                "\nThe hint most needed: exercise {}, hint {level}, read by {readers} of {}.\n",
                exercise.number,
                self.students.len()
            );
        }
        text
    }

    /// One line for each student: name, how many are done, where they are, the
    /// hints they read there, and for each exercise `done`, what they see, or
    /// nothing if they have not begun it (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let mut header = vec!["student".to_owned(), "done".to_owned()];
        header.extend(["at".to_owned(), "hints_read".to_owned()]);
        header.extend(EXERCISES.iter().map(|exercise| exercise.name.to_owned()));
        let mut text = line(&header);
        for student in &self.students {
            let (at, hints) = student.at().map_or((String::new(), String::new()), |at| {
                let hints = student.exercises.get(&at.number);
                let hints = hints.map_or(0, |standing| standing.hints_read);
                (at.name.to_owned(), hints.to_string())
            });
            let mut row = vec![student.name.clone(), student.done().to_string(), at, hints];
            row.extend(EXERCISES.iter().map(|exercise| {
                student
                    .exercises
                    .get(&exercise.number)
                    .map_or(String::new(), Standing::shown)
            }));
            text += &line(&row);
        }
        text
    }

    fn standings<'a>(&'a self, exercise: &Exercise) -> impl Iterator<Item = &'a Standing> {
        let number = exercise.number;
        self.students
            .iter()
            .filter_map(move |student| student.exercises.get(&number))
    }

    // What those see who tried and are not done, the most frequent first.
    fn findings(&self, exercise: &Exercise) -> Vec<(String, usize)> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for standing in self.standings(exercise) {
            if standing.begun && !standing.passed && !standing.given {
                *times.entry(standing.shown()).or_default() += 1;
            }
        }
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        times
    }

    // The deepest hint among those that most have read.
    fn most_needed(&self) -> Option<(&'static Exercise, usize, usize)> {
        let hints = EXERCISES
            .iter()
            .flat_map(|exercise| (1..=3).map(move |level| (exercise, level)));
        hints
            .map(|(exercise, level)| {
                let read = |one: &&Standing| one.hints_read >= level;
                let readers = self.standings(exercise).filter(read).count();
                (exercise, level, readers)
            })
            .filter(|(_, _, readers)| *readers > 0)
            .max_by_key(|(exercise, level, readers)| {
                (*readers, *level, usize::MAX - exercise.number)
            })
    }
}

impl Student {
    fn done(&self) -> usize {
        self.exercises.values().filter(|one| one.is_done()).count()
    }

    // The last that is begun and not done; else the first that is not done.
    fn at(&self) -> Option<&'static Exercise> {
        let of = |exercise: &Exercise| self.exercises.get(&exercise.number);
        let is_open = |one: &Standing| !one.passed && !one.given;
        let open = |exercise: &&Exercise| of(exercise).is_none_or(is_open);
        let begun =
            |exercise: &&Exercise| of(exercise).is_some_and(|one| one.begun && is_open(one));
        EXERCISES
            .iter()
            .rfind(begun)
            .or_else(|| EXERCISES.iter().find(open))
    }

    fn place(&self) -> String {
        let Some(exercise) = self.at() else {
            return "the end".to_owned();
        };
        let Some(standing) = self.exercises.get(&exercise.number) else {
            return exercise.name.to_owned();
        };
        let seen = if standing.is_tried() {
            format!("sees {}", standing.shown())
        } else {
            "not begun".to_owned()
        };
        let hints = match standing.hints_read {
            0 => String::new(),
            1 => ", 1 hint read".to_owned(),
            many => format!(", {many} hints read"),
        };
        format!("{:<NAME_WIDTH$} {seen}{hints}", exercise.name)
    }
}

impl Standing {
    fn is_done(&self) -> bool {
        self.passed && !self.given
    }

    fn is_tried(&self) -> bool {
        !self.given && (self.passed || self.begun)
    }

    fn shown(&self) -> String {
        match &self.finding {
            _ if self.given => "given".to_owned(),
            _ if self.passed => "done".to_owned(),
            _ if !self.begun => String::new(),
            Some(seen) => plain(&seen.id),
            None => "not done".to_owned(),
        }
    }
}

fn reports(file: &Path) -> Result<Reports, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MAX_REPORT_BYTES {
        return Err(format!("{size} bytes are too many for a report"));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let text = decoded(&bytes).ok_or("it is not text")?;
    serde_json::from_str(text.trim())
        .map_err(|error| format!("it is not what `check --json` prints: {error}"))
}

// A `>` in Windows' PowerShell 5 writes UTF-16 with a byte order mark.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes[2..].as_chunks::<2>();
        let units: Vec<_> = pairs.iter().map(|two| pair(*two)).collect();
        String::from_utf16(&units).ok()
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    }
}

// Without what would move the cursor or change the colour.
fn plain(text: &str) -> String {
    let harmless = text.chars().filter(|letter| !letter.is_control());
    harmless.take(60).collect()
}

fn cut(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME_WIDTH - 1).collect();
    kept + "…"
}

fn line(fields: &[String]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
    fields.join(",") + "\r\n"
}

// Spreadsheets compute what begins like a formula, unless a quote stands before it.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@']);
    let field = format!("{}{field}", if formula { "'" } else { "" });
    if field.contains([',', '"']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}
