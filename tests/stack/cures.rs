//! The runbook's cures, each after its fault: the alert fires, what its section says under "Do"
//! is done, and the alert ends. All faults share their servers and happen at once.
//!
//! ServiceDown's is executed with containers (`tests/compose`) and without (`alerting`). Those
//! that are not here take longer than a test may (leaks, budgets), need a machine to be broken
//! (a full disk), or say what to look for instead of what to do.

use std::net::SocketAddr;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::alerting::wait;
use crate::support::manager::{Directory, Manager};
use crate::support::mosquitto::Mosquitto;
use crate::support::prometheus::{Prometheus, Targets};
use crate::support::proplet::Running;
use crate::support::pushgateway::Pushgateway;
use crate::support::server::Server;
use crate::support::{http, peers};

/// The alert, and the words by which its section names the cure that is executed here.
const CURES: [(&str, &str); 6] = [
    ("NoTraffic", "(`GET /control/traffic`)"),
    ("ErrorRatioHigh", "the error rate of `GET /control/faults`"),
    ("LatencyHigh", "the delay of `GET /control/faults`"),
    (
        "GatewayNotScraped",
        "`docker compose up --detach metrics_gateway`",
    ),
    ("PropletSilent", "`docker compose up --detach app proplet`"),
    (
        "ManagerDisconnected",
        "`docker compose up --detach mosquitto`",
    ),
];

#[test]
fn the_runbooks_cures_cure() {
    for (alert, cure) in CURES {
        assert!(of_runbook(alert).contains(cure), "{alert}: {cure}");
    }
    let (Some(mosquitto), Some(gateway), Some(prometheus)) = (
        peers::require("mosquitto"),
        peers::require("prometheus-pushgateway"),
        peers::require("prometheus"),
    ) else {
        return;
    };
    let mut broker = Mosquitto::start(&mosquitto, "");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let mut proplet = Running::proplet(broker.address(), &[]);
    let mut gateway = Pushgateway::start(&gateway);
    let well = ["--traffic=5", "--delay=constant(20ms)", "--error-rate=0"];
    let service = Server::start(&well);
    let student = Server::start(&well);
    let targets = Targets {
        manager: manager.metrics_address(),
        metrics_gateway: gateway.address(),
        student: student.address(),
        ..Targets::service(service.address())
    };
    let prometheus = Prometheus::of_the_stack(&prometheus, &targets);
    prometheus.number_when(r#"max(proplet_up{proplet="p"})"#, |up| up == 1.0);
    prometheus.number_when(
        r#"count(job_route:http_requests:rate1m{route="/random"} > 0)"#,
        |services| services == 2.0,
    );
    prometheus.number_when(r#"up{job="metrics_gateway"}"#, |up| up == 1.0);

    patch(
        service.address(),
        "/control/faults",
        &json!({"error_rate": 0.5, "delay": "constant(600ms)"}),
    );
    patch(student.address(), "/control/traffic", &json!({"rate": 0}));
    gateway.kill();
    proplet.signal(Signal::KILL);
    proplet.wait();
    // While it still hears of it.
    prometheus.number_when(r#"max(proplet_up{proplet="p"})"#, |up| up == 0.0);
    broker.kill();
    for (alert, _) in CURES {
        wait(&format!("{alert} fires"), || {
            stands(&prometheus, alert, true)
        });
    }

    patch(
        service.address(),
        "/control/faults",
        &json!({"error_rate": 0, "delay": "constant(20ms)"}),
    );
    patch(student.address(), "/control/traffic", &json!({"rate": 5}));
    gateway.restart();
    broker.restart();
    let _proplet = Running::proplet(broker.address(), &[]);
    for (alert, _) in CURES {
        wait(&format!("{alert} ends"), || {
            stands(&prometheus, alert, false)
        });
    }
    // Healthy, and not only silent.
    prometheus.number_when(r#"max(proplet_up{proplet="p"})"#, |up| up == 1.0);
    prometheus.number_when(r#"up{job="metrics_gateway"}"#, |up| up == 1.0);
    prometheus.number_when(r#"manager_broker_connected{job="manager"}"#, |it| it == 1.0);
}

/// Whether it fires now, or does not, as wanted; else what there is.
fn stands(prometheus: &Prometheus, alert: &str, wanted: bool) -> Result<(), Value> {
    let alerts = prometheus.alerts();
    let fires = alerts
        .iter()
        .any(|(name, state, _)| name == alert && state == "firing");
    if fires == wanted {
        Ok(())
    } else {
        Err(json!(alerts))
    }
}

/// An alert's section of the runbook, on one line.
fn of_runbook(alert: &str) -> String {
    let runbook = include_str!("../../docs/runbook.md");
    let (_, section) = runbook
        .split_once(&format!("\n## {alert}\n"))
        .unwrap_or_else(|| panic!("no section {alert}"));
    let (section, _) = section.split_once("\n## ").unwrap_or((section, ""));
    section.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn patch(address: SocketAddr, path: &str, body: &Value) {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    let answer = http::request(address, "PATCH", path, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
}
