//! `golden-signals healthcheck`, as Docker calls it: an exit code, and one line that says why.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::proplet::{self, Running};
use crate::support::server::Server;
use crate::support::training::Training;
use rustix::process::Signal;

fn healthcheck(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .arg("healthcheck")
        .args(arguments)
        .output()
        .expect("it starts")
}

/// The exit code, and the one line on either output.
fn outcome(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).expect("it is UTF-8");
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text)
}

#[test]
fn a_ready_service_is_healthy_and_one_that_is_gone_is_not() {
    let server = Server::start(&["--traffic=0"]);
    let url = server.url("/readyz");
    let (code, line) = outcome(&healthcheck(&[&url]));
    assert_eq!(code, Some(0), "{line}");
    assert_eq!(line, format!("{url}: 200 OK\n"));

    let (code, line) = outcome(&healthcheck(&[&server.url("/nowhere")]));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("404"), "{line}");

    drop(server);
    let (code, line) = outcome(&healthcheck(&[&url]));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.starts_with(&format!("error: {url}: ")), "{line}");
}

#[test]
fn a_wrong_address_is_bad_usage() {
    for address in [
        "localhost:8000",
        "https://localhost",
        "http://localhost:x",
        "file:///run/heartbeat",
    ] {
        let (code, line) = outcome(&healthcheck(&[address]));
        assert_eq!(code, Some(2), "{line}");
        assert!(line.contains(address), "{line}");
        assert!(line.contains("http://127.0.0.1:8000/readyz"), "{line}");
        assert!(!line.contains("GOLDEN_"), "{line}");
    }
}

/// Polls until the health check ends with this code; returns its line.
fn becomes(code: i32, target: &str) -> String {
    let start = Instant::now();
    loop {
        let (now, line) = outcome(&healthcheck(&[target]));
        if now == Some(code) {
            return line;
        }
        assert!(start.elapsed() < TIMEOUT, "{line}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A heartbeat in the build's own directory, and what looks at it.
fn heartbeat(name: &str) -> (String, String) {
    let file = format!(
        "{}/heartbeat-{name}-{}",
        env!("CARGO_TARGET_TMPDIR"),
        std::process::id()
    );
    let target = format!("file://{file}?max_age=3s");
    (file, target)
}

#[test]
fn a_proplet_is_healthy_while_the_broker_takes_what_it_sends() {
    let Some((mut broker, _subscriber)) = proplet::broker() else {
        return;
    };
    let (file, target) = heartbeat("proplet");
    let arguments = ["--heartbeat", &file, "--liveliness-interval", "500ms"];
    let _proplet = Running::proplet(broker.address(), &arguments);
    becomes(0, &target);
    broker.kill();
    let line = becomes(1, &target);
    assert!(line.contains("the last heartbeat was"), "{line}");
    broker.restart();
    becomes(0, &target);
    fs::remove_file(file).expect("it was touched");
}

#[test]
fn a_trainer_is_healthy_while_it_makes_steps() {
    let train = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args(["train", "--log-format", "json"])
            .args(arguments);
        Training::spawn(command)
    };
    let shard = train(&["--role=parameter-server", "--bind=127.0.0.1:0"]);
    let shards = format!("--parameter-servers={}", shard.address());
    let mut worker = train(&["--role=embedding-worker", "--bind=127.0.0.1:0", &shards]);
    let workers = format!("--embedding-workers={}", worker.address());
    // Who listens is asked by HTTP, on the port of its calls.
    for listener in [&shard, &worker] {
        becomes(0, &format!("http://{}/healthz", listener.address()));
    }
    // One that hangs does not answer.
    let healthz = format!("http://{}/healthz", shard.address());
    shard.signal(Signal::STOP);
    becomes(1, &healthz);
    shard.signal(Signal::CONT);
    becomes(0, &healthz);
    let (file, target) = heartbeat("trainer");
    let options = ["--examples-per-second=2000", "--batch-size=64"];
    let own = ["--role=trainer", "--heartbeat", &file, &workers];
    let _trainer = train(&[&own[..], &options].concat());
    becomes(0, &target);
    // It waits forever for a worker that is gone, and makes no step.
    worker.kill();
    let line = becomes(1, &target);
    assert!(line.contains("the last heartbeat was"), "{line}");
    fs::remove_file(file).expect("it was touched");
}

#[test]
fn a_missing_heartbeat_is_not_healthy() {
    let (_, target) = heartbeat("never");
    let (code, line) = outcome(&healthcheck(&[&target]));
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("no heartbeat yet"), "{line}");
}
