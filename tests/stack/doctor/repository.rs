//! What the repository provisions passes: its Prometheus and Alertmanager
//! configuration, its rules and its dashboards, together.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::grafana::Grafana;
use super::stack::Doctor;
use crate::support::alertmanager::Alertmanager;
use crate::support::pager::Pager;
use crate::support::peers;
use crate::support::prometheus::{Prometheus, Targets};
use crate::support::server::Server;

fn dashboard_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/provisioning/dashboards")
}

/// All dashboards there are.
fn dashboards() -> Vec<Value> {
    let entries = fs::read_dir(dashboard_directory()).expect("it is part of the stack");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let files = paths.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    files
        .map(|file| {
            let text = fs::read(&file).expect("it can be read");
            serde_json::from_slice(&text).expect("it is JSON")
        })
        .collect()
}

#[test]
fn the_stack_of_this_repository_is_healthy_with_and_without_grafana() {
    let (Some(prometheus), Some(alertmanager)) = (
        peers::require("prometheus"),
        peers::require("prometheus-alertmanager"),
    ) else {
        return;
    };
    let server = Server::start(&["--traffic=20", "--seed=1"]);
    let pager = Pager::start(&[]);
    let alertmanager = Alertmanager::of_the_stack(&alertmanager, pager.address());
    let targets = Targets {
        alertmanager: alertmanager.address(),
        pager: pager.address(),
        ..Targets::service(server.address())
    };
    let prometheus = Prometheus::of_the_stack(&prometheus, &targets);
    let mut provisioned = Grafana::provisioned(prometheus.address());
    provisioned.dashboards = dashboards();
    let grafana = provisioned.start();

    // The slowest rules are evaluated every 15 s, and level 3 waits 30 s.
    let doctor = Doctor::new()
        .at("app", server.address())
        .at("prometheus", prometheus.address())
        .at("alertmanager", alertmanager.address())
        .at("pager", pager.address())
        .with(&["--wait=90s"]);
    let directory = dashboard_directory();
    let without = doctor
        .clone()
        .with(&["--skip=grafana", "--dashboards"])
        .with(&[directory.to_str().expect("cargo runs in UTF-8")]);
    for doctor in [
        doctor
            .at("grafana", grafana.address())
            .with(&["--send-test-alert"]),
        without,
    ] {
        let report = doctor.report();
        assert_ne!(report.0["state"], "broken", "{:#}", report.0);
        // Every dashboard that is provisioned is one that the doctor knows.
        let present = report.link("dashboards")["observed"]
            .as_str()
            .unwrap_or_default();
        let mut known: Vec<&str> = present.split(", ").collect();
        let dashboards = dashboards();
        let mut there: Vec<&str> = dashboards
            .iter()
            .filter_map(|d| d["uid"].as_str())
            .collect();
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(known, there);
    }
}
