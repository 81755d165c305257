//! The service does not answer, exposes too little, or has no traffic.

use super::fake::{Fake, Reply};
use super::stack::Doctor;
use crate::support::server::Server;

#[test]
fn nothing_listens() {
    let report = Doctor::new().report();
    report.is_broken_at("app", "connection refused", "docker compose up -d app");
    report.is_broken_at("app", "connection refused", "cargo run --release");
}

#[test]
fn the_hosts_name_is_unknown() {
    let doctor = Doctor::new().with(&["--app", "http://app.invalid:8000"]);
    let report = doctor.report();
    report.is_broken_at("app", "no such host", "--app http://127.0.0.1:PORT");
}

#[test]
fn something_else_listens() {
    let other = Fake::start(|_| Reply::Text(404, "text/html", "<h1>It works!</h1>".to_owned()));
    let report = Doctor::new().at("app", other.address()).report();
    report.is_broken_at("app", "404", "something else may listen there");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Fake::start(|_| Reply::Text(200, "text/plain", "ok".to_owned()));
    let location = elsewhere.url();
    let redirecting = Fake::start(move |_| {
        let head =
            format!("HTTP/1.1 302 Found\r\nlocation: {location}/\r\ncontent-length: 0\r\n\r\n");
        Reply::Raw(head.into_bytes())
    });
    let report = Doctor::new().at("app", redirecting.address()).report();
    report.is_broken_at("app", &elsewhere.url(), "Redirects are not followed");
}

#[test]
fn a_signal_is_not_exposed() {
    let blind = Fake::start(|request| {
        let metrics = "http_requests_total{route=\"/random\"} 1\n\
                       http_request_duration_seconds_bucket{le=\"+Inf\"} 1\n\
                       http_request_duration_seconds_count 1\n";
        let body = if request.path == "/metrics" {
            metrics
        } else {
            "ok"
        };
        Reply::Text(200, "text/plain", body.to_owned())
    });
    let report = Doctor::new().at("app", blind.address()).report();
    report.is_broken_at(
        "metrics",
        "no saturation_ratio (saturation)",
        "docker compose up -d --build app",
    );
}

#[test]
fn there_is_no_traffic() {
    let server = Server::start(&["--traffic", "0"]);
    let report = Doctor::new().at("app", server.address()).report();
    report.is_broken_at("traffic", "stays at 0", "GOLDEN_TRAFFIC");
}

#[test]
fn the_service_is_stopping() {
    let stopping = Fake::start(|request| {
        let status = if request.path == "/readyz" { 503 } else { 200 };
        Reply::Text(status, "text/plain", "draining".to_owned())
    });
    let report = Doctor::new().at("app", stopping.address()).report();
    report.warns_at("app", "not ready");
    report.is_broken_at("metrics", "http_requests_total", "");
}
