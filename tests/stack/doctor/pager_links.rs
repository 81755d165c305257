//! Prometheus knows no Alertmanager, or Alertmanager's webhook leads nowhere.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::alertmanager::Alertmanager;
use super::fake::{Fake, Reply, nowhere};
use super::stack::{Doctor, Stack, alerting, rule_directory, rules, scrape};
use crate::support::daemon::Daemon;
use crate::support::pager::{Pager, alerts};
use crate::support::prometheus::Prometheus;
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
    let pager = Pager::start(&[]);
    let doctor = Doctor::new()
        .at("app", server.address())
        .at("pager", pager.address())
        .with(&["--skip", "grafana,prometheus"]);

    let silent = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
    let silent = Alertmanager::configured(&binary, silent);
    let report = doctor.clone().at("alertmanager", silent.address()).report();
    report.is_broken_at("webhook", "no receiver", "http://pager:8002/alerts");

    let astray = Alertmanager::calling(&binary, &format!("http://{}/alerts", nowhere()));
    let doctor = doctor.at("alertmanager", astray.address());
    // Nothing was sent, so nothing is known …
    let report = doctor.report();
    report.warns_at("webhook", "whether it arrives is not known");
    report.warns_at("pager", "has heard no Watchdog");
    // … until it is tried …
    let report = doctor.clone().with(&["--send-test-alert"]).report();
    report.is_broken_at(
        "test_alert",
        "Alertmanager routes it to: pager",
        "http://pager:8002/alerts",
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
    let pager = Pager::start(&[]);
    let alertmanager = Alertmanager::calling(&binary, &pager.server.url("/alerts"));
    let doctor = Doctor::new()
        .at("app", server.address())
        .at("pager", pager.address())
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
        let list = pager.list();
        let alert = alerts(&list)[0];
        assert_eq!(alert["labels"]["level"], "3", "{list:#}");
        if alert["status"] == "resolved" {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{list:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Of 9 calls 3 failed, and Prometheus scrapes no Alertmanager: when, nobody can say.
#[test]
fn what_was_not_seen_is_not_ok() {
    let metrics = "alertmanager_notification_requests_total{integration=\"webhook\"} 9\n\
                   alertmanager_notification_requests_failed_total{integration=\"webhook\"} 3\n";
    let alertmanager = Fake::start(move |request| match request.path.as_str() {
        "/metrics" => Reply::Text(200, "text/plain", metrics.to_owned()),
        "/-/ready" => Reply::Text(200, "text/plain", "OK".to_owned()),
        _ => Reply::json(200, &json!({"config": {"original": "webhook_configs:"}})),
    });
    let doctor = Doctor::new()
        .at("alertmanager", alertmanager.address())
        .with(&["--skip", "app,grafana,prometheus,pager"]);
    let observed = "6 of 9 calls arrived since Alertmanager started; whether the 3";
    doctor.report().warns_at("webhook", observed);
}

/// The pager fires its own alert, and nothing before it explains why; or its watchdog is off.
#[test]
fn the_pager_hears_nothing() {
    let pager = Pager::start(&["--watchdog-timeout=1s"]);
    let doctor = Doctor::new()
        .at("pager", pager.address())
        .with(&["--skip", "app,grafana,prometheus,alertmanager"]);
    let start = Instant::now();
    let report = loop {
        let report = doctor.report();
        if report.0["state"] == "broken" {
            break report;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{:#}", report.0);
    };
    report.is_broken_at("pager", "fires its own alert since ", "--watchdog-timeout");
    // Where Alertmanager is broken too, it follows from that.
    let dead = Doctor::new()
        .at("pager", pager.address())
        .with(&["--skip", "app,grafana,prometheus"]);
    let report = dead.report();
    report.is_broken_at("alertmanager", "connection refused", "");
    report.warns_at("pager", "fires its own alert since ");
    let pager = pager.restart(&["--watchdog-timeout=0s"]);
    doctor.report().warns_at("pager", "its watchdog is off");
    drop(pager);
    doctor
        .report()
        .is_broken_at("pager", "connection refused", "golden-signals pager");
}

/// With a scrape every five seconds `rate(x[5s])` is empty for ever, and no rule errs.
#[test]
fn a_range_of_a_rule_is_shorter_than_two_scrapes() {
    let Some(binary) = peers::require("prometheus") else {
        return;
    };
    let directory = Daemon::directory("hasty");
    let hasty = "groups: [{name: hasty, rules: [{record: 'job:hasty:rate5s', \
                 expr: 'sum by (job) (rate(http_requests_total[5s]))'}]}]\n";
    fs::write(directory.join("hasty.rules.yml"), hasty).expect("it is ours");
    let server = Server::start(&["--traffic", "20"]);
    let configuration = format!(
        "global: {{scrape_interval: 5s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.rules.yml', '{}/*.rules.yml']\nscrape_configs:\n{}\n",
        rule_directory().display(),
        directory.display(),
        scrape("app", server.address(), "")
    );
    let prometheus = Prometheus::configured(&binary, &configuration);
    prometheus.number_when("count(http_requests_total)", |series| series > 0.0);
    let doctor = Doctor::new()
        .at("prometheus", prometheus.address())
        .with(&["--skip", "app,grafana,alertmanager,pager"]);
    doctor.report().is_broken_at(
        "rules",
        "a rule needs two samples in its range, and never has them: \
         job:hasty:rate5s reads http_requests_total[5s], which comes every 5s",
        "Shorten scrape_interval of job app",
    );
    fs::remove_dir_all(directory).expect("it is ours");
}
