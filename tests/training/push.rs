//! Whatever happens to the gateway, the training continues and logs it once; and each job
//! and node has its own group.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::peers;
use crate::support::pushgateway::{FakeGateway, Pushgateway, free_address};
use crate::support::training::{Job, Training};
use golden_pushgateway::Pushgateway as Client;
use training::metrics::TrainerMetrics;
use training::node::{Node, Role};
use training::push::PushTask;

const FEW: &[&str] = &[
    "--batch-size",
    "64",
    "--held-out",
    "256",
    "--evaluate-every",
    "20",
];

/// With the arguments that make a small training, which takes little of a machine.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [FEW, more].concat()
}

#[test]
fn a_gateway_that_restarts_has_everything_again() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let mut gateway = Pushgateway::start(&binary);
    let job = Job::new("killed", gateway.address());
    let mut training = job.start(&small(&["--examples-per-second", "3000"]));
    let trainer: &[(&str, &str)] = &[("job", "killed"), ("role", "trainer")];
    let first = gateway.metrics_when("it pushes", |samples| {
        samples.sum("train_step", trainer) > 0.0
    });
    gateway.kill();
    // The process says so once, whatever nodes it is.
    training.lines_when("cannot push metrics", 1);
    // It trains on meanwhile.
    training.lines_when("examples/s", training.lines("examples/s").len() + 2);
    gateway.restart();
    let again = gateway.metrics_when("it is back", |samples| {
        samples
            .select("push_time_seconds", &[("job", "killed")])
            .count()
            == 4
    });
    let step = |samples: &crate::support::samples::Samples| samples.value("train_step", trainer);
    assert!(step(&again) > step(&first));
    training.lines_when("pushing metrics again", 1);
    assert!(training.interrupt().success());
    assert_eq!(training.lines("cannot push metrics").len(), 1);
    assert_eq!(training.lines("pushing metrics again").len(), 1);

    // The last push was the last word: the gateway ends where the training did.
    let done = training.line_when("trained on");
    let last = gateway.metrics();
    let said = format!("to step {};", step(&last));
    assert!(
        done["message"].as_str().unwrap().contains(&said),
        "{done}, {said}"
    );
    assert_eq!(last.sum("staleness", &[("job", "killed")]), 0.0);
    for role in ["trainer", "embedding-worker", "parameter-server"] {
        let labels = [("job", "killed"), ("role", role)];
        assert!(last.sum("metrics_push_failures", &labels) > 0.0, "{role}");
    }
}

#[test]
fn the_training_continues_whatever_a_gateway_answers() {
    // Slow, refusing, failing, moved.
    let gateway = FakeGateway::start(200);
    let job = Job::new("ill", gateway.address());
    let mut training = job.start(&small(&["--examples-per-second", "3000"]));
    training.lines_when("examples/s", 1);
    let mut warnings = 0;
    for (status, reason) in [
        (0, "does not answer"),
        (400, "answers 400: why?"),
        (500, "answers 500: why?"),
        (301, "has moved to http://elsewhere/"),
    ] {
        gateway.answer_with(status);
        warnings += 1;
        let lines = training.lines_when("cannot push metrics", warnings);
        let error = lines[warnings - 1]["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{error}");
        // It goes on trying, and says nothing more; and it goes on training.
        let pushes = gateway.pushes();
        let steps = training.lines("examples/s").len();
        training.lines_when("examples/s", steps + 3);
        assert!(gateway.pushes() > pushes);
        assert_eq!(training.lines("cannot push metrics").len(), warnings);
        for line in training.lines_when("examples/s", steps + 3) {
            let rate = line["message"].as_str().unwrap_or_default();
            assert!(!rate.starts_with("0 "), "it stood still: {line}");
        }
        gateway.answer_with(202);
        training.lines_when("pushing metrics again", warnings);
    }
    // A last push that is not accepted does not keep it from ending.
    gateway.answer_with(0);
    assert!(training.interrupt().success());
}

