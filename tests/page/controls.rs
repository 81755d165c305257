//! The live page's controls: what they change, how they explain a change that is refused,
//! and when they are disabled.

use crate::support::TIMEOUT;
use crate::support::browser::{Browser, ENTER};
use crate::support::http;
use crate::support::server::Server;
use serde_json::json;

/// The page is connected and has drawn something.
const DRAWN: &str = "Number(document.getElementById('traffic').dataset.points)";

#[test]
fn a_changed_control_changes_the_graph() {
    let server = Server::start(&["--traffic", "5", "--delay", "constant(10ms)"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic-now').value) > 1",
    );

    browser.click("#rate");
    browser.write("100");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic-now').value) > 50",
    );

    let fast = "Number(document.getElementById('latency-now').value) < 0.1";
    browser.wait(TIMEOUT, fast);
    browser.click("#delay");
    browser.write("constant(400ms)");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('latency-now').value) > 0.2",
    );

    browser.click("#error-rate");
    browser.write("50");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('errors-now').value) > 0.2",
    );
    browser.wait(
        TIMEOUT,
        "document.getElementById('traffic-legend').textContent.includes('500')",
    );

    // The service has received just this: what the page shows is true.
    let faults = server.get("/control/faults").json();
    assert_eq!(faults["error_rate"], 0.5);
    assert_eq!(faults["delay"], "constant(400ms)");
    assert_eq!(server.get("/control/traffic").json()["rate"], 100.0);
}

#[test]
fn a_delay_that_cannot_be_is_explained_beside_its_field() {
    let server = Server::start(&["--traffic", "20"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, DRAWN);
    let before = server.get("/control/faults").json();

    browser.click("#delay");
    browser.write("gamma(shpae=3, scale=40ms)");
    browser.press([ENTER]);
    let said = browser.wait(
        TIMEOUT,
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
    browser.wait(TIMEOUT, "document.getElementById('rate-error').textContent");

    // A right one takes the complaint away.
    browser.click("#delay");
    browser.write("gamma(shape=3, scale=40ms)");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
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
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, "document.getElementById('delay').value");
    let presets = browser.run("return document.querySelectorAll('#presets button').length");
    let presets = presets.as_u64().expect("a number");
    assert!(presets >= 5);
    for preset in 1..=presets {
        browser.click(&format!("#presets button:nth-child({preset})"));
        browser.wait(
            TIMEOUT,
            &format!("document.querySelector('#presets button:nth-child({preset})').ariaPressed === 'true'"),
        );
        assert_eq!(browser.text("delay-error"), "");
    }
}

#[test]
fn a_mystery_keeps_its_delay_to_itself() {
    let server = Server::start(&["--traffic", "20", "--mystery", "tuesday"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(TIMEOUT, "document.getElementById('delay').disabled");
    let shown = browser.run(
        "const field = document.getElementById('delay');
         return [field.value, field.placeholder.includes('hidden'), field.placeholder.includes('tuesday'),
                 document.querySelectorAll('#delay-control button:enabled').length]",
    );
    assert_eq!(shown, json!(["", true, true, 0]));

    // What is not hidden can still be changed, and seen.
    browser.click("#rate");
    browser.write("60");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('traffic-now').value) > 30",
    );
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('latency').dataset.points)",
    );
}

#[test]
fn a_token_is_asked_for_where_one_is_needed() {
    // On loopback too.
    for bind in ["0.0.0.0:0", "127.0.0.1:0"] {
        a_token_is_asked_for(bind);
    }
}

fn a_token_is_asked_for(bind: &str) {
    let server = Server::start(&[
        "--bind",
        bind,
        "--control-token",
        "open-sesame",
        "--traffic",
        "20",
    ]);
    let url = format!("http://127.0.0.1:{}/", server.address().port());
    let Some(browser) = Browser::open_at(&url) else {
        return;
    };
    browser.wait(TIMEOUT, "!document.getElementById('token-control').hidden");
    // Watching needs none.
    browser.wait(TIMEOUT, DRAWN);

    browser.click("#token");
    browser.write("guessed");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "document.getElementById('token-error').textContent",
    );
    assert_eq!(
        browser.run("return document.getElementById('delay').value"),
        ""
    );

    browser.write("open-sesame");
    browser.press([ENTER]);
    browser.wait(TIMEOUT, "document.getElementById('token-control').hidden");
    browser.wait(TIMEOUT, "document.getElementById('delay').value");
    browser.click("#delay");
    browser.write("constant(7ms)");
    browser.press([ENTER]);
    browser.wait(
        TIMEOUT,
        "document.getElementById('announcement').textContent.includes('constant(7ms)')",
    );
    let faults = http::get(
        server.address(),
        "/control/faults",
        &[("authorization", "Bearer open-sesame")],
    );
    assert_eq!(faults.json()["delay"], "constant(7ms)");
}

#[test]
fn without_a_token_beyond_loopback_the_controls_are_off_and_say_why() {
    let server = Server::start(&["--bind", "0.0.0.0:0", "--traffic", "20"]);
    let url = format!("http://127.0.0.1:{}/", server.address().port());
    let Some(browser) = Browser::open_at(&url) else {
        return;
    };
    browser.wait(
        TIMEOUT,
        "document.getElementById('controls-off').textContent.includes('--control-token')",
    );
    let enabled = "return document.querySelectorAll('.control input:enabled, .control button:enabled').length";
    assert_eq!(browser.run(enabled), 0);
    assert_eq!(
        browser.run("return document.getElementById('token-control').hidden"),
        true
    );
    browser.wait(TIMEOUT, DRAWN);
}
