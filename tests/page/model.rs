//! The live page's view of the model: what it draws is what the service counts, and where
//! nothing is counted it says so.

use serde_json::json;

use crate::support::TIMEOUT;
use crate::support::browser::Browser;
use crate::support::http;
use crate::support::server::Server;

/// How many of the canvases of the model's panel show something beside axes.
const PAINTED: &str =
    "return [...document.querySelectorAll('#model .chart canvas')].filter((canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size >= 8;
  }).length";

#[test]
fn the_model_is_drawn_with_its_fallback_its_scores_and_late_truth() {
    let server = Server::start(&[
        "--traffic=50",
        "--predict-share=1",
        "--label-delay=constant(100ms)",
        "--seed=1",
    ]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('model').dataset.points) > 3",
    );
    browser.wait(
        TIMEOUT,
        "document.getElementById('model-now').textContent === '0 %'",
    );
    let shift = "document.getElementById('model-shift').textContent";
    browser.wait(TIMEOUT, &format!("{shift}.includes('chance explains it')"));
    let truth = "document.getElementById('model-truth').textContent";
    browser.wait(
        TIMEOUT,
        &format!(
            "/^\\d+ % of the labelled .* labels in two minutes, half of them within/.test({truth})"
        ),
    );
    assert_eq!(browser.run(PAINTED), 2);

    // Without the model the rules answer, whose scores are three.
    let absent = json!({"scenario": "absent"}).to_string();
    let headers = [("content-type", "application/json")];
    let answer = http::request(
        server.address(),
        "PATCH",
        "/control/model",
        &headers,
        absent.as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    browser.wait(
        TIMEOUT,
        "Number(document.getElementById('model-now').value) > 0.9",
    );
    browser.wait(
        TIMEOUT,
        &format!("{shift}.includes('more than chance explains')"),
    );
    browser.click("#scores-toggle");
    browser.wait(
        TIMEOUT,
        "document.querySelectorAll('#scores-table tbody tr').length === 13",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn without_predictions_the_page_says_that_it_knows_nothing() {
    let server = Server::start(&["--traffic=0"]);
    let Some(browser) = Browser::open_at(&server.url("/")) else {
        return;
    };
    // Something has been received, and two samples make a rate.
    browser.wait(
        TIMEOUT,
        "document.getElementById('process-uptime').textContent !== '–'
           && document.getElementById('scores-reading').textContent.startsWith('No predictions')
           && document.querySelector('#scores-chart canvas')",
    );
    assert_eq!(browser.text("model-now"), "–");
    assert!(browser.text("model-shift").starts_with("No predictions"));
    assert!(browser.text("model-truth").starts_with("No labels"));
    assert_eq!(
        browser.run("return document.getElementById('model').dataset.points"),
        "0"
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}
