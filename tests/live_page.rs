//! The live page in a real Chromium, against the real service: what a student sees
//! and can do.

mod support;

use std::time::Duration;

use serde_json::json;
use support::browser::{Browser, ENTER};
use support::http;
use support::server::Server;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The page of a service under traffic, watched until it has drawn something.
fn page(server: &Server) -> Option<Browser> {
    let browser = Browser::open()?;
    browser.go(&server.url("/"));
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic').dataset.points)",
    );
    Some(browser)
}

fn text(browser: &Browser, id: &str) -> String {
    let text = browser.run(&format!(
        "return document.getElementById('{id}').textContent"
    ));
    text.as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_panel_has_data_within_three_seconds() {
    let server = Server::start(&["--traffic", "50"]);
    let Some(browser) = Browser::open() else {
        return;
    };
    // The service has been running, as it has when someone looks.
    server.metrics_when(PATIENCE, "a hundred answers", |samples| {
        samples.sum(
            "http_requests_total",
            &[("route", "/random"), ("status", "200")],
        ) >= 100.0
    });

    browser.go(&server.url("/"));
    browser.wait(
        Duration::from_secs(3),
        "[...document.querySelectorAll('.panel')].length === 4
           && [...document.querySelectorAll('.panel')].every((panel) => panel.dataset.points > 0)",
    );

    // What is written agrees with what was counted.
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic-now').value) > 10",
    );
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('latency-now').value) > 0",
    );
    assert_ne!(text(&browser, "errors-now"), "–");
    assert_ne!(text(&browser, "saturation-now"), "–");
    assert_ne!(text(&browser, "fullest"), "");
    for value in ["cpu", "memory", "threads", "fds", "uptime"] {
        assert_ne!(text(&browser, &format!("process-{value}")), "–", "{value}");
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
fn it_needs_nothing_from_elsewhere_and_has_nothing_to_complain_of() {
    let server = Server::start(&["--traffic", "50"]);
    let Some(browser) = page(&server) else { return };
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
fn a_changed_control_changes_the_graph() {
    let server = Server::start(&["--traffic", "5", "--delay", "constant(10ms)"]);
    let Some(browser) = page(&server) else { return };
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic-now').value) > 1",
    );

    browser.click("#rate");
    browser.write("100");
    browser.press([ENTER]);
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic-now').value) > 50",
    );

    let fast = "Number(document.getElementById('latency-now').value) < 0.1";
    browser.wait(PATIENCE, fast);
    browser.click("#delay");
    browser.write("constant(400ms)");
    browser.press([ENTER]);
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('latency-now').value) > 0.2",
    );

    browser.click("#error-rate");
    browser.write("50");
    browser.press([ENTER]);
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('errors-now').value) > 0.2",
    );
    browser.wait(
        PATIENCE,
        "document.getElementById('traffic-legend').textContent.includes('500')",
    );

    // The service has been told, and nothing else: what the page says is true.
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["error_rate"], 0.5);
    assert_eq!(faults["delay"], "constant(400ms)");
    assert_eq!(server.get("/control/traffic").json()["rate"], 100.0);
}

#[test]
fn a_delay_that_cannot_be_is_explained_beside_its_field() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = page(&server) else { return };
    let before = server.get("/control/faults").json();

    browser.click("#delay");
    browser.write("gamma(shpae=3, scale=40ms)");
    browser.press([ENTER]);
    let said = browser.wait(
        PATIENCE,
        "document.getElementById('delay-error').textContent",
    );
    assert!(
        said.as_str().is_some_and(|said| said.contains("shape")),
        "{said}"
    );
    let described = browser.run(
        "const field = document.getElementById('delay');
         return [field.getAttribute('aria-invalid'), field.getAttribute('aria-describedby')]",
    );
    assert_eq!(described, json!(["true", "delay-error"]));
    assert_eq!(server.get("/control/faults").json(), before);

    browser.click("#rate");
    browser.write("-3");
    browser.press([ENTER]);
    browser.wait(
        PATIENCE,
        "document.getElementById('rate-error').textContent",
    );

    // A right one takes the complaint away.
    browser.click("#delay");
    browser.write("gamma(shape=3, scale=40ms)");
    browser.press([ENTER]);
    browser.wait(
        PATIENCE,
        "document.getElementById('delay-error').textContent === ''",
    );
    assert_eq!(
        server.get("/control/faults").json()["delay"],
        "gamma(shape=3, scale=40ms)"
    );
}

