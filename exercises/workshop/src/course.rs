//! The exercises with their files, and how they are checked; which there are is in [`list`].

pub mod list;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::build::{self, Progress};
use crate::finding::{Finding, Judgement};
use crate::stack::Stack;

pub use list::EXERCISES;

/// One exercise.
#[derive(Debug, Clone, Copy)]
pub struct Exercise {
    /// As on the command line.
    pub number: usize,
    /// Its folder.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// What the student edits, in the folder.
    pub file: &'static str,
    /// What it demands.
    pub check: Check,
}

impl Exercise {
    /// What the student edits, from the repository's folder.
    #[must_use]
    pub fn path(&self) -> String {
        format!("exercises/{}/{}", self.name, self.file)
    }

    /// Its page, from the repository's folder.
    #[must_use]
    pub fn page(&self) -> String {
        format!("exercises/{}/README.md", self.name)
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// The student's service: the program.
    Service(fn(&Path) -> Judgement),
    /// The program of this name, which is the file that the student edits.
    Program(&'static str, fn(&Path) -> Judgement),
    /// The program of this name, which is the file that the student edits; right work may
    /// earn a remark too.
    Open(&'static str, fn(&Path) -> Result<Option<String>, Finding>),
    /// The file that the student edits.
    File(fn(&Path) -> Judgement),
    /// The file that the student edits, and the running stack; a right answer may
    /// earn a remark too.
    Answer(fn(&Path, &Stack) -> Result<Option<String>, Finding>),
}

/// The verdict on one exercise.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Its number.
    pub number: usize,
    /// Its folder.
    pub exercise: &'static str,
    /// Whether it is done.
    pub passed: bool,
    /// What is wrong, if it is not.
    pub finding: Option<Finding>,
    /// What there is to say of it, if it is done.
    pub remark: Option<String>,
    /// How long the check took, building included.
    pub seconds: f64,
}

/// What happens while exercises are checked.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The student's program is being built.
    Building(Progress),
    /// This exercise's work is looked at.
    Checking(&'static Exercise),
    /// This is the verdict.
    Judged(&'a Report),
}

/// The repository that holds the course.
#[derive(Debug, Clone)]
pub struct Course {
    root: PathBuf,
    stack: Stack,
}

/// Something of the course could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}; is the repository complete?", path.display())]
pub struct CourseError {
    path: PathBuf,
    source: io::Error,
}

impl CourseError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self { path, source }
    }
}

impl Course {
    /// The course in this repository.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let stack = Stack::from_env(&root);
        Self { root, stack }
    }

    /// The same, with this stack.
    #[must_use]
    pub fn with_stack(self, stack: Stack) -> Self {
        Self { stack, ..self }
    }

    /// The stack that is asked, if the student says so.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The repository's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file that the student edits.
    #[must_use]
    pub fn file(&self, exercise: &Exercise) -> PathBuf {
        self.within("", exercise, exercise.file)
    }

    /// The solved file.
    #[must_use]
    pub fn solution(&self, exercise: &Exercise) -> PathBuf {
        self.within("solutions", exercise, exercise.file)
    }

    /// The file as it was before the student came.
    #[must_use]
    pub fn stub(&self, exercise: &Exercise) -> PathBuf {
        self.within("stubs", exercise, exercise.file)
    }

    /// The exercise's page.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn readme(&self, exercise: &Exercise) -> Result<String, CourseError> {
        read(self.within("", exercise, "README.md"))
    }

    /// The picture that the teacher's page shows: an SVG.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn picture(&self, exercise: &Exercise) -> Result<String, CourseError> {
        read(self.within("", exercise, "picture.svg"))
    }

    /// The three hints, each deeper than the one before.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub fn hints(&self, exercise: &Exercise) -> Result<Vec<String>, CourseError> {
        let text = read(self.within("", exercise, "hints.md"))?;
        // What stands above the first heading is the title.
        let hints = text.split("\n## ").skip(1).map(|hint| {
            let body = hint.split_once('\n').map_or("", |(_, body)| body);
            body.trim().to_owned()
        });
        Ok(hints.collect())
    }

    /// Whether the student has changed the file.
    #[must_use]
    pub fn is_begun(&self, exercise: &Exercise) -> bool {
        // Line ends are git's on some systems, not the student's.
        let lines = |path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        lines(self.file(exercise)) != lines(self.stub(exercise))
    }

    /// Checks these exercises; the service is built once for all of them.
    pub fn check(
        &self,
        exercises: &[&'static Exercise],
        mut each: impl FnMut(Step<'_>),
    ) -> Vec<Report> {
        let mut service = None;
        let mut reports = Vec::new();
        for exercise in exercises {
            let start = Instant::now();
            let mut remark = None;
            let build = |name: &str, each: &mut dyn FnMut(Step<'_>)| {
                each(Step::Building(Progress::default()));
                let program = build::build(&self.root, "student", name, &mut |progress| {
                    each(Step::Building(progress));
                });
                each(Step::Checking(exercise));
                program
            };
            each(Step::Checking(exercise));
            let judgement = match exercise.check {
                Check::Service(check) => service
                    .get_or_insert_with(|| build("student", &mut each))
                    .clone()
                    .and_then(|program| check(&program)),
                Check::Program(name, check) => {
                    build(name, &mut each).and_then(|program| check(&program))
                }
                Check::Open(name, check) => build(name, &mut each)
                    .and_then(|program| check(&program))
                    .map(|said| remark = said),
                Check::File(check) => check(&self.file(exercise)),
                Check::Answer(check) => {
                    check(&self.file(exercise), &self.stack).map(|said| remark = said)
                }
            };
            let report = Report {
                number: exercise.number,
                exercise: exercise.name,
                passed: judgement.is_ok(),
                finding: judgement.err(),
                remark,
                seconds: start.elapsed().as_secs_f64(),
            };
            each(Step::Judged(&report));
            reports.push(report);
        }
        reports
    }

    fn within(&self, kind: &str, exercise: &Exercise, file: &str) -> PathBuf {
        let exercises = self.root.join("exercises").join(kind);
        exercises.join(exercise.name).join(file)
    }
}

/// The exercise of this number.
#[must_use]
pub fn exercise(number: usize) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.number == number)
}

/// The text of a file of the course.
pub(crate) fn read(path: PathBuf) -> Result<String, CourseError> {
    fs::read_to_string(&path).map_err(|source| CourseError { path, source })
}
