//! The course's figures: how long a check takes, from the saved file to the
//! verdict, whether wrong answers get the hint meant for them, how large it is.
//!
//! In a copy of the course with a `target` of its own, so that nobody's progress
//! is touched and the first check is a first one: libraries included.

#[allow(dead_code, unreachable_pub, reason = "the other benches use the rest")]
#[path = "harness/report.rs"]
mod report;

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use report::{Report, Target};
use workshop::course::{Check, Course, EXERCISES, Exercise};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut report = Report::new();
    size(&root, &mut report)?;
    let copy = copied(&root)?;
    let course = Course::new(&copy);
    checks(&course, &mut report)?;
    edits(&root, &course, &mut report)?;
    report.print();
    // Takes minutes: all answers are built.
    let mut report = Report::new();
    hints(&root, &mut report)?;
    report.print();
    Ok(())
}

fn size(root: &Path, report: &mut Report) -> Outcome<()> {
    let mut count = |what: &str, number: usize| {
        report.row(what, number as f64, 0, "", Target::None);
    };
    let files = |folder: &str| -> Outcome<usize> {
        let mut all = Vec::new();
        walk(&root.join("exercises").join(folder), &mut all)?;
        Ok(all.len())
    };
    count("exercises", EXERCISES.len());
    count("wrong answers", files("wrong")?);
    count("right answers written otherwise", files("right")?);
    let mut words = 0;
    for exercise in EXERCISES {
        let course = Course::new(root);
        let text = course.readme(exercise)? + &course.hints(exercise)?.join("\n");
        words += text.split_whitespace().count();
    }
    count("words in pages and hints", words);
    Ok(())
}

fn checks(course: &Course, report: &mut Report) -> Outcome<()> {
    for exercise in EXERCISES {
        fs::copy(course.solution(exercise), course.file(exercise))?;
    }
    let cold = Instant::now();
    passed(course, &EXERCISES[0])?;
    let took = cold.elapsed().as_secs_f64();
    report.row(
        "very first check, libraries built",
        took,
        1,
        "s",
        Target::None,
    );
    for exercise in EXERCISES {
        // As a student saves it: the same but for a line.
        if is_built(exercise) {
            let text = fs::read_to_string(course.solution(exercise))?;
            fs::write(course.file(exercise), text + "\n// Saved.\n")?;
        }
        let first = passed(course, exercise)?;
        let repeated = passed(course, exercise)?;
        let name = exercise.name;
        report.row(
            &format!("{name}: after a change"),
            first,
            1,
            "s",
            Target::None,
        );
        report.row(&format!("{name}: repeated"), repeated, 1, "s", Target::None);
    }
    Ok(())
}

fn is_built(exercise: &Exercise) -> bool {
    matches!(
        exercise.check,
        Check::Service(_) | Check::Program(..) | Check::Open(..)
    )
}

fn passed(course: &Course, exercise: &'static Exercise) -> Outcome<f64> {
    let reports = course.check(&[exercise], |_| {});
    match reports.as_slice() {
        [report] if report.passed => Ok(report.seconds),
        _ => Err(format!("the solution does not pass: {reports:?}").into()),
    }
}

// In watch mode, from the write of the file to the line with the verdict.
fn edits(root: &Path, course: &Course, report: &mut Report) -> Outcome<()> {
    cargo(root, &["build", "--package", "workshop"])?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target
        .join("debug")
        .join(format!("workshop{}", std::env::consts::EXE_SUFFIX));
    for number in [1, 6, 14] {
        let exercise = EXERCISES.iter().find(|one| one.number == number);
        let exercise = exercise.ok_or("no such exercise")?;
        let go = Command::new(&program)
            .args(["go", &number.to_string()])
            .current_dir(course.root())
            .stdout(Stdio::null())
            .status()?;
        if !go.success() {
            return Err("cargo workshop go failed".into());
        }
        let mut watch = Command::new(&program)
            .current_dir(course.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = watch.stdout.take().ok_or("it is piped")?;
        let mut lines = BufReader::new(output).lines();
        let mut await_verdict = || -> Outcome<()> {
            let verdict = lines.find(|line| {
                line.as_ref()
                    .is_ok_and(|line| line.starts_with('✓') || line.starts_with('✗'))
            });
            verdict.ok_or("it ended")??;
            Ok(())
        };
        await_verdict()?;
        let mut times = Vec::new();
        for round in 0..3 {
            let text = fs::read_to_string(course.solution(exercise))?;
            let remark = if is_built(exercise) { "//" } else { "#" };
            let saved = Instant::now();
            fs::write(
                course.file(exercise),
                text + &format!("\n{remark} Saved {round}.\n"),
            )?;
            await_verdict()?;
            times.push(saved.elapsed().as_secs_f64());
        }
        watch.kill()?;
        watch.wait()?;
        times.sort_by(f64::total_cmp);
        let figure = format!("{}: edit to verdict, watching", exercise.name);
        report.row(&figure, times[1], 1, "s", Target::None);
    }
    Ok(())
}

// The test compares each wrong answer's hint with the one meant for it.
fn hints(root: &Path, report: &mut Report) -> Outcome<()> {
    let test = "every_answer_earns_exactly_what_is_meant_for_it";
    let all = cargo(
        root,
        &[
            "test",
            "--package",
            "workshop",
            "--test",
            "answers",
            "--",
            test,
        ],
    );
    if let Err(error) = &all {
        println!("{error}");
    }
    let share = if all.is_ok() { 100.0 } else { 0.0 };
    report.row(
        "all wrong answers earn the hint meant for them",
        share,
        0,
        "%",
        Target::AtLeast(100.0),
    );
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str]) -> Outcome<()> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    // A test says on its standard output why it fails.
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo {arguments:?}: {said}").into())
}

/// A copy of the course as a workspace of its own, with the stubs in their places.
fn copied(root: &Path) -> Outcome<PathBuf> {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("course-figures");
    let _ = fs::remove_dir_all(&copy);
    let mut files = Vec::new();
    walk(&root.join("exercises"), &mut files)?;
    for file in files {
        let to = copy.join(file.strip_prefix(root)?);
        fs::create_dir_all(to.parent().ok_or("it is in a folder")?)?;
        fs::copy(&file, to)?;
    }
    let _ = fs::remove_file(copy.join("exercises/.progress"));
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let section = |name: &str| -> Outcome<String> {
        let (_, rest) = manifest
            .split_once(&format!("\n[{name}]\n"))
            .ok_or("the manifest has another shape")?;
        let body = rest.split("\n[").next().unwrap_or_default();
        Ok(format!("[{name}]\n{body}\n"))
    };
    let text = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"exercises/student\"]\n\n{}{}",
        section("workspace.package")?,
        section("profile.dev")?,
    );
    fs::write(copy.join("Cargo.toml"), text)?;
    Ok(copy)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
