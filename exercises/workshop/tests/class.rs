//! The teacher's table, over reports as students hand them in.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use workshop::class::Class;
use workshop::http;

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

/// A course of its own, with the one exercise that needs no build.
fn own_course(name: &str) -> PathBuf {
    let course = folder(name).join("course");
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
    course
}

/// `class --serve`. Dropping it ends it.
struct Serving {
    child: Child,
    address: SocketAddr,
}

impl Serving {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(["class", "--serve", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line}"));
        Self { child, address }
    }

    fn class(&self) -> Value {
        let answer = http::request(self.address, "GET", "/class.json").unwrap();
        serde_json::from_str(&answer.body).unwrap()
    }

    /// What is answered to these bytes; nothing if the connection is closed.
    fn told(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_exercise_has_a_screen_of_its_own() {
    let serving = Serving::start();
    let screen = |number: &str| http::request(serving.address, "GET", &format!("/show/{number}"));
    let shown = screen("4").unwrap();
    let sentence = "A request can end without reaching your last line";
    assert!(shown.body.contains(sentence) && shown.body.contains("<svg "));
    assert_eq!(screen("99").unwrap().status, 404);
}

#[test]
fn the_class_is_told_of_checks_and_shows_who_is_where() {
    // Without it every check of this exercise says that it is not installed.
    if peers::require("prometheus").is_none() || peers::require("promtool").is_none() {
        return;
    }
    let serving = Serving::start();
    let course = own_course("live");
    let file = course.join("exercises/06_promql/queries.promql");
    fs::write(&file, fs::read_to_string(&file).unwrap() + "# begun\n").unwrap();
    fs::write(
        course.join("exercises/.progress"),
        "done 1\ngiven 2\nhints 6 2\n",
    )
    .unwrap();
    let url = format!("http://{}", serving.address);
    let workshop = |words: &[&str], class: &str| {
        Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(words)
            .current_dir(&course)
            .env("WORKSHOP_CLASS", class)
            .env("WORKSHOP_NAME", "bo")
            .output()
            .unwrap()
    };
    assert_eq!(serving.class()["students"], json!([]));
    let told = workshop(&["report", "6", "--to", &url, "--name", "ana"], "");
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(said.contains("06_promql is not done yet"), "{said}");
    // Every check tells, where the environment names the class.
    workshop(&["check", "6"], &url);
    let class = serving.class();
    assert_eq!(class["students"][0]["name"], "ana");
    assert_eq!(class["students"][1]["name"], "bo");
    for student in class["students"].as_array().unwrap() {
        assert_eq!(student["at"], "06_promql");
        assert_eq!(student["finding"], "not-answered");
        assert_eq!(student["hints"], 2);
        // What was not checked now is known all the same.
        assert_eq!(student["done"], 1);
        assert!(student["stuck_seconds"].as_u64().is_some(), "{student}");
    }
    assert_eq!(class["most_frequent"]["finding"], "not-answered");
    assert_eq!(class["most_frequent"]["students"], 2);
    assert_eq!(class["exercises"][0]["done"], 2);
    assert_eq!(class["exercises"][1]["given"], 2);
    let page = http::request(serving.address, "GET", "/").unwrap();
    assert!(page.content_type.starts_with("text/html"));
    assert!(page.body.contains("class.json"));
    // Who sends something else is told so, and nobody else is disturbed.
    let post = |head: &str, body: &str| {
        serving.told(&format!(
            "POST /report HTTP/1.1\r\n{head}connection: close\r\n\r\n{body}"
        ))
    };
    let json = "content-type: application/json\r\n";
    assert!(post("content-length: 2\r\n", "{}").contains(" 415 "));
    assert!(post(&format!("{json}content-length: 2\r\n"), "{}").contains(" 422 "));
    assert_eq!(
        post(&format!("{json}content-length: 999999999\r\n"), ""),
        ""
    );
    assert_eq!(serving.told(&"x".repeat(1 << 20)), "");
    assert_eq!(serving.class()["students"].as_array().unwrap().len(), 2);
    // A class that is not there is said, and changes no verdict.
    drop(serving);
    let told = workshop(&["report", "6"], &url);
    let said = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1));
    assert!(said.contains("did not get your report"), "{said}");
    let checked = workshop(&["check", "6"], "no address");
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        String::from_utf8(checked.stderr)
            .unwrap()
            .contains("the class `no address`")
    );
}

#[test]
fn a_report_of_one_exercise_knows_the_others() {
    let course = own_course("one");
    fs::write(
        course.join("exercises/.progress"),
        "done 1\ngiven 2\ndone 3\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
        .args(["check", "6", "--json"])
        .current_dir(&course)
        .output()
        .unwrap();
    let reports = folder("one_reports");
    fs::write(reports.join("ana.json"), output.stdout).unwrap();
    let class = Class::read(&reports).unwrap();
    let table = class.table();
    // Done, tried.
    assert_eq!(words(row(&table, "01_traffic"))[1..3], ["1", "1"]);
    assert_eq!(words(row(&table, "02_latency"))[1..3], ["0", "0"]);
    assert_eq!(words(row(&table, "ana"))[1..3], ["2", "04_saturation"]);
    assert!(
        class
            .csv()
            .contains("ana,2,04_saturation,0,done,given,done,"),
        "{}",
        class.csv()
    );
}

#[test]
fn a_report_of_the_checker_itself_is_understood() {
    let course = own_course("own");
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
