//! What is hidden stays hidden: no page, no log line, no metric and no help reveals a
//! mystery's distributions. Hidden incidents are in `secret_games`.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::http::{self, Answer};
use crate::support::server::Server;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use simulation::Mystery;

pub(crate) const SALT: &str = "only-the-teacher-knows";

fn mystery(name: &str, salt: &str) -> Mystery {
    Mystery::new(&name.parse().expect("it is a name"), salt)
}

pub(crate) fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    http::request(server.address(), method, path, &headers, body.as_bytes())
}

/// Everything that a student can read without guessing.
pub(crate) fn everything_shown(server: &Server) -> String {
    let mut shown = whole_log(server);
    for path in [
        "/",
        "/metrics",
        "/openapi.json",
        "/random",
        "/healthz",
        "/control/faults",
        "/control/traffic",
        "/control/mystery",
        "/control/incident",
        "/control/model",
        "/control/model/mystery",
        "/nowhere",
    ] {
        let answer = server.get(path);
        shown += &format!(
            "\n{path}: {:?} {}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        );
    }
    let openmetrics = [("accept", "application/openmetrics-text;version=1.0.0")];
    shown += http::get(server.address(), "/metrics", &openmetrics).text();
    let protobuf = [(
        "accept",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    )];
    let protobuf = http::get(server.address(), "/metrics", &protobuf);
    shown += &String::from_utf8_lossy(&protobuf.body);
    shown += &live_events(server);
    shown
}

/// All that it has written until now: up to the line of a request of ours.
pub(crate) fn whole_log(server: &Server) -> String {
    let trace = format!("{:032x}", rand::random::<u128>().max(1));
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    http::get(server.address(), "/healthz", &[("traceparent", &parent)]);
    let start = Instant::now();
    loop {
        let log = server.log().join("\n");
        if log.contains(&trace) {
            return log;
        }
        assert!(start.elapsed() < TIMEOUT, "no {trace} in {log}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What the live page receives, up to its first point.
fn live_events(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
        .write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut events = String::new();
    let mut points = false;
    for line in BufReader::new(stream).lines() {
        let line = line.expect("the stream goes on");
        points |= line.contains("event: points");
        events += &line;
        if points && line.contains("data: ") {
            return events;
        }
    }
    panic!("no points in {events}");
}

/// The distributions as they are written, and everything after the distribution's name in case
/// only that is shown.
fn distributions(mystery: &Mystery) -> Vec<String> {
    let distributions = [mystery.delay().to_string(), mystery.value().to_string()];
    let arguments: Vec<_> = distributions
        .iter()
        .filter_map(|distribution| {
            distribution
                .split_once('(')
                .map(|(_, arguments)| arguments.to_owned())
        })
        .collect();
    [distributions.to_vec(), arguments].concat()
}

#[test]
fn a_mystery_is_revealed_nowhere() {
    let arguments = [
        "--log",
        "trace",
        "--mystery",
        "alice",
        "--mystery-salt",
        SALT,
        "--traffic",
        "20",
    ];
    let server = Server::start(&arguments);
    let alice = mystery("alice", SALT);
    let faults = server.get("/control/faults").json();
    assert_eq!(
        (&faults["delay"], &faults["value"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(faults["mystery"], "alice");
    let state = server.get("/control/mystery").json();
    assert_eq!(
        (&state["name"], &state["was"]),
        (&json!("alice"), &Value::Null)
    );
    assert_eq!(state["commitment"].as_str().unwrap().len(), 64);

    // Everything that could make it speak of its distributions.
    for body in [
        json!({ "delay": "constant(1ms)" }),
        json!({ "value": "constant(1)" }),
        json!({ "error_rate": 0.5, "value": "constant(1)" }),
    ] {
        let answer = send(&server, "PATCH", "/control/faults", &body.to_string());
        assert_eq!(answer.status, 409, "{body}");
        let detail = answer.json()["detail"].clone();
        assert!(
            detail.as_str().unwrap().contains("DELETE /control/mystery"),
            "{detail}"
        );
    }
    assert_eq!(
        server.get("/control/faults").json(),
        faults,
        "refused whole"
    );
    let answer = send(
        &server,
        "PATCH",
        "/control/faults",
        r#"{"error_rate": 0.5}"#,
    );
    assert_eq!(
        (answer.status, &answer.json()["delay"]),
        (200, &Value::Null)
    );
    assert_eq!(send(&server, "PATCH", "/control/faults", "{").status, 422);
    assert_eq!(
        send(
            &server,
            "PUT",
            "/control/incident",
            r#"{"kind":"slow-tail"}"#
        )
        .status,
        200
    );
    assert_eq!(send(&server, "DELETE", "/control/incident", "").status, 200);
    assert_eq!(
        send(&server, "PUT", "/control/mystery", r#"{"name":"bob"}"#).status,
        200
    );

    let shown = everything_shown(&server);
    assert!(shown.contains("mystery started") && shown.contains("faults changed"));
    for mystery in [alice, mystery("bob", SALT)] {
        for distribution in distributions(&mystery) {
            assert!(
                !shown.contains(&distribution),
                "{distribution} is shown in {shown}"
            );
        }
    }
    assert!(!shown.contains(SALT), "the salt is shown: {shown}");

    // It ends as it was: nothing is revealed, and the configured distributions hold.
    let ended = send(&server, "DELETE", "/control/mystery", "");
    assert_eq!(
        ended.json(),
        json!({ "name": null, "commitment": null, "was": null })
    );
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["delay"], "lognormal(mean=120ms, cv=0.6)");
    let shown = everything_shown(&server);
    for distribution in distributions(&mystery("bob", SALT)) {
        assert!(
            !shown.contains(&distribution),
            "{distribution} is shown in {shown}"
        );
    }
}

/// What a teacher writes on the board first, and opens at the end.
#[test]
fn a_commitment_is_opened_when_the_mystery_is_revealed() {
    let server = Server::start(&["--log", "trace", "--mystery-salt", SALT, "--traffic", "0"]);
    let start = |name: &str| {
        let body = json!({ "name": name }).to_string();
        send(&server, "PUT", "/control/mystery", &body)
    };
    // What looks the same is the same.
    let mut commitments = Vec::new();
    for name in ["Zo\u{eb}", " Zoe\u{308} "] {
        let started = start(name).json();
        assert_eq!(started["name"], "Zo\u{eb}");
        let commitment = started["commitment"].as_str().unwrap().to_owned();

        let ended = send(&server, "DELETE", "/control/mystery?reveal=true", "").json();
        let was = ended["was"].as_str().unwrap();
        let digest: String = Sha256::digest(was)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest, commitment, "{was}");
        let truth = mystery("Zo\u{eb}", SALT);
        for line in [
            "name: Zo\u{eb}".to_owned(),
            format!("value: {}", truth.value()),
            format!("delay: {}", truth.delay()),
        ] {
            assert!(
                was.lines().any(|known| known == line),
                "{line} is not in {was}"
            );
        }
        assert!(!was.contains(SALT), "{was}");
        commitments.push(commitment);
    }
    assert_ne!(
        commitments[0], commitments[1],
        "the nonce is another each time"
    );
    // Only who asks for it is told, once, and not the log.
    let again = send(&server, "DELETE", "/control/mystery?reveal=true", "").json();
    assert_eq!(again["was"], Value::Null);
    let log = whole_log(&server);
    assert!(
        log.contains("mystery ended") && !log.contains("nonce"),
        "{log}"
    );

    for (name, remedy) in [
        ("al\u{200b}ice", "U+200B"),
        ("", "1 to 100 characters"),
        (&"a".repeat(101), "1 to 100 characters"),
    ] {
        let refused = start(name);
        assert_eq!(refused.status, 422, "{name}");
        assert!(refused.text().contains(remedy), "{}", refused.text());
    }
    let refused = send(&server, "DELETE", "/control/mystery?reveal=perhaps", "");
    assert_eq!(refused.status, 422);
}

/// The search above finds a distribution that is not hidden: it is able to fail.
#[test]
fn a_distribution_that_is_not_hidden_is_shown() {
    let alice = mystery("alice", SALT);
    let [delay, value] = [alice.delay().to_string(), alice.value().to_string()];
    let server = Server::start(&[
        "--log",
        "debug",
        "--delay",
        &delay,
        "--value",
        &value,
        "--traffic",
        "20",
    ]);
    let shown = everything_shown(&server);
    for distribution in distributions(&alice) {
        assert!(
            shown.contains(&distribution),
            "{distribution} is not in {shown}"
        );
    }
}

#[test]
fn the_help_shows_neither_salt_nor_token_nor_distributions() {
    let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .args(["serve", "--help"])
        .env("GOLDEN_MYSTERY", "alice")
        .env("GOLDEN_MYSTERY_SALT", SALT)
        .env("GOLDEN_CONTROL_TOKEN", "s3cret")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(
        help.contains("--mystery") && help.contains("alice"),
        "{help}"
    );
    for secret in [SALT, "s3cret"] {
        assert!(!help.contains(secret), "{help}");
    }
    for distribution in distributions(&mystery("alice", SALT)) {
        assert!(!help.contains(&distribution), "{help}");
    }
}