#[test]
fn every_preset_is_a_delay_the_service_takes() {
    let server = Server::start(&["--traffic", "0"]);
    let Some(browser) = page_without_traffic(&server) else {
        return;
    };
    let presets = browser.run("return document.querySelectorAll('#presets button').length");
    let presets = presets.as_u64().expect("a number");
    assert!(presets >= 5);
    for preset in 1..=presets {
        browser.click(&format!("#presets button:nth-child({preset})"));
        browser.wait(
            PATIENCE,
            &format!("document.querySelector('#presets button:nth-child({preset})').ariaPressed === 'true'"),
        );
        assert_eq!(text(&browser, "delay-error"), "");
    }
}

fn page_without_traffic(server: &Server) -> Option<Browser> {
    let browser = Browser::open()?;
    browser.go(&server.url("/"));
    browser.wait(PATIENCE, "document.getElementById('delay').value");
    Some(browser)
}

#[test]
fn the_pager_rings_shows_text_as_text_and_falls_silent() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = page(&server) else { return };
    assert_eq!(
        browser.run("return document.getElementById('pager').hidden"),
        true
    );

    let mut notification = json!({
        "version": "4", "status": "firing", "receiver": "page",
        "alerts": [{
            "status": "firing", "fingerprint": "c01dcafe",
            "labels": { "alertname": "LoginDown", "severity": "critical", "level": "1" },
            "annotations": { "summary": "<img src=x onerror=alert(1)> nobody can log in" },
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "javascript:alert(1)",
        }],
    });
    assert_eq!(
        http::post(server.address(), "/alerts", &notification).status,
        204
    );
    browser.wait(PATIENCE, "!document.getElementById('pager').hidden");
    let shown = text(&browser, "alerts");
    assert!(
        shown.contains("LoginDown") && shown.contains("critical · level 1"),
        "{shown}"
    );
    assert!(
        shown.contains("<img src=x onerror=alert(1)> nobody can log in"),
        "{shown}"
    );
    assert_eq!(
        browser.run("return document.querySelectorAll('#alerts img, #alerts a').length"),
        0
    );
    browser.wait(
        PATIENCE,
        "document.getElementById('announcement').textContent.includes('LoginDown is firing')",
    );

    notification["alerts"][0]["status"] = json!("resolved");
    assert_eq!(
        http::post(server.address(), "/alerts", &notification).status,
        204
    );
    browser.wait(
        PATIENCE,
        "document.querySelector('#alerts .alert-resolved')",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_lost_connection_is_told_and_found_again() {
    let mut server = Server::start(&["--traffic", "20"]);
    let Some(browser) = page(&server) else { return };
    browser.wait(
        PATIENCE,
        "document.getElementById('connection').dataset.state === 'live'",
    );
    let bind = server.address().to_string();

    server.stop();
    browser.wait(
        PATIENCE,
        "document.getElementById('connection').dataset.state === 'lost'",
    );
    assert!(text(&browser, "connection-text").contains("lost"));

    let _again = Server::start(&["--traffic", "20", "--bind", &bind]);
    browser.wait(
        PATIENCE,
        "document.getElementById('connection').dataset.state === 'live'",
    );
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic-now').value) > 0",
    );
}

#[test]
fn a_range_can_be_chosen_and_the_queries_follow() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = page(&server) else { return };
    browser.wait(
        PATIENCE,
        "document.querySelector('#traffic .query').textContent.includes('[10s]')",
    );
    browser.run(
        "const range = document.getElementById('range');
         range.value = '1m';
         range.dispatchEvent(new Event('change'))",
    );
    browser.wait(
        PATIENCE,
        "document.querySelector('#traffic .query').textContent.includes('[1m]')",
    );
    browser.wait(
        PATIENCE,
        "Number(document.getElementById('traffic').dataset.points)",
    );
}
