//! The exercises in their order, with their files, and how they are checked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use crate::build::{self, Progress};
use crate::checks;
use crate::finding::{Finding, Judgement};
use crate::stack::Stack;

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
    /// The file that the student edits.
    File(fn(&Path) -> Judgement),
    /// The file that the student edits, and the running stack; a right answer may
    /// earn a remark too.
    Answer(fn(&Path, &Stack) -> Result<Option<String>, Finding>),
}

/// All exercises.
pub const EXERCISES: &[Exercise] = &[
    Exercise {
        number: 1,
        name: "01_traffic",
        title: "Traffic: count the requests",
        file: "traffic.rs",
        check: Check::Service(checks::traffic::check),
    },
    Exercise {
        number: 2,
        name: "02_latency",
        title: "Latency: time the answers",
        file: "latency.rs",
        check: Check::Service(checks::latency::check),
    },
    Exercise {
        number: 3,
        name: "03_errors",
        title: "Errors: tell them apart",
        file: "errors.rs",
        check: Check::Service(checks::errors::check),
    },
    Exercise {
        number: 4,
        name: "04_saturation",
        title: "Saturation: know how full you are",
        file: "saturation.rs",
        check: Check::Service(checks::saturation::check),
    },
    Exercise {
        number: 5,
        name: "05_scrape",
        title: "Scraping: let Prometheus come by",
        file: "prometheus.yml",
        check: Check::File(checks::scrape::check),
    },
    Exercise {
        number: 6,
        name: "06_promql",
        title: "PromQL: ask the right question",
        file: "queries.promql",
        check: Check::Answer(checks::promql::check),
    },
    Exercise {
        number: 7,
        name: "07_rules",
        title: "Rules: be woken, but only when it matters",
        file: "student.rules.yml",
        check: Check::File(checks::rules::check),
    },
    Exercise {
        number: 8,
        name: "08_dashboard",
        title: "Dashboard: show the golden signals",
        file: "dashboard.json",
        check: Check::Answer(checks::dashboard::check),
    },
    Exercise {
        number: 9,
        name: "09_questions",
        title: "The questions at the end of the day",
        file: "answers.txt",
        check: Check::File(checks::questions::check),
    },
    Exercise {
        number: 10,
        name: "10_buckets",
        title: "Bucket lab: predict what is reported",
        file: "predictions.txt",
        check: Check::File(checks::buckets::check),
    },
    Exercise {
        number: 11,
        name: "11_random_value",
        title: "Recover the distribution of the random numbers",
        file: "answer.txt",
        check: Check::Answer(checks::recover::values),
    },
    Exercise {
        number: 12,
        name: "12_random_delay",
        title: "Recover the distribution of the delays",
        file: "answer.txt",
        check: Check::Answer(checks::recover::delays),
    },
    Exercise {
        number: 13,
        name: "13_loops",
        title: "Loops: closed and open",
        file: "load.rs",
        check: Check::Program("load", checks::loops::check),
    },
    Exercise {
        number: 14,
        name: "14_cardinality",
        title: "Cardinality: find the bomb and defuse it",
        file: "shop.rs",
        check: Check::Program("shop", checks::cardinality::check),
    },
    Exercise {
        number: 15,
        name: "15_capstone",
        title: "Capstone: instrument a service from nothing",
        file: "service.rs",
        check: Check::Program("capstone", checks::capstone::check),
    },
    Exercise {
        number: 16,
        name: "16_processes",
        title: "Processes: watch them, and find the leak",
        file: "answers.txt",
        check: Check::File(checks::processes::check),
    },
    Exercise {
        number: 17,
        name: "17_training",
        title: "Training: push what cannot be scraped",
        file: "training.rs",
        check: Check::Program("training", checks::training::check),
    },
    Exercise {
        number: 18,
        name: "18_three_runs",
        title: "Three runs: find the fault in each",
        file: "answers.txt",
        check: Check::File(checks::three_runs::check),
    },
];

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
