//! The live page in a real Chromium, against the real service: what a student sees
//! and can do.

use std::time::Duration;

use crate::support::TIMEOUT;
use crate::support::browser::Browser;
use crate::support::http;
use crate::support::pager::Pager;
use crate::support::server::Server;
use serde_json::{Value, json};

/// The page is connected and has drawn something.
const DRAWN: &str = "Number(document.getElementById('traffic').dataset.points)";

#[test]
fn every_panel_has_data_within_three_seconds() {
    let server = Server::start(&["--traffic", "50"]);
    let Some(browser) = Browser::open() else {
        return;
    };
    // The service has been running, as it has when someone looks.
    server.metrics_when(TIMEOUT, "a hundred answers", |samples| {
        samples.sum(
            "http_requests_total",
            &[("route", "/random"), ("status", "200")],
        ) >= 100.0
    });

    browser.go(&server.url("/"));
    browser.wait(
        Duration::from_secs(3),
        "[...document.querySelectorAll('.panel')].length === 5
           && [...document.querySelectorAll('.panel')].every((panel) => panel.dataset.points > 0)",
    );

    // What is written agrees with what was counted.
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic-now').value) > 10",
    );
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('latency-now').value) > 0",
    );
    assert_ne!(browser.text("errors-now"), "–");
    assert_ne!(browser.text("saturation-now"), "–");
    assert_ne!(browser.text("fullest"), "");
    for value in ["cpu", "memory", "threads", "fds", "uptime"] {
        assert_ne!(browser.text(&format!("process-{value}")), "–", "{value}");
    }
    // Something is painted in every canvas, not merely handed to it.
    let blank = browser.run(
        "return [...document.querySelectorAll('.chart canvas')].filter((canvas) => {
           const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
           return new Set(new Uint32Array(pixels.buffer)).size < 8;
         }).length",
    );
    assert_eq!(blank, 0);
}

#[test]
fn it_loads_nothing_external_and_logs_no_errors() {
    let server = Server::start(&["--traffic", "50"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    let names =
        browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)");
    let names = names.as_array().expect("a list");
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(
            name.as_str()
                .is_some_and(|name| name.starts_with(&server.url("/"))),
            "{name}"
        );
    }
    assert_eq!(browser.console(), Vec::<String>::new());

    // Nor could anything be fetched: the policy forbids it before the network would.
    let forbidden = browser.run(
        "const image = new Image();
         return new Promise((done) => {
           addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
           image.src = 'http://127.0.0.1:9/';
         })",
    );
    assert_eq!(forbidden, "img-src");
}

#[test]
fn the_pagers_alerts_are_shown_as_plain_text_and_its_absence_too() {
    let pager = Pager::start(&["--watchdog-timeout=0s"]);
    let url = format!("http://{}", pager.address());
    let server = Server::start(&["--traffic", "20", "--pager", &url]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    assert_eq!(
        browser.run("return document.getElementById('pager').hidden"),
        true
    );

    let alert = json!({
        "status": "firing", "fingerprint": "c01dcafe",
        "labels": { "alertname": "LoginDown", "severity": "critical", "level": "1" },
        "annotations": { "summary": "<img src=x onerror=alert(1)> nobody can log in" },
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "javascript:alert(1)",
    });
    let mut notification = json!({
        "version": "4", "groupKey": "g", "truncatedAlerts": 400, "alerts": [alert],
    });
    let notify = |notification: &Value| {
        let answer = http::post(pager.address(), "/alerts", notification);
        assert_eq!(answer.status, 204);
    };
    notify(&notification);
    browser.wait(TIMEOUT, "!document.getElementById('pager').hidden");
    let shown = browser.text("alerts");
    for words in [
        "LoginDown: 401 firing",
        "and 400 more",
        "critical · level 1",
        "<img src=x onerror=alert(1)> nobody can log in",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(
        browser.run("return document.querySelectorAll('#alerts img, #alerts a').length"),
        0
    );
    browser.wait(
        TIMEOUT,
        "document.getElementById('announcement').textContent.includes('LoginDown is firing')",
    );
    // The pager's own page shows the same.
    let own = Browser::open_at(&pager.server.url("/")).expect("there was one");
    own.wait(TIMEOUT, "document.querySelector('#alerts .alert-firing')");
    assert_eq!(own.text("alerts"), browser.text("alerts"));
    own.wait(TIMEOUT, "document.querySelector('#history td')");
    assert_eq!(own.console(), Vec::<String>::new());
    drop(own);

    notification["alerts"][0]["status"] = json!("resolved");
    notify(&notification);
    browser.wait(TIMEOUT, "document.querySelector('#alerts .alert-resolved')");

    // What it remembers survives it, and the page says when it cannot know.
    let pager = pager.restart(&["--watchdog-timeout=0s"]);
    let list = pager.list();
    assert_eq!(list["groups"][0]["name"], "LoginDown", "{list:#}");
    assert_eq!(list["watchdog"]["state"], "off");
    drop(pager);
    browser.wait(
        TIMEOUT,
        "document.getElementById('pager-state').textContent.includes('cannot be reached since')",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_lost_connection_is_reported_and_restored() {
    let mut server = Server::start(&["--traffic", "20"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    browser.wait(
        TIMEOUT,
        "document.getElementById('connection').dataset.state === 'live'",
    );
    let bind = server.address().to_string();

    server.stop();
    browser.wait(
        TIMEOUT,
        "document.getElementById('connection').dataset.state === 'lost'",
    );
    assert!(browser.text("connection-text").contains("lost"));

    let _again = Server::start(&["--traffic", "20", "--bind", &bind]);
    browser.wait(
        TIMEOUT,
        "document.getElementById('connection').dataset.state === 'live'",
    );
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic-now').value) > 0",
    );
}

#[test]
fn a_range_can_be_chosen_and_the_queries_follow() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    browser.wait(
        TIMEOUT,
        "document.querySelector('#traffic .query').textContent.includes('[10s]')",
    );
    browser.run(
        "const range = document.getElementById('range');
         range.value = '1m';
         range.dispatchEvent(new Event('change'))",
    );
    browser.wait(
        TIMEOUT,
        "document.querySelector('#traffic .query').textContent.includes('[1m]')",
    );
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic').dataset.points)",
    );
}
