//! From the service to the pager, on real servers with the stack's own rules and
//! configuration: what fires, who is notified, what is inhibited, and that it resolves.
//!
//! The times that it prints are what a student waits; see `--nocapture`.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::alertmanager::Alertmanager;
use crate::support::browser::Browser;
use crate::support::prometheus::{Prometheus, Targets};
use crate::support::server::Server;
use crate::support::{http, peers};
use serde_json::{Value, json};

/// Longer than anything here may take: windows of a minute, `for`, `keep_firing_for`,
/// evaluations, the routes' group intervals and a slow machine.
const TIMEOUT: Duration = Duration::from_secs(240);

/// The service as the stack runs it, with a seed, so that a run is like another.
const AS_IN_THE_STACK: [&str; 3] = ["--traffic=5", "--error-rate=0.002", "--seed=3"];

/// Polls until there is something, and returns how long that took.
///
/// # Panics
///
/// With what there is instead, if there is nothing in time.
fn wait<T>(what: &str, look: impl Fn() -> Result<T, Value>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => {
                let took = start.elapsed();
                println!("{what}: {:.1} s", took.as_secs_f64());
                return (found, took);
            }
            Err(instead) => assert!(start.elapsed() < TIMEOUT, "{what}: {instead}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The pager's alert of this name and status.
fn on_pager(pager: SocketAddr, name: &str, status: &str) -> Result<Value, Value> {
    let alerts = http::get(pager, "/alerts", &[]).json();
    let found = alerts
        .as_array()
        .expect("a list")
        .iter()
        .find(|alert| alert["labels"]["alertname"] == name && alert["status"] == status);
    found.cloned().ok_or(alerts)
}

fn is_on_pager(pager: SocketAddr, name: &str) -> bool {
    on_pager(pager, name, "firing").is_ok() || on_pager(pager, name, "resolved").is_ok()
}

fn firing(prometheus: &Prometheus, name: &str) -> Result<(), Value> {
    let alerts = prometheus.alerts();
    let fires = alerts
        .iter()
        .any(|(alert, state, _)| alert == name && state == "firing");
    if fires { Ok(()) } else { Err(json!(alerts)) }
}

fn set_error_rate(service: &Server, rate: f64) {
    let body = json!({ "error_rate": rate }).to_string();
    let headers = [("content-type", "application/json")];
    let path = "/control/faults";
    let answer = http::request(service.address(), "PATCH", path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Of the machine, not of the service, if that has no limits of its own.
fn is_of_the_machine(labels: &Value) -> bool {
    labels["resource"] == "cpu" || labels["resource"] == "memory"
}

/// All three, as in the stack; `None` where a program is missing.
fn stack() -> Option<(Server, Alertmanager, Prometheus)> {
    let prometheus = peers::require("prometheus")?;
    let alertmanager = peers::require("prometheus-alertmanager")?;
    let service = Server::start(&AS_IN_THE_STACK);
    let pager = service.address();
    let alertmanager = Alertmanager::of_the_stack(&alertmanager, pager);
    let targets = Targets {
        alertmanager: alertmanager.address(),
        ..Targets::service(pager)
    };
    let prometheus = Prometheus::of_the_stack(&prometheus, &targets);
    Some((service, alertmanager, prometheus))
}

/// A normal minute without an alert; then errors, of which the pager is notified and which
/// are shown on the live page; then none, and the alert resolves.
#[test]
fn the_pager_is_notified_of_errors_until_they_end() {
    let Some((service, _alertmanager, prometheus)) = stack() else {
        return;
    };
    let pager = service.address();

    // As long as every window of a minute and every `for` of the quick alerts, at least.
    let counted = r#"sum(http_requests_total{job="app", route="/random"}) > 75 * 5"#;
    wait("a normal minute", || {
        let firing: Vec<_> = prometheus
            .alerts()
            .into_iter()
            .filter(|(_, state, labels)| state == "firing" && !is_of_the_machine(labels))
            .collect();
        assert!(firing.is_empty(), "{firing:?}");
        prometheus.number(counted).ok_or(Value::Null)
    });
    // No rule failed, and every target is up.
    let failures = prometheus.number("sum(prometheus_rule_evaluation_failures_total)");
    assert_eq!(failures, Some(0.0));
    let jobs = include_str!("../../prometheus/prometheus.yml").matches("- job_name:");
    let jobs = Some(jobs.count() as f64);
    assert_eq!(prometheus.number("count(up == 1)"), jobs);
    assert_eq!(prometheus.number("count(up)"), jobs);

    let browser = Browser::open_at(&service.url("/"));
    let shown = |status: &str| {
        let script = format!(
            "[...document.querySelectorAll('#alerts .alert-{status}')]
               .find((alert) => alert.textContent.includes('ErrorRatioHigh'))?.textContent"
        );
        browser
            .as_ref()
            .map(|browser| browser.wait(TIMEOUT, &script))
    };

    set_error_rate(&service, 0.5);
    let (alert, _) = wait("errors raised, pager notified", || {
        on_pager(pager, "ErrorRatioHigh", "firing")
    });
    assert_eq!(alert["labels"]["level"], "2", "{alert}");
    assert_eq!(alert["labels"]["severity"], "major", "{alert}");
    assert_eq!(alert["labels"]["job"], "app", "{alert}");
    let runbook = "http://127.0.0.1:8000/runbook#errorratiohigh";
    assert_eq!(alert["annotations"]["runbook_url"], runbook, "{alert}");
    if let Some(text) = shown("firing") {
        let text = text.as_str().expect("it is text");
        assert!(text.contains("major · level 2"), "{text}");
        assert!(text.contains("fail"), "{text}");
    }

    set_error_rate(&service, 0.0);
    wait("errors ended, alert resolved", || {
        on_pager(pager, "ErrorRatioHigh", "resolved")
    });
    if let Some(text) = shown("resolved") {
        let text = text.as_str().expect("it is text");
        assert!(text.contains("resolved"), "{text}");
    }
}

/// A service that is gone cannot show its own alerts: Alertmanager has them, and
/// delivers when there is a pager again.
#[test]
fn only_the_absence_of_a_killed_service_is_notified() {
    let Some((service, alertmanager, prometheus)) = stack() else {
        return;
    };
    let address = service.address();
    prometheus.number_when(r#"up{job="app"}"#, |up| up == 1.0);

    drop(service);
    wait("service killed, ServiceDown fires", || {
        firing(&prometheus, "ServiceDown")
    });
    let known = |name: &str, state: &str| {
        let alerts = alertmanager.alerts();
        let found = alerts
            .iter()
            .any(|alert| alert["labels"]["alertname"] == name && alert["status"]["state"] == state);
        if found { Ok(()) } else { Err(json!(alerts)) }
    };
    wait("Alertmanager wants to deliver it", || {
        known("ServiceDown", "active")
    });
    wait("ProcessCrashed is inhibited", || {
        known("ProcessCrashed", "suppressed")
    });

    let bind = format!("--bind={address}");
    let arguments: Vec<_> = AS_IN_THE_STACK.into_iter().chain([bind.as_str()]).collect();
    let _again = Server::start(&arguments);
    wait("service back, alert resolved", || {
        on_pager(address, "ServiceDown", "resolved")
    });
}

fn alert(name: &str, level: &str, job: &str) -> Value {
    json!({ "labels": { "alertname": name, "level": level, "job": job } })
}

/// As Prometheus sends it when it is resolved.
fn resolved(mut alert: Value) -> Value {
    alert["endsAt"] = json!("2026-01-01T00:00:01Z");
    alert["startsAt"] = json!("2026-01-01T00:00:00Z");
    alert
}

#[test]
fn the_highest_level_of_a_service_inhibits_the_others() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let service = Server::start(&["--traffic=0"]);
    let pager = service.address();
    let alertmanager = Alertmanager::of_the_stack(&binary, pager);
    let state = |name: &str| {
        let alerts = alertmanager.alerts();
        let found = alerts
            .iter()
            .find(|alert| alert["labels"]["alertname"] == name);
        found.map(|alert| alert["status"]["state"].clone())
    };

    // A level 2 alert that fired before anything else …
    alertmanager.send(&json!([alert("Early", "2", "app")]));
    wait("level 2 is notified", || on_pager(pager, "Early", "firing"));
    // … is inhibited from now on, as are all of a lower level for the same service.
    alertmanager.send(&json!([
        alert("Page", "1", "app"),
        alert("Lower", "2", "app"),
        alert("Planned", "3", "app"),
        alert("Elsewhere", "2", "student"),
        alert("PlannedElsewhere", "3", "student"),
    ]));
    wait("level 1 is notified", || on_pager(pager, "Page", "firing"));
    wait("level 2 of another service is notified", || {
        on_pager(pager, "Elsewhere", "firing")
    });
    for (name, expected) in [
        ("Page", "active"),
        ("Elsewhere", "active"),
        ("Lower", "suppressed"),
        ("Planned", "suppressed"),
        ("PlannedElsewhere", "suppressed"),
    ] {
        wait(&format!("{name} is {expected}"), || {
            let state = state(name);
            if state == Some(json!(expected)) {
                Ok(())
            } else {
                Err(json!(state))
            }
        });
    }

    // The end of an alert that is inhibited is not notified …
    alertmanager.send(&json!([resolved(alert("Early", "2", "app"))]));
    // … but Prometheus repeats it every minute for a quarter of an hour, and so it is
    // notified once nothing inhibits the alert any more.
    alertmanager.send(&json!([resolved(alert("Page", "1", "app"))]));
    wait("level 1 is resolved", || {
        on_pager(pager, "Page", "resolved")
    });
    wait("level 2 is resolved", || {
        alertmanager.send(&json!([resolved(alert("Early", "2", "app"))]));
        on_pager(pager, "Early", "resolved")
    });
    // An alert that still fires and was inhibited is notified now.
    wait("the inhibited alert is notified", || {
        on_pager(pager, "Lower", "firing")
    });
    // But it inhibits level 3 in turn.
    assert!(!is_on_pager(pager, "Planned"));
    assert!(!is_on_pager(pager, "PlannedElsewhere"));

    // If nothing is scraped, nothing else is notified.
    alertmanager.send(&json!([{ "labels": { "alertname": "NothingScraped", "level": "1" } }]));
    wait("everything else is inhibited", || {
        let states = ["Lower", "Elsewhere"].map(state);
        let suppressed = Some(json!("suppressed"));
        if states.iter().all(|state| *state == suppressed) {
            Ok(())
        } else {
            Err(json!(states))
        }
    });
}

/// The manager is one job and reports on many proplets: an alert on one of them, or on the
/// manager, inhibits no alert on another's tasks.
#[test]
fn a_silent_proplet_inhibits_alerts_on_its_own_tasks_only() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let service = Server::start(&["--traffic=0"]);
    let alertmanager = Alertmanager::of_the_stack(&binary, service.address());
    let of_manager = |name: &str, level: &str, proplet: Option<&str>| {
        let mut alert = alert(name, level, "manager");
        if let Some(proplet) = proplet {
            alert["labels"]["proplet"] = json!(proplet);
        }
        alert
    };
    alertmanager.send(&json!([
        of_manager("ManagerDisconnected", "2", None),
        of_manager("PropletSilent", "2", Some("gone")),
        of_manager("MessagesRejected", "3", None),
        of_manager("TaskMemoryLeak", "3", Some("gone")),
        of_manager("TaskDescriptorLeak", "3", Some("here")),
    ]));
    for (name, expected) in [
        ("MessagesRejected", "suppressed"),
        ("TaskMemoryLeak", "suppressed"),
        ("TaskDescriptorLeak", "active"),
        ("PropletSilent", "active"),
        ("ManagerDisconnected", "active"),
    ] {
        wait(&format!("{name} is {expected}"), || {
            let alerts = alertmanager.alerts();
            let state = alerts
                .iter()
                .find(|alert| alert["labels"]["alertname"] == name)
                .map(|alert| alert["status"]["state"].clone());
            if state == Some(json!(expected)) {
                Ok(())
            } else {
                Err(json!(state))
            }
        });
    }
}
