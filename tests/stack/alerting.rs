//! From the service to the pager, on real servers with the stack's own rules and
//! configuration: what fires, who is notified, what is inhibited, and that it resolves.
//!
//! The times that it prints are what a student waits; see `--nocapture`.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::alertmanager::Alertmanager;
use crate::support::browser::Browser;
use crate::support::pager::{Pager, alerts, listed};
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
pub(crate) fn wait<T>(what: &str, look: impl Fn() -> Result<T, Value>) -> (T, Duration) {
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
pub(crate) fn on_pager(pager: SocketAddr, name: &str, status: &str) -> Result<Value, Value> {
    let list = listed(pager);
    let found = alerts(&list)
        .into_iter()
        .find(|alert| alert["labels"]["alertname"] == name && alert["status"] == status);
    found.cloned().ok_or(list)
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

/// The alert that the pager raises itself.
const SILENT: &str = pager::SILENT;

/// Of the machine, not of the service, if that has no limits of its own.
fn is_of_the_machine(labels: &Value) -> bool {
    labels["resource"] == "cpu" || labels["resource"] == "memory"
}

/// All four, as in the stack.
struct Stack {
    service: Server,
    pager: Pager,
    alertmanager: Alertmanager,
    prometheus: Prometheus,
}

/// Twice the interval at which Alertmanager repeats the Watchdog; the stack waits a minute.
const WATCHDOG_TIMEOUT: Duration = Duration::from_secs(30);

impl Stack {
    /// `None` where a program is missing.
    fn start() -> Option<Self> {
        let prometheus = peers::require("prometheus")?;
        let alertmanager = peers::require("prometheus-alertmanager")?;
        // It hears nothing yet, and fires its own alert until it does.
        // Its restart is no crash: Prometheus comes by in the lame duck, as in the stack.
        let pager = Pager::start(&["--watchdog-timeout=1s", "--lame-duck=6s"]);
        let watchdog = |pager: &Pager, expected: &str| {
            wait(&format!("the watchdog is {expected}"), || {
                let list = pager.list();
                let stands = list["watchdog"]["state"] == expected;
                if stands { Ok(()) } else { Err(list) }
            })
        };
        watchdog(&pager, "silent");
        let url = format!("http://{}", pager.address());
        let service =
            Server::start(&[&AS_IN_THE_STACK[..], &["--pager", url.as_str()][..]].concat());
        let alertmanager = Alertmanager::of_the_stack(&alertmanager, pager.address());
        let targets = Targets {
            alertmanager: alertmanager.address(),
            pager: pager.address(),
            ..Targets::service(service.address())
        };
        let prometheus = Prometheus::of_the_stack(&prometheus, &targets);
        watchdog(&pager, "heard");
        assert_eq!(on_pager(pager.address(), SILENT, "firing").ok(), None);
        let pager = pager.restart_in_order(&[
            &format!("--watchdog-timeout={}s", WATCHDOG_TIMEOUT.as_secs()),
            &format!("--prometheus=http://{}", prometheus.address()),
            &format!("--alertmanager=http://{}", alertmanager.address()),
        ]);
        Some(Self {
            service,
            pager,
            alertmanager,
            prometheus,
        })
    }
}

/// Waits until the pager fires its own alert and names this server alone.
fn raises_its_alert_about(pager: SocketAddr, silent: &str) {
    let (alert, took) = wait(&format!("{silent} killed, pager raises an alert"), || {
        on_pager(pager, SILENT, "firing")
    });
    let summary = alert["annotations"]["summary"]
        .as_str()
        .expect("it is text");
    let expected = format!("{silent} is silent");
    assert!(summary.starts_with(&expected), "{alert}");
    assert_eq!(listed(pager)["watchdog"]["silent"], json!([silent]));
    let limit = WATCHDOG_TIMEOUT + Duration::from_secs(15);
    assert!(took < limit, "{took:?}");
}

/// A normal minute without an alert; then errors, of which the pager is notified and which
/// are shown on the live page; then none, and the alert resolves.
#[test]
fn the_pager_is_notified_of_errors_until_they_end() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let Stack {
        service,
        pager: running,
        alertmanager,
        prometheus,
    } = stack;
    let pager = running.address();

    // As long as every window of a minute and every `for` of the quick alerts, at least.
    let counted = r#"sum(http_requests_total{job="app", route="/random"}) > 75 * 5"#;
    wait("a normal minute", || {
        let firing: Vec<_> = prometheus
            .alerts()
            .into_iter()
            .filter(|(name, state, labels)| {
                state == "firing" && name != "Watchdog" && !is_of_the_machine(labels)
            })
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

    drop(alertmanager);
    raises_its_alert_about(pager, "Alertmanager");
    if let Some(browser) = &browser {
        let script = "document.getElementById('alerts').textContent.includes('WatchdogSilent')";
        browser.wait(TIMEOUT, script);
    }
}

/// The pager hears of a service that is gone while it is gone, and that Prometheus is.
#[test]
fn only_the_absence_of_a_killed_service_is_notified() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let Stack {
        service,
        pager,
        alertmanager,
        prometheus,
    } = stack;
    let address = service.address();
    prometheus.number_when(r#"up{job="app"}"#, |up| up == 1.0);

    drop(service);
    let (_, took) = wait("service killed, ServiceDown on the pager", || {
        on_pager(pager.address(), "ServiceDown", "firing")
    });
    assert!(took <= Duration::from_secs(35), "{took:?}");
    assert_eq!(firing(&prometheus, "ServiceDown"), Ok(()));
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
        on_pager(pager.address(), "ServiceDown", "resolved")
    });

    drop(prometheus);
    raises_its_alert_about(pager.address(), "Prometheus");
    // With one alert it says so, however many it would lead to.
    assert_eq!(
        pager.server.metrics().value("pager_watchdog_silent", &[]),
        1.0
    );
}
