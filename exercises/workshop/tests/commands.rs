//! The command line and the watch mode, in a copy of the course.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod copy;
mod terminal;
mod watching;

use std::fs;
use std::path::Path;
use std::time::Duration;

use copy::Copy;
use serde_json::Value;
use workshop::course::EXERCISES;

// The service may have to be built first.
const TIMEOUT: Duration = Duration::from_secs(120);

#[test]
fn hints_go_deeper_and_stay_at_the_last() {
    let course = Copy::new("hints");
    for level in [1, 2, 3, 3] {
        let said = course.said(&["hint", "3"]);
        assert!(said.starts_with(&format!("Hint {level} of 3")), "{said}");
    }
}

#[test]
fn a_solution_is_shown_to_who_has_done_it_or_insists() {
    let course = Copy::new("solution");
    let refused = course.run(&["solution", "6"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty());
    let solution = course.read("exercises/solutions/06_promql/queries.promql");
    assert_eq!(course.said(&["solution", "6", "--spoil"]), solution);
    course.write("exercises/.progress", "done 6\n");
    assert_eq!(course.said(&["solution", "6"]), solution);
}

#[test]
fn check_reports_as_json_and_remembers() {
    let course = Copy::new("json");
    course.said(&["hint", "9"]);
    let output = course.run(&["check", "9", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &report["reports"][0];
    assert_eq!(report["exercise"], "09_questions");
    assert_eq!(report["passed"], false);
    assert_eq!(report["finding"]["id"], "not-answered");
    assert_eq!(report["hints_read"], 1);
    let solution = course.read("exercises/solutions/09_questions/answers.txt");
    course.write("exercises/09_questions/answers.txt", &solution);
    let output = course.run(&["check", "--json", "9"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(course.said(&["list"]).contains("✓  9  09_questions"));
    assert!(course.run(&["reset", "9"]).status.success());
    assert!(!course.said(&["list"]).contains('✓'));
}

#[test]
fn who_catches_up_has_solutions_and_loses_nothing() {
    let course = Copy::new("catch-up");
    let file = "exercises/01_traffic/traffic.rs";
    let solution = course.read("exercises/solutions/01_traffic/traffic.rs");
    let stub = course.read("exercises/stubs/02_latency/latency.rs");
    let done = course.read("exercises/stubs/03_errors/errors.rs") + "// done my way\n";
    course.write(file, "// mine, first\n");
    course.write("exercises/03_errors/errors.rs", &done);
    course.write("exercises/.progress", "done 3\n");
    let said = course.said(&["catch-up", "4"]);
    assert!(
        said.contains("what you wrote is kept in exercises/.kept/01_traffic/1_traffic.rs"),
        "{said}"
    );
    assert!(said.contains("cargo workshop restore N"), "{said}");
    assert!(said.contains("Exercise 4. Saturation"), "{said}");
    assert_eq!(course.read(file), solution);
    assert_ne!(course.read("exercises/02_latency/latency.rs"), stub);
    // What is done stays; what nobody wrote is not kept; the next one is open.
    assert_eq!(course.read("exercises/03_errors/errors.rs"), done);
    assert!(!course.path("exercises/.kept/02_latency").exists());
    let list = course.said(&["list"]);
    for line in ["=  1  01_", "=  2  02_", "✓  3  03_", ">  4  04_"] {
        assert!(list.contains(line), "{list}");
    }
    // Again, and nothing changes.
    let said = course.said(&["catch-up", "4"]);
    assert!(
        said.contains(&format!("{file}: the solution is there already")),
        "{said}"
    );
    let kept = || {
        fs::read_dir(course.path("exercises/.kept/01_traffic"))
            .unwrap()
            .count()
    };
    assert_eq!(kept(), 1);
    // Written again, caught up again: both are kept, and come back by turns.
    course.write(file, "// mine, second\n");
    course.said(&["catch-up", "2"]);
    assert_eq!((course.read(file), kept()), (solution.clone(), 2));
    course.said(&["restore", "1"]);
    assert_eq!(course.read(file), "// mine, second\n");
    assert!(!course.said(&["list"]).contains("=  1"));
    course.said(&["restore", "1"]);
    assert_eq!(course.read(file), "// mine, first\n");
    // What is being written when an earlier version comes back is kept as well.
    course.write(file, "// mine, third\n");
    let said = course.said(&["restore", "1"]);
    assert!(said.contains(".kept/01_traffic/3_traffic.rs"), "{said}");
    let said = course.said(&["reset", "1"]);
    assert!(said.contains("cargo workshop restore 1"), "{said}");
    assert_eq!(kept(), 3);
    // Of an exercise in which nobody wrote, the stub comes back.
    course.said(&["restore", "2"]);
    assert_eq!(course.read("exercises/02_latency/latency.rs"), stub);
}

#[test]
fn errors_at_which_newcomers_stop_are_explained_in_a_sentence() {
    let course = Copy::new("errors");
    let file = "exercises/01_traffic/traffic.rs";
    let stub = course.read("exercises/stubs/01_traffic/traffic.rs");
    let stub = stub.replace(
        "    // TODO 1: two more labels, `route` and `status`.",
        "    pub route: String,",
    );
    let call = "    let response = next.run(request).await;\n";
    let after = |line: &str| stub.replace(call, &format!("{call}    {line}\n"));
    for (code, broken, sentence) in [
        (
            "E0382",
            after("let method = request.method().to_string();"),
            "moves it there, unlike in Python",
        ),
        (
            "E0308",
            after("let labels = Labels { method: \"GET\", route: \"/\".to_owned() };"),
            "becomes a `String` by `.to_owned()`",
        ),
        (
            "E0063",
            after("let labels = Labels { method: \"GET\".to_owned() };"),
            "no default values as in a Python dataclass",
        ),
        (
            "E0433",
            after("let start = Instant::now();"),
            "needs a `use` line at the top",
        ),
        (
            "E0282",
            after("let labels = Vec::new();"),
            "which type this value has",
        ),
        ("E0004", after("match Some(1) { None => {} }"), ""),
    ] {
        course.write(file, &broken);
        let output = course.run(&["check", "1", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = &report["reports"][0]["finding"];
        assert_eq!(said["id"], "does-not-compile", "{code}");
        let said = said["observed"].as_str().unwrap();
        // The compiler's own words, with its line; ours before them, once.
        assert!(said.contains(&format!("error[{code}]")), "{said}");
        assert!(said.contains("traffic.rs:"), "{said}");
        let first = said.lines().next().unwrap();
        assert!(first.contains(sentence), "{code}: {said}");
        assert_eq!(first.contains(code), !sentence.is_empty(), "{said}");
    }
}

#[test]
fn the_page_on_rust_shows_lines_of_the_course() {
    let course = Copy::new("rust");
    let page = course.read("exercises/RUST_FOR_PYTHON.md");
    let mut code = String::new();
    for folder in ["student/src", "stubs", "solutions"] {
        sources(&course.path("exercises").join(folder), &mut code);
    }
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert_eq!(rows.len(), 20, "rows of the table");
    let mut seen = 0;
    for row in rows {
        let row = row.replace("\\|", "\u{1}");
        let right = row.split('|').nth(2).unwrap().replace('\u{1}', "|");
        // Longer ones are lines; others name a word.
        for span in right
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| span.len() > 12)
        {
            assert!(code.contains(span), "{span} stands in no file");
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn pages_say_which_exercises_need_no_rust() {
    let needless = EXERCISES
        .iter()
        .filter(|exercise| !exercise.file.ends_with(".rs"));
    let numbers: Vec<_> = needless.map(|exercise| exercise.number).collect();
    assert_eq!(numbers, [5, 6, 7, 8, 9, 10, 11, 12, 16, 18, 20, 22]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in [
        "README.md",
        "exercises/README.md",
        "exercises/RUST_FOR_PYTHON.md",
    ] {
        let text = fs::read_to_string(root.join(page))
            .unwrap()
            .replace('\n', " ");
        assert!(text.contains("5 to 12, 16, 18, 20 and 22 need"), "{page}");
    }
}

#[test]
fn what_is_not_understood_is_explained() {
    let course = Copy::new("usage");
    for words in [
        &["chekc"][..],
        &["check", "99"],
        &["hint"],
        &["hint", "x"],
        &["go", "0"],
        &["catch-up"],
        &["--plain", "1"],
        &["mystery", "11", "--form", "127.0.0.1:8000"],
        &[
            "mystery",
            "11",
            "--from",
            "127.0.0.1:8000",
            "--requests",
            "0",
        ],
        &["lab", "normal(50)"],
    ] {
        let output = course.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("cargo workshop check [N]"), "{said}");
    }
}

fn sources(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *code += &fs::read_to_string(&path).unwrap();
        }
    }
}
