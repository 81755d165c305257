//! Whatever the doctor receives, it ends, names the link, and does not crash.

use serde_json::{Value, json};

use super::fake::{Fake, Reply};
use super::stack::Doctor;

const PEERS: [&str; 5] = ["app", "prometheus", "grafana", "alertmanager", "pager"];

/// Only this peer is examined, with its whole room behind it.
fn doctor_of(peer: &str, fake: &Fake) -> Doctor {
    let others = PEERS.iter().filter(|other| **other != peer);
    let others: Vec<_> = others.copied().collect();
    Doctor::new().at(peer, fake.address()).with(&[
        "--timeout",
        "500ms",
        "--skip",
        &others.join(","),
    ])
}

fn every_peer(answer: impl Fn() -> Reply + Copy + Send + Sync + 'static) {
    for peer in PEERS {
        let fake = Fake::start(move |_| answer());
        let report = doctor_of(peer, &fake).report();
        assert_eq!(report.0["state"], "broken", "{peer}: {:#}", report.0);
    }
}

#[test]
fn bodies_without_end() {
    every_peer(|| Reply::Endless);
    every_peer(|| Reply::Dripping);
    every_peer(|| Reply::Silence);
}

#[test]
fn no_http_at_all() {
    every_peer(|| Reply::Raw(Vec::new()));
    every_peer(|| Reply::Raw(b"\x00\xff\x00\xff SSH-2.0\r\n\r\n".to_vec()));
    every_peer(|| {
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n{".to_vec())
    });
    every_peer(|| {
        Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec())
    });
}

#[test]
fn nested_and_broken_json() {
    every_peer(|| Reply::Text(200, "application/json", "[".repeat(100_000)));
    every_peer(|| Reply::Text(200, "application/json", "{\"status\":".to_owned()));
}

/// Every peer answers every question with the same odd,
/// but valid JSON.
#[test]
fn json_of_another_shape() {
    let list = || json!([null, 1, "x", [], {}, { "labels": 7, "url": [], "rules": {}, "uid": {} }]);
    let shapes = [
        Value::Null,
        json!([]),
        json!({ "watchdog": { "state": "silent", "silent": list() }, "groups": list() }),
        json!({ "watchdog": { "state": "heard", "last_heard": 7 }, "groups": [] }),
        json!("x\u{1b}[2J"),
        list(),
        json!({ "status": "success" }),
        json!({ "status": 1, "data": 2, "database": "ok", "dashboard": 3, "config": 4 }),
        json!({ "status": "success", "data": list(), "database": "ok" }),
        json!({ "status": "success", "database": "ok", "config": { "original": "webhook_configs:" }, "data": {
            "resultType": "vector", "result": list(), "groups": list(), "activeTargets": list(),
            "activeAlertmanagers": list(), "droppedAlertmanagers": 1, "scrapePools": list(),
        } }),
        json!({ "status": "success", "database": "ok", "data": {
            "activeTargets": [{ "labels": { "job": "app" }, "health": "up", "scrapeInterval": "nonsense" }],
            "resultType": "scalar", "result": [1, "NaN"], "groups": [{ "file": 1, "rules": [1] }],
        } }),
        json!({ "status": "success", "database": "ok", "data": {
            "activeTargets": [{ "labels": { "job": "app" }, "health": "up", "scrapeInterval": "1s" }],
            "resultType": "vector", "result": [{ "metric": 1, "value": [0, "-1e308"] }, { "value": "x" }],
        }, "dashboard": {
            "panels": [1, { "panels": [{ "panels": [] }], "targets": [1, { "expr": 5 }, { "expr": "$" }] }],
            "templating": { "list": [1, { "name": "x", "type": "query", "query": "label_values(" }, { "name": "$x" }] },
        } }),
    ];
    for shape in shapes {
        for peer in PEERS {
            let answer = shape.clone();
            let fake = Fake::start(move |_| Reply::json(200, &answer));
            let outcome = doctor_of(peer, &fake).run();
            assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
            assert!(!outcome.stdout.contains('\u{1b}'), "{outcome:?}");
        }
    }
}
