//! What is hidden stays hidden: no page, no log line, no metric and no help reveals a mystery's distributions or a hidden incident.

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
use simulation::incident::truth::{Truth, seal_of};
use simulation::{Incident, Mystery};

const SALT: &str = "only-the-teacher-knows";

fn mystery(name: &str, salt: &str) -> Mystery {
    Mystery::new(&name.parse().expect("it is a name"), salt)
}

fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    http::request(server.address(), method, path, &headers, body.as_bytes())
}

/// Everything that a student can read without guessing.
fn everything_shown(server: &Server) -> String {
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
fn whole_log(server: &Server) -> String {
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

/// A name whose game, under the salt, hides this incident (or nothing); and the game.
fn game_of(kind: Option<&str>, window: Duration) -> (String, Truth) {
    (0..)
        .map(|n| format!("game {n}"))
        .map(|name| {
            let truth = Truth::draw(&name.parse().unwrap(), SALT, None, window);
            (name, truth)
        })
        .find(|(_, truth)| truth.incident().map(|of| of.kind().name()) == kind)
        .unwrap()
}

/// What of the truth is in what was shown.
fn tells(shown: &str, truth: &Truth) -> Vec<String> {
    let kind = truth.incident().map(|of| of.kind().name().to_owned());
    let sentence = truth.incident().map(Incident::reveal);
    let onset = format!("after {} s", truth.onset().as_secs_f64());
    let words = kind.into_iter().chain(sentence);
    let words = words.chain([onset, "nonce: ".to_owned(), SALT.to_owned()]);
    words.filter(|word| shown.contains(word.as_str())).collect()
}

/// A game in which something goes wrong is, until its end, shown as one in which nothing
/// does: state, settings, log, names of metrics and of their labels.
#[test]
fn a_game_tells_nothing_until_it_is_revealed() {
    let window = Duration::from_secs(10);
    // Predictions have series of their own, which are born when they are.
    let quiet = ["--traffic", "5", "--predict-share", "0"];
    let server = Server::start(&[&["--log", "trace", "--mystery-salt", SALT], &quiet[..]].concat());
    let series = |server: &Server| {
        let text = http::get(server.address(), "/metrics", &[]);
        let text = text.text().to_owned();
        let names = text.lines().filter(|line| !line.starts_with('#'));
        let names = names.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let configured = (
        server.get("/control/faults").json(),
        server.get("/control/traffic").json(),
    );
    for kind in [Some("more-traffic"), None] {
        let (name, truth) = game_of(kind, window);
        let body = json!({ "hidden": name, "window": "10s" }).to_string();
        let armed = send(&server, "PUT", "/control/incident", &body);
        assert_eq!(armed.status, 200, "{}", armed.text());
        let armed = armed.json();
        let seal = armed["game"]["seal"].as_str().unwrap().to_owned();
        assert_eq!((armed["state"].as_str(), seal.len()), (Some("armed"), 64));
        let names = series(&server);
        let shown_before = everything_shown(&server);
        // Past the onset, and so past the beginning, which the generated traffic shows.
        let began = Instant::now();
        while began.elapsed() < truth.onset() + Duration::from_millis(500) {
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(server.get("/control/incident").json(), armed);
        let now = (
            server.get("/control/faults").json(),
            server.get("/control/traffic").json(),
        );
        assert_eq!(now, configured, "its effect is not in the settings");
        let new: Vec<_> = series(&server).difference(&names).cloned().collect();
        // Of ordinary requests, and of this test's own.
        let of_requests = |name: &String| name.starts_with("http_request");
        assert!(new.iter().all(of_requests), "{new:?}");
        let shown = shown_before + &everything_shown(&server);
        let api = server.get("/openapi.json").text().to_owned();
        let shown = shown.replace(&api, "");
        assert_eq!(tells(&shown, &truth), Vec::<String>::new());
        // It is on, so nothing else begins, openly or hidden.
        for body in [&body, r#"{"kind":"errors"}"#] {
            let refused = send(&server, "PUT", "/control/incident", body);
            assert_eq!(refused.status, 409, "{}", refused.text());
        }

        let ended = send(&server, "DELETE", "/control/incident", "").json();
        let opening = ended["revealed"]["opening"].as_str().unwrap();
        assert_eq!((seal_of(opening), &ended["state"]), (seal, &json!("idle")));
        assert!(opening.contains("nonce: ") && opening.contains("onset: "));
        let mechanism = kind.unwrap_or("nothing");
        assert_eq!(ended["revealed"]["mechanism"], mechanism);
        assert!(
            opening.contains(&format!("incident: {mechanism}")),
            "{opening}"
        );
        // And the log is read by others, who have not guessed yet.
        assert_eq!(tells(&whole_log(&server), &truth), Vec::<String>::new());
    }
    let idle = send(&server, "DELETE", "/control/incident", "").json();
    assert_eq!(idle["revealed"], Value::Null);
}

/// The search above finds what is shown: it is able to fail.
#[test]
fn an_incident_that_is_not_hidden_is_shown() {
    let server = Server::start(&["--log", "trace", "--traffic", "0"]);
    let body = r#"{"kind":"more-traffic"}"#;
    send(&server, "PUT", "/control/incident", body);
    let (_, truth) = game_of(Some("more-traffic"), Duration::from_secs(10));
    assert_eq!(tells(&everything_shown(&server), &truth), ["more-traffic"]);
    // What grows only while it is wrong has no name before.
    assert!(!server.get("/metrics").text().contains("by_session"));
}
