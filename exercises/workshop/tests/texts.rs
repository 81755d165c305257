//! Text that cannot rot: every command and every query in the course's pages runs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod copy;
mod reference;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use copy::Copy;
use workshop::course::Course;
use workshop::gateway::{Behaviour, Gateway};
use workshop::mqtt;
use workshop::promtool::{self, Scene};
use workshop::stalling::{Stalling, Stalls};
use workshop::student::{self, Student};

fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// The lines of all fences of this language, with the page each stands on.
fn fenced(language: &str) -> Vec<(PathBuf, String)> {
    let course = Course::new(root());
    let folder = course.root().join("exercises");
    let mut pages = vec![];
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            pages.push(path);
        }
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    assert!(pages.len() > 10, "{pages:?}");
    let mut found = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let mut fences = text.split("```");
        // What stands outside of fences, and what inside, by turns.
        while let (Some(_), Some(inside)) = (fences.next(), fences.next()) {
            if let Some(lines) = inside.strip_prefix(language)
                && let Some(lines) = lines.strip_prefix('\n')
            {
                found.push((page.clone(), lines.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_query_is_understood_by_prometheus() {
    if peers::require("promtool").is_none() {
        return;
    }
    let fences = fenced("promql");
    assert!(!fences.is_empty());
    let nothing = Scene {
        name: "",
        series: vec![("up".to_owned(), "1 1".to_owned())],
        at: 5,
    };
    let queries: Vec<_> = fences
        .iter()
        .map(|(_, query)| query.trim().replace('\n', " "))
        .collect();
    let outcomes = promtool::evaluate(None, &[nothing], &queries).unwrap();
    for ((page, query), outcome) in fences.iter().zip(&outcomes[0]) {
        assert!(outcome.is_ok(), "{}: {query}: {outcome:?}", page.display());
    }
}

#[test]
fn every_command_runs() {
    let program = student::build(&root(), "student").unwrap();
    let student = Student::start(&program).unwrap();
    let stalls = Stalls {
        after: Duration::ZERO,
        length: Duration::from_millis(100),
        every: Duration::from_secs(1),
    };
    let stalling = Stalling::start("127.0.0.1:0", stalls, 0).unwrap();
    let gateway = Gateway::start("127.0.0.1:0", Behaviour::Accepts).unwrap();
    let course = Copy::new("texts");
    let mut watched = None;
    let mut ran = 0;
    for (page, lines) in fenced("sh") {
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let said = format!("{}: {line}", page.display());
            let mut words = line.split_whitespace();
            match words.next().unwrap() {
                "curl" => {
                    if peers::require_for("curl", line).is_none() {
                        continue;
                    }
                    let line = line.replace("127.0.0.1:8001", &student.address().to_string());
                    let line = line.replace("127.0.0.1:9091", &gateway.address().to_string());
                    assert_ne!(line, said, "curl of something else");
                    let status = shell(&line, &said);
                    // One goes away before the answer comes.
                    assert!(
                        status == 0 || line.contains("--max-time") && status == 28,
                        "{said}: {status}"
                    );
                }
                "hey" | "wrk" => {
                    if peers::require_for(words_of(line)[0], line).is_none() {
                        continue;
                    }
                    let line = line.replace("127.0.0.1:8002", &stalling.address().to_string());
                    assert_eq!(shell(&line, &said), 0, "{said}");
                }
                "mosquitto_sub" => {
                    let Some(watched) = Watched::once(&mut watched, &course) else {
                        continue;
                    };
                    let port = watched.broker.port();
                    let line = line.replace(" -h 127.0.0.1 ", &format!(" -h 127.0.0.1 -p {port} "));
                    assert_eq!(shell(&line, &said), 0, "{said}");
                }
                "cargo" if words_of(line) == ["cargo", "workshop", "processes"] => {
                    if Watched::once(&mut watched, &course).is_none() {
                        continue;
                    }
                }
                "promtool" => {
                    if peers::require_for("promtool", line).is_none() {
                        continue;
                    }
                    assert_eq!(shell(line, &said), 0, "{said}");
                }
                "cargo" => {
                    let line = line.replace("127.0.0.1:8002", &stalling.address().to_string());
                    let line = line.replace("127.0.0.1:9091", &gateway.address().to_string());
                    cargo(&course, &words_of(&line)[1..], &said);
                }
                _ => panic!("nobody knows how to try this: {said}"),
            }
            ran += 1;
        }
    }
    assert!(ran > 10, "only {ran} commands were found");
}

/// Exercise 16's processes, watched, with a broker. Dropping it ends both.
struct Watched {
    broker: SocketAddr,
    children: Vec<Child>,
}

impl Watched {
    /// The one of this test, started when it is first needed; `None` where there
    /// is no Mosquitto.
    fn once<'a>(watched: &'a mut Option<Self>, course: &Copy) -> Option<&'a Self> {
        if watched.is_none() {
            *watched = Self::start(course);
        }
        watched.as_ref()
    }

    fn start(course: &Copy) -> Option<Self> {
        let what = "the commands that watch exercise 16's processes";
        peers::require_for("mosquitto_sub", what)?;
        let mosquitto = peers::require_for("mosquitto", what)?;
        let mut watched = Self {
            broker: SocketAddr::from(([127, 0, 0, 1], 0)),
            children: Vec::new(),
        };
        // It cannot choose a port itself: one that is free now may be taken by
        // the time it binds, and then another one is tried.
        let deadline = Instant::now() + Duration::from_secs(30);
        while watched.broker.port() == 0 || mqtt::ask(watched.broker).is_err() {
            assert!(Instant::now() < deadline, "Mosquitto does not come up");
            let last = watched.children.last_mut();
            if last.is_none_or(|child| child.try_wait().unwrap().is_some()) {
                let free = TcpListener::bind("127.0.0.1:0").unwrap();
                watched.broker = free.local_addr().unwrap();
                drop(free);
                let child = Command::new(&mosquitto)
                    .args(["-p", &watched.broker.port().to_string()])
                    .stderr(Stdio::null())
                    .spawn();
                watched.children.push(child.unwrap());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let file = "exercises/16_processes/answers.txt";
        let stub = course.read(file);
        course.write(file, &course.read(&file.replace("/16", "/solutions/16")));
        let mut child = course
            .command(&["processes", &watched.broker.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        watched.children.push(child);
        assert!(line.starts_with("running alder, "), "{line}");
        course.write(file, &stub);
        Some(watched)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

// `run --package student` has just been done; `workshop …` is tried for real.
fn cargo(course: &Copy, words: &[&str], said: &str) {
    match words {
        // And the root package's tests/documentation/course.rs asks a service with a mystery.
        ["run", "--package", "student"]
        | ["run", "--release", "--", "serve", "--mystery", _]
        | ["workshop"] => {}
        // They listen until they are ended.
        ["run", "--package", "student", "--bin", name] => {
            let program = student::build(&root(), name).unwrap();
            Student::start(&program).unwrap();
        }
        [
            "run",
            "--package",
            "student",
            "--bin",
            name,
            "--",
            arguments @ ..,
        ] => {
            let program = student::build(&root(), name).unwrap();
            let arguments: Vec<_> = arguments.iter().map(|word| (*word).to_owned()).collect();
            student::output(&program, &arguments, Duration::from_mins(1)).expect(said);
        }
        ["workshop", serves @ ..]
            if matches!(serves, ["stall" | "gateway"] | ["class", "--serve"]) =>
        {
            let mut child = Command::new(env!("CARGO_BIN_EXE_workshop"))
                .args(serves)
                .arg("127.0.0.1:0")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let stdout = child.stdout.take().unwrap();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(line.starts_with("listening on 127.0.0.1:"), "{line}");
        }
        // Without input it ends when it has shown what Prometheus reports.
        ["workshop", "lab", rest @ ..] => {
            let rest: Vec<_> = rest.iter().map(|word| word.trim_matches('\'')).collect();
            let output = course.run(&[&["lab"], &rest[..], &["127.0.0.1:0"]].concat());
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(told.contains("listening on 127.0.0.1:"), "{said}: {told}");
            let prometheus = peers::require_for("prometheus", "what `cargo workshop lab` shows");
            let shows = told.contains("  truth ");
            assert_eq!(shows, prometheus.is_some(), "{said}: {told}");
        }
        ["workshop", kind @ ("runs" | "models"), name] => {
            let mut child = Command::new(env!("CARGO_BIN_EXE_workshop"))
                .args([kind, name])
                .args((*kind == "runs").then_some("127.0.0.1:0"))
                .env("GOLDEN_SIGNALS_PROGRAM", reference::program())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            let mut lines = stdout.lines().map(Result::unwrap);
            assert!(lines.any(|line| line.contains("/metrics")), "{said}");
            // Enter ends them, and so does the end of the input.
            drop(child.stdin.take());
            assert!(child.wait().unwrap().success(), "{said}");
        }
        // A minute's, in a second.
        ["workshop", "clicks", _, "|", "cargo", run @ ..] => {
            let clicks = course.run(&["clicks", "1"]).stdout;
            let [.., "--bin", name, "--", gateway, instance, seconds] = run else {
                panic!("{said}");
            };
            let program = student::build(&root(), name).unwrap();
            let mut child = Command::new(program)
                .args([gateway, instance, seconds])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(&clicks).unwrap();
            assert!(child.wait().unwrap().success(), "{said}");
        }
        // On the stubs, which are not done: 1 is as right as 0.
        ["workshop", rest @ ..] => {
            let (rest, file) = match rest {
                [rest @ .., ">", file] => (rest, Some(file)),
                _ => (rest, None),
            };
            let output = course.run(rest);
            if let Some(file) = file {
                course.write(file, &String::from_utf8(output.stdout).unwrap());
            }
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1)), "{said}: {code:?}");
        }
        _ => panic!("nobody knows how to try this: {said}"),
    }
}

fn words_of(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn shell(line: &str, said: &str) -> i32 {
    let peers = peers::directory().join("bin");
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PATH", format!("{}:{path}", peers.display()))
        .current_dir(root())
        .output()
        .unwrap();
    output.status.code().unwrap_or_else(|| panic!("{said}"))
}
