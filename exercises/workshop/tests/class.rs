//! The teacher's table, over reports as students hand them in.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use workshop::class::Class;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("class")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn workshop(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_workshop"))
        .args(arguments)
        .output()
        .unwrap()
}

fn passed(number: usize, hints: usize) -> Value {
    json!({
        "number": number, "exercise": "any", "passed": true, "finding": null,
        "seconds": 1.0, "hints_read": hints, "begun": true,
    })
}

fn open(number: usize, id: &str, hints: usize, begun: bool) -> Value {
    json!({
        "number": number, "exercise": "any", "passed": false,
        "finding": { "id": id, "observed": "a long text" },
        "seconds": 1.0, "hints_read": hints, "begun": begun,
    })
}

fn text(reports: &[Value]) -> String {
    json!({ "reports": reports }).to_string()
}

fn row<'a>(table: &'a str, begins: &str) -> &'a str {
    table
        .lines()
        .find(|line| line.starts_with(begins))
        .unwrap_or_else(|| panic!("no row {begins}:\n{table}"))
}

fn words(row: &str) -> Vec<&str> {
    row.split_whitespace().collect()
}

fn three(name: &str) -> PathBuf {
    let folder = folder(name);
    let ana = [
        passed(1, 0),
        open(2, "unit", 2, true),
        open(3, "all-success", 0, false),
    ];
    let bo = [passed(1, 1), open(2, "unit", 1, true)];
    let cy = [open(1, "raw-path", 0, true), open(2, "no-metric", 0, false)];
    fs::write(folder.join("ana.json"), text(&ana)).unwrap();
    fs::write(folder.join("bo.json"), text(&bo)).unwrap();
    fs::write(folder.join("cy.json"), text(&cy)).unwrap();
    fs::write(folder.join("notes.txt"), "not a report").unwrap();
    folder
}

#[test]
fn the_table_says_who_is_where_and_what_the_class_needs() {
    let output = workshop(&["class", three("table").to_str().unwrap()]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());

    let ana = [
        "ana",
        "1",
        "02_latency",
        "sees",
        "unit,",
        "2",
        "hints",
        "read",
    ];
    assert_eq!(words(row(&table, "ana")), ana);
    let bo = [
        "bo",
        "1",
        "02_latency",
        "sees",
        "unit,",
        "1",
        "hint",
        "read",
    ];
    assert_eq!(words(row(&table, "bo")), bo);
    let cy = ["cy", "0", "01_traffic", "sees", "raw-path"];
    assert_eq!(words(row(&table, "cy")), cy);
    // Done, tried, readers of hints 1 to 3, findings. Who has not begun sees nothing.
    let traffic = ["01_traffic", "2", "3", "1", "0", "0", "raw-path", "(1)"];
    assert_eq!(words(row(&table, "01_traffic")), traffic);
    let latency = ["02_latency", "0", "2", "2", "1", "0", "unit", "(2)"];
    assert_eq!(words(row(&table, "02_latency")), latency);
    let errors = ["03_errors", "0", "0", "0", "0", "0"];
    assert_eq!(words(row(&table, "03_errors")), errors);
    assert!(
        table.contains("exercise 2, hint 1, read by 2 of 3"),
        "{table}"
    );
    assert!(!table.contains("notes"), "{table}");
}

#[test]
fn csv_has_a_line_for_each_student_and_a_column_for_each_exercise() {
    let output = workshop(&["class", "--csv", three("csv").to_str().unwrap()]);
    let csv = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("student,done,at,hints_read,01_traffic,02_latency,03_errors,"));
    assert!(
        lines[1].starts_with("ana,1,02_latency,2,done,unit,,"),
        "{csv}"
    );
    assert!(
        lines[3].starts_with("cy,0,01_traffic,0,raw-path,,,"),
        "{csv}"
    );
    let columns = |line: &str| line.split(',').count();
    assert!(lines.iter().all(|line| columns(line) == columns(lines[0])));
}

#[test]
fn what_students_wrote_can_neither_colour_the_terminal_nor_become_a_formula() {
    let folder = folder("hostile");
    let id = "\u{1b}[31mred\r\n=1+1,\"x\"";
    fs::write(folder.join("=cmd.json"), text(&[open(1, id, 0, true)])).unwrap();
    let class = Class::read(&folder).unwrap();
    assert!(!class.table().contains('\u{1b}'));
    let csv = class.csv();
    assert!(csv.contains("\r\n'=cmd,0,"), "{csv}");
    assert!(csv.contains("\"[31mred=1+1,\"\"x\"\"\""), "{csv}");
    assert_eq!(csv.split_terminator("\r\n").count(), 2, "{csv}");
}

#[test]
fn one_bad_file_keeps_nobody_waiting() {
    let folder = three("one_bad");
    fs::write(folder.join("dan.json"), "no JSON").unwrap();
    let output = workshop(&["class", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("\nbo "));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("dan.json: it is not what `check --json` prints"),
        "{said}"
    );
}

#[test]
fn reports_from_powershell_are_read() {
    let folder = folder("powershell");
    let report = text(&[passed(1, 0)]);
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(report.encode_utf16().flat_map(u16::to_le_bytes));
    fs::write(folder.join("eva.json"), bytes).unwrap();
    fs::write(folder.join("fay.json"), format!("\u{feff}{report}")).unwrap();
    let class = Class::read(&folder).unwrap();
    assert!(class.unreadable.is_empty(), "{:?}", class.unreadable);
    assert_eq!(words(row(&class.table(), "eva"))[1], "1");
    assert_eq!(words(row(&class.table(), "fay"))[1], "1");
}

#[test]
fn a_folder_without_reports_is_told_what_belongs_there() {
    let output = workshop(&["class", folder("empty").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("check --json > NAME.json"), "{said}");
}

#[test]
fn a_report_of_the_checker_itself_is_understood() {
    // A course of its own, with the one exercise that needs no build.
    let course = folder("own").join("course");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in [
        "exercises/student/Cargo.toml",
        "exercises/06_promql/queries.promql",
        "exercises/stubs/06_promql/queries.promql",
    ] {
        let path = course.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let from = file.replace("exercises/06", "exercises/stubs/06");
        fs::copy(repository.join(from), path).unwrap();
    }
    let check = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(["check", "6", "--json"])
            .current_dir(&course)
            .output()
            .unwrap();
        fs::write(folder(name).join("gus.json"), output.stdout).unwrap();
        let class = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("class")
            .join(name);
        Class::read(&class).unwrap()
    };
    let untouched = check("own_untouched");
    assert!(
        untouched.unreadable.is_empty(),
        "{:?}",
        untouched.unreadable
    );
    let row_of = |class: &Class| words(row(&class.table(), "06_promql"))[1..3].join(" ");
    assert_eq!(row_of(&untouched), "0 0");
    let file = course.join("exercises/06_promql/queries.promql");
    let text = fs::read_to_string(&file).unwrap() + "up\n";
    fs::write(file, text).unwrap();
    assert_eq!(row_of(&check("own_begun")), "0 1");
}
