//! `POST /predict`, `POST /feedback` and `/control/model`: what is answered, by whom, and
//! what is counted of it; and the truth that the program prints.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::control::JSON;
use crate::support::TIMEOUT;
use crate::support::http::{self, Answer};
use crate::support::readme::Page;
use crate::support::server::Server;

pub(crate) fn send(server: &Server, method: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    http::request(server.address(), method, path, &[JSON], body.as_bytes())
}

fn predict(server: &Server, wine: &Value) -> Value {
    let answer = send(server, "POST", "/predict", wine);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn label(server: &Server, id: &Value, good: bool) -> u16 {
    let body = json!({"id": id, "good": good});
    send(server, "POST", "/feedback", &body).status
}

fn begin(server: &Server, scenario: &str) {
    let body = json!({"scenario": scenario});
    let answer = send(server, "PATCH", "/control/model", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn quiet() -> Server {
    Server::start(&["--traffic=0", "--seed=1"])
}

#[test]
fn the_model_answers_and_each_label_counts_once() {
    let server = quiet();
    let good = predict(
        &server,
        &json!({"alcohol": 13.0, "sulphates": 0.8, "volatile_acidity": 0.3}),
    );
    let bad = predict(
        &server,
        &json!({"alcohol": 9.2, "volatile_acidity": 0.9, "segment": "partner"}),
    );
    for (answer, is_good) in [(&good, true), (&bad, false)] {
        let score = answer["score"].as_f64().unwrap();
        assert_eq!(answer["good"], is_good, "{answer}");
        assert!(
            (score >= 0.5) == is_good && (0.0..=1.0).contains(&score),
            "{answer}"
        );
        assert_eq!(
            (&answer["by"], &answer["model"]),
            (&json!("model"), &json!("wine-gbm@1"))
        );
    }
    assert_eq!(label(&server, &good["id"], true), 202);
    assert_eq!(label(&server, &good["id"], false), 409);
    assert_eq!(label(&server, &bad["id"], true), 202);
    // One that nobody has made yet, and one of another process.
    let id = good["id"].as_str().unwrap();
    let (process, _) = id.split_once('-').unwrap();
    assert_eq!(label(&server, &json!(format!("{process}-99")), true), 404);
    let elsewhere = json!({"id": "00000000-99", "good": true});
    let answer = send(&server, "POST", "/feedback", &elsewhere);
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().contains("another process"),
        "{}",
        answer.text()
    );

    let metrics = server.metrics();
    let outcomes = |predicted, actual, segment| {
        let labels = [
            ("by", "model"),
            ("predicted", predicted),
            ("actual", actual),
            ("segment", segment),
        ];
        metrics.sum("prediction_outcomes_total", &labels)
    };
    assert_eq!(outcomes("good", "good", "web"), 1.0);
    assert_eq!(outcomes("bad", "good", "partner"), 1.0);
    assert_eq!(metrics.sum("prediction_outcomes_total", &[]), 2.0);
    assert_eq!(metrics.sum("labels_total", &[]), 2.0);
    // Prometheus knows which instance has these ids.
    assert_eq!(metrics.sum("model_info", &[("process", process)]), 1.0);
    for (reason, count) in [
        ("twice", 1.0),
        ("unknown", 1.0),
        ("elsewhere", 1.0),
        ("expired", 0.0),
    ] {
        assert_eq!(
            metrics.sum("labels_unmatched_total", &[("reason", reason)]),
            count
        );
    }
    assert_eq!(
        metrics.sum("prediction_score_count", &[("by", "model")]),
        2.0
    );
    assert_eq!(metrics.sum("prediction_decile_total", &[]), 2.0);
    let scores = good["score"].as_f64().unwrap() + bad["score"].as_f64().unwrap();
    assert!((metrics.sum("prediction_score_sum", &[]) - scores).abs() < 1e-9);
    let error = |answer: &Value| (answer["score"].as_f64().unwrap() - 1.0).powi(2);
    let errors = error(&good) + error(&bad);
    assert!((metrics.sum("prediction_squared_error_sum", &[]) - errors).abs() < 1e-9);
    assert_eq!(
        metrics.sum("model_feature_missing_total", &[("feature", "ph")]),
        2.0
    );
    assert_eq!(
        metrics.sum("model_feature_missing_total", &[("feature", "sulphates")]),
        1.0
    );
    assert_eq!(metrics.sum("label_delay_seconds_count", &[]), 2.0);
}

#[test]
fn a_label_that_reaches_another_replica_is_refused_and_says_where_it_belongs() {
    let (one, other) = (quiet(), quiet());
    let id = predict(&one, &json!({"alcohol": 12}))["id"].clone();
    let label_of_one = json!({"id": id, "good": true});
    let refused = send(&other, "POST", "/feedback", &label_of_one);
    assert_eq!(refused.status, 404, "{}", refused.text());
    for words in ["another process", "model_info", "`process`"] {
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    let elsewhere = [("reason", "elsewhere")];
    let counted = |server: &Server| server.metrics().sum("labels_unmatched_total", &elsewhere);
    assert_eq!((counted(&one), counted(&other)), (0.0, 1.0));
    // Where it belongs, by what /metrics of each says.
    let (process, _) = id.as_str().unwrap().split_once('-').unwrap();
    let at_home = [&one, &other]
        .into_iter()
        .filter(|server| server.metrics().sum("model_info", &[("process", process)]) == 1.0);
    let answers: Vec<u16> = at_home
        .map(|server| send(server, "POST", "/feedback", &label_of_one).status)
        .collect();
    assert_eq!(answers, [202]);
}

#[test]
fn the_rules_answer_for_a_model_that_cannot_and_the_reason_is_counted() {
    let server = quiet();
    let wine = json!({"alcohol": 11.0});
    for (scenario, reason) in [
        ("absent", "absent"),
        ("slow", "timeout"),
        ("failing", "error"),
        ("nan", "nan"),
        ("stale", "stale"),
    ] {
        begin(&server, scenario);
        let start = Instant::now();
        let answer = predict(&server, &wine);
        let waited = start.elapsed() >= Duration::from_millis(20);
        assert!(waited || scenario != "slow", "the model was not waited for");
        assert_eq!(
            (&answer["by"], &answer["score"]),
            (&json!("rules"), &json!(0.75)),
            "{scenario}"
        );
        let labels = [("by", "rules"), ("reason", reason), ("segment", "web")];
        assert_eq!(
            server.metrics().sum("predictions_total", &labels),
            1.0,
            "{scenario}"
        );
    }
    begin(&server, "none");
    assert_eq!(predict(&server, &wine)["by"], "model");
    let metrics = server.metrics();
    assert_eq!(metrics.sum("predictions_total", &[]), 6.0);
    assert_eq!(
        metrics.sum("prediction_score_count", &[("by", "rules")]),
        5.0
    );
    // Each was there before it was counted, at 0.
    let fresh = quiet().metrics();
    let series = fresh
        .all
        .iter()
        .filter(|sample| sample.name == "predictions_total");
    let values: Vec<f64> = series.map(|sample| sample.value).collect();
    assert_eq!(values, vec![0.0; 18]);
}

#[test]
fn what_breaks_the_inputs_is_counted_by_feature() {
    let server = quiet();
    let wine = json!({"alcohol": 11.0, "total_sulfur_dioxide": 40});
    for (scenario, name, feature) in [
        ("fraction", "model_feature_out_of_range_total", "alcohol"),
        (
            "micrograms",
            "model_feature_out_of_range_total",
            "total_sulfur_dioxide",
        ),
        ("missing", "model_feature_missing_total", "alcohol"),
    ] {
        let labels = [("feature", feature)];
        let before = server.metrics().sum(name, &labels);
        begin(&server, scenario);
        predict(&server, &wine);
        assert_eq!(
            server.metrics().sum(name, &labels),
            before + 1.0,
            "{scenario}"
        );
    }
}

#[test]
fn a_mistake_is_refused_with_the_field_and_the_remedy() {
    let server = quiet();
    for (path, body, field, msg) in [
        (
            "/predict",
            json!({"alcohol": "strong"}),
            "alcohol",
            "must be a number",
        ),
        (
            "/predict",
            json!({"segment": "tv"}),
            "segment",
            "web, app, partner",
        ),
        (
            "/predict",
            json!({"ph": 1e300}),
            "ph",
            "from -1000000 to 1000000",
        ),
        ("/predict", json!({"color": 1}), "color", "unknown field"),
        ("/feedback", json!({"good": true}), "id", "Field required"),
        (
            "/feedback",
            json!({"id": "7", "good": true}),
            "id",
            "must be the `id`",
        ),
        (
            "/feedback",
            json!({"id": "0a1b2c3d-7", "good": 1}),
            "good",
            "true or false",
        ),
        (
            "/control/model",
            json!({"scenario": "drift"}),
            "scenario",
            "known are none",
        ),
        (
            "/control/model",
            json!({"share": 2}),
            "share",
            "from 0 to 1",
        ),
        ("/control/model", json!({"ramp": 5}), "ramp", "like \"30s\""),
        (
            "/control/model",
            json!({"segment": "tv"}),
            "segment",
            "web, app, partner",
        ),
    ] {
        let method = if path == "/control/model" {
            "PATCH"
        } else {
            "POST"
        };
        let answer = send(&server, method, path, &body);
        assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text());
        let detail = &answer.json()["detail"][0];
        assert_eq!(detail["loc"], json!(["body", field]), "{detail}");
        assert!(detail["msg"].as_str().unwrap().contains(msg), "{detail}");
    }
    assert_eq!(server.metrics().sum("predictions_total", &[]), 0.0);
}

#[test]
fn a_fault_can_meet_one_segment_alone() {
    let server = quiet();
    let body = json!({"scenario": "absent", "segment": "partner"});
    let answer = send(&server, "PATCH", "/control/model", &body);
    assert_eq!(answer.json()["segment"], "partner", "{}", answer.text());
    for (segment, by) in [("web", "model"), ("app", "model"), ("partner", "rules")] {
        let answer = predict(&server, &json!({"segment": segment}));
        assert_eq!(answer["by"], by, "{segment}");
    }
    let answer = send(
        &server,
        "PATCH",
        "/control/model",
        &json!({"segment": null}),
    );
    assert_eq!(answer.json()["segment"], Value::Null);
    assert_eq!(answer.json()["scenario"], "absent");
    assert_eq!(predict(&server, &json!({}))["by"], "rules");
}

#[test]
fn its_own_traffic_asks_and_says_late_how_it_was() {
    let server = Server::start(&[
        "--traffic=100",
        "--predict-share=1",
        "--label-rate=0.5",
        "--label-delay=constant(100ms)",
        "--seed=1",
    ]);
    let start = Instant::now();
    let metrics = loop {
        let metrics = server.metrics();
        if metrics.sum("labels_total", &[]) >= 50.0 {
            break metrics;
        }
        assert!(start.elapsed() < TIMEOUT, "no labels come");
        thread::sleep(Duration::from_millis(50));
    };
    // Half of them are labelled, and the last ones are not yet.
    let (asked, labelled) = (
        metrics.sum("predictions_total", &[]),
        metrics.sum("labels_total", &[]),
    );
    assert!(labelled < 0.75 * asked, "{labelled} of {asked}");
    assert_eq!(metrics.sum("labels_unmatched_total", &[]), 0.0);
    let delay = metrics.sum("label_delay_seconds_sum", &[]) / labelled;
    assert!((0.1..5.0).contains(&delay), "{delay} s");
    for segment in ["web", "app", "partner"] {
        assert!(
            metrics.sum("predictions_total", &[("segment", segment)]) > 0.0,
            "{segment}"
        );
    }
}

#[test]
fn the_models_page_shows_commands_that_print_the_truth() {
    let page = Page::read("docs/model.md");
    let mut printed = 0;
    for command in page.commands() {
        let Some(arguments) = command.strip_prefix("golden-signals ") else {
            continue;
        };
        let arguments = arguments.replace('"', "");
        let output = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.starts_with("scenario"),
            "{command}: {text}"
        );
        let tilt = text.lines().find(|line| line.starts_with("tilt(-0.6)"));
        assert!(tilt.is_some(), "{command}: {text}");
        printed += 1;
    }
    assert_eq!(printed, 2);
}
