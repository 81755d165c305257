//! The services of all answers, as programs of one package that is written for the
//! occasion, so that one run of cargo builds them all, with the libraries that the
//! workspace has built already.

#![allow(unreachable_pub, reason = "it is part of a test program")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use workshop::course::{Check, Exercise};

use crate::answer::{Answer, course, files, write_if_other};
use crate::{answers, has_own_program, services};

/// The folder of the generated package, with a program for each answer.
pub fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let course = course();
        let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("answers");
        let student = course.root().join("exercises/student");
        let manifest = fs::read_to_string(student.join("Cargo.toml")).unwrap();
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
        let mut text = format!(
            "[package]\nname = \"answers\"\nversion = \"0.0.0\"\nedition = \"2024\"\nautobins = false\n\n[workspace]\n\n\
             [profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n\n\
             [profile.dev.package.answers]\nopt-level = 0\ndebug = false\nincremental = false\ncodegen-units = 1\n\n\
             [dependencies]{dependencies}"
        );
        let mut program = |name: &str, answer: &dyn Fn(&Exercise) -> PathBuf| {
            let folder = package.join(name);
            for source in files(&student.join("src")) {
                let mut text = fs::read_to_string(&source).unwrap();
                for exercise in services() {
                    let path = format!("../../{}/{}", exercise.name, exercise.file);
                    text = text.replace(&path, exercise.file);
                }
                write_if_other(&folder.join(source.file_name().unwrap()), &text);
            }
            for exercise in services() {
                let text = fs::read_to_string(answer(exercise)).unwrap();
                write_if_other(&folder.join(exercise.file), &text);
            }
            write!(text, "\n[[bin]]\nname = \"{name}\"\npath = \"{name}/main.rs\"\n").unwrap();
        };
        let answers = answers();
        for Answer {
            exercise,
            name,
            file,
            ..
        } in &answers
        {
            if matches!(exercise.check, Check::Service(_)) {
                // What comes before is done, what comes after is not.
                let name = format!("{}_{name}", exercise.name);
                program(&name, &|other| match other.number.cmp(&exercise.number) {
                    std::cmp::Ordering::Less => course.solution(other),
                    std::cmp::Ordering::Equal => file.clone(),
                    std::cmp::Ordering::Greater => course.stub(other),
                });
            }
        }
        program("solved", &|exercise| course.solution(exercise));
        for Answer {
            exercise,
            name,
            file,
            ..
        } in &answers
        {
            if has_own_program(exercise) {
                let name = format!("{}_{name}", exercise.name);
                let source = package.join(&name).join("main.rs");
                write_if_other(&source, &fs::read_to_string(file).unwrap());
                write!(text, "\n[[bin]]\nname = \"{name}\"\npath = \"{name}/main.rs\"\n").unwrap();
            }
        }
        write_if_other(&package.join("Cargo.toml"), &text);
        let lock = fs::read_to_string(course.root().join("Cargo.lock")).unwrap();
        if !package.join("Cargo.lock").is_file() {
            fs::write(package.join("Cargo.lock"), lock).unwrap();
        }
        cargo(&package, &["build", "--bins"]);
        package
    })
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..")
}

pub fn cargo(package: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(arguments.split(|word| *word == "--").next().unwrap())
        .args(["--quiet", "--offline", "--target-dir"])
        .arg(target())
        .args(arguments.iter().skip_while(|word| **word != "--"))
        .current_dir(package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}:\n{said}");
}

pub fn program(name: &str) -> PathBuf {
    package();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    target().join("debug").join(file)
}
