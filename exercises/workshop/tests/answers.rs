//! The checker, checked: every stub fails with its opening hint, every solution
//! passes, so does what is right in another way, and every wrong answer earns exactly the hint that is meant for it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answer;
mod programs;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::thread;

use answer::{Answer, course};
use programs::{cargo, package, program};
use workshop::checks::loops::TOO_BUSY;
use workshop::course::{Check, EXERCISES, Exercise};
use workshop::finding::Judgement;
use workshop::promtool::PROGRAMS;
use workshop::stack::Stack;

/// What an untouched exercise is told.
const OPENINGS: &[(usize, &str)] = &[
    (1, "no-metric"),
    (2, "no-metric"),
    (3, "all-success"),
    (4, "no-metric"),
    (5, "no-target"),
    (6, "not-answered"),
    (7, "not-recorded"),
    (8, "no-queries"),
    (9, "not-answered"),
    (10, "not-answered"),
    (11, "not-answered"),
    (12, "not-answered"),
    (13, "waits-for-answers"),
    (14, "searches-grow"),
    (15, "no-page"),
    (16, "not-answered"),
    (17, "no-push"),
    (18, "not-answered"),
    (19, "no-metric"),
    (20, "not-recorded"),
    (21, "no-metric"),
    (22, "not-answered"),
    (23, "not-three"),
];

/// Stub, solution, and what is wrong or right in another way, of each exercise.
fn answers() -> Vec<&'static Answer> {
    static HANDED_OUT: OnceLock<Vec<Answer>> = OnceLock::new();
    let handed_out = HANDED_OUT.get_or_init(|| {
        let opening = |exercise: &Exercise| {
            let mut openings = OPENINGS.iter();
            let opening = openings.find(|(number, _)| *number == exercise.number);
            opening.expect("every exercise has an opening").1.to_owned()
        };
        EXERCISES
            .iter()
            .flat_map(|exercise| {
                [
                    Answer {
                        exercise,
                        name: "stub".to_owned(),
                        file: course().stub(exercise),
                        earns: Some(opening(exercise)),
                    },
                    Answer {
                        exercise,
                        name: "solution".to_owned(),
                        file: course().solution(exercise),
                        earns: None,
                    },
                ]
            })
            .collect()
    });
    // Of some exercises only, such as `ANSWERS=5,7`, while one is at work on them.
    let only = std::env::var("ANSWERS").unwrap_or_default();
    let only: Vec<usize> = only.split(',').filter_map(|one| one.parse().ok()).collect();
    let all = handed_out.iter().chain(answer::all());
    all.filter(|one| only.is_empty() || only.contains(&one.exercise.number))
        .collect()
}

fn is_program(exercise: &Exercise) -> bool {
    matches!(exercise.check, Check::Service(_)) || has_own_program(exercise)
}

fn has_own_program(exercise: &Exercise) -> bool {
    matches!(exercise.check, Check::Program(..) | Check::Open(..))
}

fn services() -> impl Iterator<Item = &'static Exercise> {
    EXERCISES
        .iter()
        .filter(|exercise| matches!(exercise.check, Check::Service(_)))
}

fn judge(answer: &Answer) -> Judgement {
    let mut judgement = judge_once(answer);
    for _ in 0..20 {
        match &judgement {
            Err(finding) if finding.id == TOO_BUSY => judgement = judge_once(answer),
            _ => break,
        }
    }
    judgement
}

fn judge_once(answer: &Answer) -> Judgement {
    let built = || program(&format!("{}_{}", answer.exercise.name, answer.name));
    match answer.exercise.check {
        Check::Service(check) | Check::Program(_, check) => check(&built()),
        Check::Open(_, check) => check(&built()).map(drop),
        Check::File(check) => check(&answer.file),
        Check::Answer(check) => check(&answer.file, &Stack::default()).map(drop),
    }
}

/// How many answers are judged at a time. Most of a judgement is waiting, for scrapes and
/// pushes, and costs the machine little.
const AT_A_TIME: usize = 8;

/// The exercise that is about time. A machine that does much else has little: then the
/// checker says so, and is asked again.
const BY_THE_CLOCK: &str = "13_loops";
const AT_A_TIME_BY_THE_CLOCK: usize = 2;

