//! The whole chain, and Grafana's links broken one by one.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fake::{Fake, Reply, nowhere};
use super::grafana::{Grafana, dashboards, panel};
use super::stack::{Doctor, Stack, scrape};
use crate::support::TIMEOUT;
use crate::support::server::Server;

/// What two of the panels show, once there have been two scrapes and an evaluation.
const SHOWN: &str =
    "count(job:slo_objective:ratio{job=\"app\"}) * sum(rate(http_requests_total{job=\"app\"}[4s]))";

const P99: &str = "histogram_quantile(0.99, sum by (le) (increase(http_request_duration_seconds_bucket{job=\"app\"}[15m])))";

/// What is said of the panels then.
const HEALTHY: &str =
    "6 panels have data; nothing is running that processes or training would show";

#[test]
fn a_healthy_chain_passes_and_every_broken_link_of_grafanas_is_named() {
    let Some(stack) = Stack::start() else { return };
    // A quantile needs an answer.
    stack.prometheus.number_when(P99, f64::is_finite);
    stack.prometheus.number_when(SHOWN, f64::is_finite);
    let start = Instant::now();
    while stack.pager.list()["watchdog"]["state"] != "heard" {
        assert!(start.elapsed() < TIMEOUT, "{:#}", stack.pager.list());
        thread::sleep(Duration::from_millis(50));
    }
    let provisioned = Grafana::provisioned(stack.prometheus.address());

    let grafana = provisioned.start();
    let doctor = stack.doctor();
    let healthy = doctor.clone().at("grafana", grafana.address()).with(&[
        "--send-test-alert",
        "--wait",
        "60s",
    ]);
    let report = healthy.report();
    assert_eq!(report.0["state"], "ok", "{:#}", report.0);
    assert_eq!(report.link("panels")["observed"], HEALTHY);
    let text = healthy.run();
    assert_eq!(text.code, Some(0), "{text:?}");
    println!("{}", text.stdout);
    assert!(
        text.stdout.contains("Every link that was examined holds."),
        "{text:?}"
    );

    grafana_away(&doctor);
    data_source(&stack, &doctor, &provisioned);
    missing_dashboard(&doctor, &provisioned);
    queries(&doctor, &provisioned);
    without_grafana(&doctor);
}

fn grafana_away(doctor: &Doctor) {
    doctor
        .report()
        .is_broken_at("grafana", "connection refused", "--skip grafana");
    let starting = Fake::start(|_| Reply::json(503, &json!({ "database": "failing" })));
    let report = doctor.clone().at("grafana", starting.address()).report();
    report.is_broken_at("grafana", "failing", "docker compose logs grafana");
}

fn data_source(stack: &Stack, doctor: &Doctor, provisioned: &Grafana) {
    let report = |grafana: &Grafana| {
        let grafana = grafana.start();
        doctor.clone().at("grafana", grafana.address()).report()
    };
    let private = Grafana {
        anonymous: false,
        ..provisioned.clone()
    };
    report(&private).is_broken_at("data_source", "401", "GF_AUTH_ANONYMOUS_ENABLED=true");

    let misnamed = Grafana {
        uid: "P1809F7CD0C75ACF3",
        ..provisioned.clone()
    };
    let observed = "it has Prometheus (uid P1809F7CD0C75ACF3)";
    report(&misnamed).is_broken_at("data_source", observed, "uid: prometheus");

    let astray = Grafana {
        prometheus: nowhere(),
        ..provisioned.clone()
    };
    report(&astray).is_broken_at(
        "data_source",
        "connection refused",
        "http://prometheus:9090",
    );

    let server = Server::start(&["--traffic", "0"]);
    let other = Stack::prometheus(&[&scrape("other", server.address(), "")]).expect("it was there");
    let mistaken = Grafana {
        prometheus: other.address(),
        ..provisioned.clone()
    };
    let remedy = format!(
        "another Prometheus than http://{}",
        stack.prometheus.address()
    );
    report(&mistaken).is_broken_at("data_source", "knows no up{job=\"app\"}", &remedy);

    let hasty = Grafana {
        time_interval: "500ms",
        ..provisioned.clone()
    };
    report(&hasty).warns_at("data_source", "500ms, but the service is scraped every 1s");
}

fn missing_dashboard(doctor: &Doctor, provisioned: &Grafana) {
    let mut grafana = provisioned.clone();
    grafana
        .dashboards
        .retain(|dashboard| dashboard["uid"] != "process");
    let grafana = grafana.start();
    let report = doctor.clone().at("grafana", grafana.address()).report();
    report.is_broken_at(
        "dashboards",
        "missing: process; present: golden-signals",
        "/etc/grafana/provisioning",
    );
}

fn queries(doctor: &Doctor, provisioned: &Grafana) {
    let report = |panels: Value| {
        let mut grafana = provisioned.clone();
        grafana.dashboard("process")["panels"] = panels;
        let grafana = grafana.start();
        doctor.clone().at("grafana", grafana.address()).report()
    };
    let wrong = panel("Memory", &["process_resident_memory_bytes{job=\"$job\""]);
    let observed = "panel \"Memory\" of dashboard process fails: invalid parameter \"query\"";
    report(json!([wrong])).is_broken_at("panels", observed, "Inspect > Query");

    let renamed = panel("Memory", &["process_memory_bytes"]);
    let observed = "none of the 1 panels of dashboard process has data";
    report(json!([renamed])).is_broken_at("panels", observed, "variable job");

    let mut elsewhere = panel("Memory", &["up"]);
    elsewhere["targets"][0]["datasource"]["uid"] = json!("P1");
    let observed = "fails: Data source not found";
    report(json!([elsewhere])).is_broken_at("panels", observed, "another uid than prometheus");

    // One panel without data is no broken chain, but it is named.
    let full = panel("Memory", &["process_resident_memory_bytes"]);
    let report = report(json!([full, renamed]));
    report.warns_at(
        "panels",
        &format!("{HEALTHY}; 1 have none: process \"Memory\""),
    );
    assert_eq!(report.0["state"], "warning");
}

fn without_grafana(doctor: &Doctor) {
    let doctor = doctor.clone().with(&["--skip", "grafana"]);
    let report = doctor.report();
    assert_eq!(report.0["state"], "ok", "{:#}", report.0);
    for link in [
        "grafana",
        "data_source",
        "dashboards",
        "panels",
        "test_alert",
    ] {
        assert_eq!(report.link(link)["state"], "skipped");
    }

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("doctors-dashboards-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("cargo made the directory above");
    for dashboard in dashboards() {
        let uid = dashboard["uid"].as_str().expect("it has one");
        fs::write(directory.join(format!("{uid}.json")), dashboard.to_string())
            .expect("it is ours");
    }
    let path = directory.display().to_string();
    let from_files = doctor.with(&["--dashboards", &path]);
    let report = from_files.report();
    assert_eq!(report.link("panels")["observed"], HEALTHY, "{:#}", report.0);
    assert_eq!(report.link("grafana")["state"], "skipped");

    fs::write(directory.join("process.json"), "{").expect("it is ours");
    let report = from_files.report();
    report.is_broken_at("dashboards", "process.json: EOF", "that can be read");
    fs::remove_file(directory.join("process.json")).expect("it is ours");
    from_files
        .report()
        .is_broken_at("dashboards", "missing: process", "");
    fs::remove_dir_all(directory).expect("it is ours");
}