#[test]
fn without_any_gateway_it_trains_to_the_end_and_without_metrics_it_pushes_nothing() {
    let job = Job::new("alone", free_address());
    let mut training = job.start(&small(&["--steps", "50"]));
    assert!(training.wait().success());
    assert_eq!(training.lines("cannot push metrics").len(), 1);
    training.line_when("trained on 50 batches (3200 examples)");

    let gateway = FakeGateway::start(200);
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args(["train", "--log-format", "json", "--steps", "50"])
        .args(FEW)
        .env("PERSIA_METRICS_GATEWAY_ADDR", gateway.address().to_string());
    let mut training = Training::spawn(command);
    assert!(training.wait().success());
    training.line_when("trained on 50 batches");
    assert_eq!(gateway.pushes(), 0);
}

#[test]
fn two_jobs_on_one_gateway_stay_apart_and_can_be_deleted() {
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let (first, second) = (
        Job::new("first", gateway.address()),
        Job::new("second", gateway.address()),
    );
    let mut short = first.start(&small(&["--steps", "30"]));
    let mut long = second.start(&small(&["--steps", "70", "--delete-metrics"]));
    assert!(short.wait().success());
    assert!(long.wait().success());
    let samples = gateway.metrics();
    assert_eq!(samples.value("train_step", &[("job", "first")]), 30.0);
    // Each node of a job has a group of its own, though all are one process.
    let groups: Vec<_> = samples
        .select("push_time_seconds", &[("job", "first")])
        .collect();
    assert_eq!(groups.len(), 4);
    assert_eq!(
        samples.select("train_step", &[("job", "second")]).count(),
        0
    );
    assert_eq!(
        samples
            .select("push_time_seconds", &[("job", "second")])
            .count(),
        0
    );

    // And both at once, while they run.
    let mut one = first.start(&small(&["--examples-per-second", "2000"]));
    let mut other = second.start(&small(&["--examples-per-second", "2000"]));
    gateway.metrics_when("both push", |samples| {
        ["first", "second"]
            .iter()
            .all(|job| samples.sum("train_examples", &[("job", job)]) > 0.0)
    });
    assert!(one.interrupt().success() && other.interrupt().success());
    // What was pushed does not contradict what the gateway says of itself, nor
    // one node another.
    gateway.metrics();
    let log = gateway.log();
    assert!(
        log.contains("Listening") && !log.contains("overlap") && !log.contains("inconsisten"),
        "{log}"
    );
}

/// A push that is given up when the training ends may be taken by the gateway
/// after the last one, which it would undo: so it is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_push_does_not_overtake_the_one_before() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    let (say, said) = mpsc::channel();
    let gateway = thread::spawn(move || {
        let push = |listener: &TcpListener| -> TcpStream {
            let (mut stream, _) = listener.accept().expect("somebody pushes");
            let mut received = Vec::new();
            let mut buffer = [0; 16 * 1024];
            while !crate::support::pushgateway::is_whole(&received) {
                let length = stream.read(&mut buffer).expect("it is sent whole");
                received.extend_from_slice(&buffer[..length]);
            }
            stream
        };
        let take = |mut stream: TcpStream| {
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).expect("it waits for the answer");
        };
        let mut first = push(&listener);
        say.send(()).expect("the test waits");
        // The end comes now. Had it given this push up, there would be its end
        // to read.
        first
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("it is a length of time");
        let heard = first.read(&mut [0; 1]);
        assert!(heard.is_err(), "it was given up: {heard:?}");
        take(first);
        take(push(&listener));
    });
    let node = Node::new(Role::Trainer, 0, &TrainerMetrics::default());
    let client = Client::new(
        address.to_string().parse().expect("it is one"),
        Duration::from_secs(10),
    );
    let group = node.group("ends", address.ip()).expect("it has no slash");
    let pushing = PushTask::start(
        Arc::new(node),
        client,
        group,
        Duration::from_secs(3600),
        Arc::default(),
    );
    let first = tokio::task::spawn_blocking(move || said.recv());
    first
        .await
        .expect("it waits")
        .expect("the first push comes");
    pushing.end(false).await;
    gateway.join().expect("as asserted");
}
