//! A game's truth stays sealed until it is revealed: nothing that a player can read tells
//! what was drawn.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulation::Incident;
use simulation::incident::truth::{Truth, seal_of};

use crate::secrecy::{SALT, everything_shown, send, whole_log};
use crate::support::http;
use crate::support::server::Server;

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
        names.collect::<BTreeSet<_>>()
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