/// What the checker says of each answer that is amiss; `at_a_time` of them at a time.
fn all_amiss<T: Sync>(
    items: &[T],
    at_a_time: usize,
    amiss: impl Fn(&T) -> Option<String> + Sync,
) -> Vec<String> {
    let next = Mutex::new(items.iter());
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let item = next.lock().unwrap().next();
                    let Some(item) = item else { return };
                    let amiss = amiss(item);
                    found.lock().unwrap().extend(amiss);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn a_patch_that_does_not_apply_is_refused() {
    let exercise = &EXERCISES[0];
    let solution = fs::read_to_string(course().solution(exercise)).unwrap();
    let first = solution.lines().next().unwrap();
    let header = "Wrong: nothing.\nEarns: nothing\n--- solutions/01_traffic/traffic.rs\n+++ b\n";
    let patch = format!("{header}@@ -1 +1 @@\n-{first}\n+//! Other\n");
    let (head, answer) = answer::patched(exercise, &patch).unwrap();
    assert_eq!(head, "Wrong: nothing.\nEarns: nothing\n");
    assert_eq!(answer, solution.replacen(first, "//! Other", 1));
    for (patch, complaint) in [
        (
            format!("{header}@@ -1 +1 @@\n-gone\n+here\n"),
            "does not apply",
        ),
        (
            header.replace("01_traffic", "02_latency"),
            "does not begin with",
        ),
        (header.to_owned(), "changes nothing"),
        ("Wrong: nothing.\n".to_owned(), "no line begins with"),
        (
            // Several lines are such, and not the first.
            format!("{header}@@ -1 +1 @@\n-}}\n+}};\n"),
            "several places",
        ),
    ] {
        let refused = answer::patched(exercise, &patch).unwrap_err();
        assert!(refused.contains(complaint), "{refused}");
    }
}

#[test]
fn every_exercise_has_three_wrong_answers() {
    for exercise in EXERCISES {
        let wrong = answer::all()
            .iter()
            .filter(|answer| answer.exercise.number == exercise.number && answer.earns.is_some());
        let wrong = wrong.count();
        assert!(wrong >= 3, "{wrong} wrong answers to {}", exercise.name);
    }
}

#[test]
fn every_answer_earns_exactly_what_is_meant_for_it() {
    let missing = Mutex::new(BTreeSet::new());
    let amiss = |answer: &&Answer| {
        let judgement = judge(answer);
        if let Some(program) = lacks(answer, &judgement) {
            let mut missing = missing.lock().unwrap();
            missing.insert((program, answer.exercise.name));
            return None;
        }
        let earned = judgement.as_ref().err().map(|finding| finding.id);
        (earned != answer.earns.as_deref()).then(|| {
            format!(
                "{} {}: earned {earned:?} instead of {:?}: {}",
                answer.exercise.name,
                answer.name,
                answer.earns,
                judgement
                    .err()
                    .map_or(String::new(), |finding| finding.observed)
            )
        })
    };
    let (programs, files): (Vec<_>, Vec<_>) = answers()
        .into_iter()
        .partition(|answer| is_program(answer.exercise));
    let (by_the_clock, programs): (Vec<_>, Vec<_>) = programs
        .into_iter()
        .partition(|answer| answer.exercise.name == BY_THE_CLOCK);
    // Files need no program: they are judged while the programs are built.
    let amiss: Vec<_> = thread::scope(|scope| {
        scope.spawn(package);
        all_amiss(&files, AT_A_TIME, amiss)
    })
    .into_iter()
    .chain(all_amiss(&programs, AT_A_TIME, amiss))
    .chain(all_amiss(&by_the_clock, AT_A_TIME_BY_THE_CLOCK, amiss))
    .collect();
    assert!(amiss.is_empty(), "{}", amiss.join("\n\n"));
    for (program, exercise) in missing.into_inner().unwrap() {
        assert_eq!(peers::require_for(program, exercise), None, "{program}");
    }
}

/// The program for lack of which this answer could not be judged.
fn lacks(answer: &Answer, judgement: &Judgement) -> Option<&'static str> {
    match judgement {
        Err(finding) if finding.id == "not-installed" => {
            let mut programs = PROGRAMS.iter().map(|(program, _)| *program);
            programs.find(|program| finding.observed.starts_with(program))
        }
        // Without a Prometheus nobody looks at graphs.
        Ok(()) if answer.earns.as_deref() == Some("other-in-a-graph") => Some("prometheus"),
        _ => None,
    }
}

#[test]
fn the_service_with_all_solutions_passes_every_exercise() {
    let solved = program("solved");
    let services: Vec<_> = services().collect();
    let amiss = all_amiss(&services, AT_A_TIME, |exercise| {
        let Check::Service(check) = exercise.check else {
            return None;
        };
        let finding = check(&solved).err()?;
        Some(format!("{}: {finding:?}", exercise.name))
    });
    assert!(amiss.is_empty(), "{}", amiss.join("\n\n"));
}

#[test]
fn solutions_are_formatted_and_clippy_has_nothing_to_say() {
    let package = package();
    let programs = answers()
        .into_iter()
        .filter(|answer| has_own_program(answer.exercise) && answer.name == "solution")
        .map(|answer| format!("{}_solution", answer.exercise.name));
    let solved: Vec<_> = std::iter::once("solved".to_owned())
        .chain(programs)
        .flat_map(|name| ["--bin".to_owned(), name])
        .collect();
    let mut arguments = vec!["clippy"];
    arguments.extend(solved.iter().map(String::as_str));
    arguments.extend(["--", "-D", "warnings"]);
    cargo(package, &arguments);
    // Stubs and solutions are among the answers.
    let files: Vec<_> = answers()
        .into_iter()
        .map(|answer| &answer.file)
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    let output = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_exercise_has_a_page_and_three_hints() {
    let course = course();
    for exercise in EXERCISES {
        let page = course.readme(exercise).unwrap();
        assert!(
            page.starts_with(&format!("# {}. ", exercise.number)),
            "{}",
            exercise.name
        );
        let hints = course.hints(exercise).unwrap();
        assert_eq!(hints.len(), 3, "{}", exercise.name);
        assert!(
            hints.iter().all(|hint| hint.len() > 40),
            "{}",
            exercise.name
        );
    }
}

// On a student's machine the exercises are edited, and that is right.
#[test]
fn the_exercises_are_handed_out_as_their_stubs() {
    if std::env::var("CI").as_deref() != Ok("true") {
        return;
    }
    let course = course();
    for exercise in EXERCISES {
        let handed_out = fs::read_to_string(course.file(exercise)).unwrap();
        assert_eq!(
            handed_out,
            fs::read_to_string(course.stub(exercise)).unwrap(),
            "{}",
            exercise.name
        );
    }
}
