//! Prometheus knows no Alertmanager, or Alertmanager's webhook leads nowhere.

use std::time::{Duration, Instant};

use serde_json::json;

use super::alertmanager::Alertmanager;
use super::fake::nowhere;
use super::stack::{Doctor, Stack, alerting, rule_directory, rules, scrape};
use crate::support::server::Server;
use crate::support::{http, peers};

#[test]
fn prometheus_knows_no_alertmanager_or_it_does_not_answer() {
    let server = Server::start(&["--traffic", "20"]);
    let job = scrape("app", server.address(), "");
    let rules = rules(&rule_directory());
    let doctor = Doctor::new()
        .at("app", server.address())
        .with(&["--skip", "grafana"]);

    let Some(alone) = Stack::prometheus(&[&job, &rules]) else {
        return;
    };
    alone.number_when("count(http_requests_total)", |series| series > 0.0);
    let report = doctor.clone().at("prometheus", alone.address()).report();
    report.is_broken_at("alertmanager", "knows no Alertmanager", "alerting:");
    drop(alone);

    let dropping = format!(
        "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}], \
         relabel_configs: [{{action: drop, regex: '.*'}}]}}]}}",
        nowhere()
    );
    let Some(dropping) = Stack::prometheus(&[&job, &rules, &dropping]) else {
        return;
    };
    dropping.number_when("count(http_requests_total)", |series| series > 0.0);
    let report = doctor.clone().at("prometheus", dropping.address()).report();
    report.is_broken_at(
        "alertmanager",
        "dropped every Alertmanager",
        "relabel_configs",
    );
    drop(dropping);

    let Some(astray) = Stack::prometheus(&[&job, &rules, &alerting(nowhere())]) else {
        return;
    };
    astray.number_when("count(http_requests_total)", |series| series > 0.0);
    let report = doctor.at("prometheus", astray.address()).report();
    report.is_broken_at(
        "alertmanager",
        "connection refused",
        "docker compose up -d alertmanager",
    );
}

/// Examined without Prometheus: what Alertmanager itself knows.
#[test]
fn the_webhook_is_missing_or_leads_nowhere() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let server = Server::start(&["--traffic", "20"]);
    let doctor = Doctor::new()
        .at("app", server.address())
        .with(&["--skip", "grafana,prometheus"]);

    let silent = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let silent = Alertmanager::configured(&binary, silent);
    let report = doctor.clone().at("alertmanager", silent.address()).report();
    report.is_broken_at("webhook", "no receiver", "http://app:8000/alerts");

    let astray = Alertmanager::calling(&binary, &format!("http://{}/alerts", nowhere()));
    let doctor = doctor.at("alertmanager", astray.address());
    // Nothing was sent, so nothing is known …
    let report = doctor.report();
    assert_eq!(report.0["state"], "ok", "{:#}", report.0);
    // … until it is tried …
    let report = doctor.clone().with(&["--send-test-alert"]).report();
    report.is_broken_at(
        "test_alert",
        "Alertmanager routes it to: pager",
        "http://app:8000/alerts",
    );
    // … or something really fires.
    let alert = json!([{ "labels": { "alertname": "Real", "job": "app" } }]);
    assert_eq!(
        http::post(astray.address(), "/api/v2/alerts", &alert).status,
        200
    );
    let start = Instant::now();
    loop {
        let report = doctor.report();
        if report.0["state"] == "broken" {
            break report.is_broken_at(
                "webhook",
                "attempts to call the webhook failed",
                "--send-test-alert",
            );
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{:#}", report.0);
    }
}

/// A silence keeps the test alert from the pager, and the doctor sees it there.
#[test]
fn the_test_alert_is_resolved_in_the_end() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let server = Server::start(&["--traffic", "20"]);
    let alertmanager = Alertmanager::calling(&binary, &server.url("/alerts"));
    let doctor = Doctor::new()
        .at("app", server.address())
        .at("alertmanager", alertmanager.address())
        .with(&["--skip", "grafana,prometheus", "--send-test-alert"]);
    let report = doctor.report();
    let observed = report.link("test_alert")["observed"]
        .as_str()
        .expect("it was examined")
        .to_owned();
    assert!(
        observed.starts_with("a test alert was on the pager"),
        "{observed}"
    );
    let start = Instant::now();
    loop {
        let alerts = server.get("/alerts").json();
        let alert = &alerts[0];
        assert_eq!(alert["labels"]["level"], "3", "{alerts:#}");
        if alert["status"] == "resolved" {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{alerts:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
