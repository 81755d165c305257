//! A dashboard that is read from a running Grafana.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;

use workshop::{checks, dashboard, promtool};

const DASHBOARD: &str = r#"{"meta": {}, "dashboard": {
    "templating": {"list": [
        {"name": "job", "type": "query", "current": {"value": "app"}},
        {"name": "window", "type": "interval", "current": {"value": "2m"}},
        {"name": "job_of_all", "type": "constant", "current": {"value": "all"}}
    ]},
    "panels": [
        {"title": "Traffic", "fieldConfig": {"defaults": {"unit": "reqps"}}, "targets": [
            {"expr": "rate(x{job=\"$job\", other=\"$job_of_all\"}[$window])"},
            {"expr": "hidden", "hide": true},
            {"expr": ""}
        ]},
        {"title": "A row", "type": "row", "panels": [
            {"title": "Inside", "targets": [{"expr": "y{job=~\"${job:regex}\"}"}]}
        ]}
    ]
}}"#;

/// Answers what Grafana would, to that one question.
fn grafana() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let mine = request[..read].starts_with(b"GET /api/dashboards/uid/mine ");
            let (status, body) = if mine {
                ("200 OK", DASHBOARD)
            } else {
                ("404 Not Found", "{\"message\":\"Dashboard not found\"}")
            };
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    address
}

fn file(name: &str, url: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("{{\"url\": \"{url}\"}}")).unwrap();
    path
}

#[test]
fn an_address_stands_for_what_grafana_says_of_it() {
    let url = format!("http://{}/d/mine/my-golden-signals?orgId=1", grafana());
    let queries = dashboard::read(&file("mine.json", &url)).unwrap();
    let found: Vec<_> = queries
        .iter()
        .map(|one| (one.title.as_str(), one.unit.as_str(), one.query.as_str()))
        .collect();
    let first = "rate(x{job=\"student\", other=\"all\"}[2m])";
    assert_eq!(
        found,
        [
            ("Traffic", "reqps", first),
            ("Inside", "", "y{job=~\"student\"}"),
        ]
    );
}

#[test]
fn what_grafana_has_against_it_is_told() {
    let url = format!("http://{}/d/other", grafana());
    let finding = dashboard::read(&file("other.json", &url)).unwrap_err();
    assert_eq!(finding.id, "grafana-silent");
    assert!(
        finding.observed.contains("Dashboard not found"),
        "{}",
        finding.observed
    );
}

#[test]
fn only_this_machine_is_asked() {
    for url in [
        "http://192.0.2.1:3000/d/mine",
        "https://127.0.0.1:3000/d/mine",
        "http://127.0.0.1:3000/d/../../api/admin",
        "http://127.0.0.1:3000/dashboards",
    ] {
        let finding = dashboard::read(&file("elsewhere.json", url)).unwrap_err();
        assert_eq!(finding.id, "not-local", "{url}");
    }
}

// The stack is a part of the repository of its own; where it is, it must agree.
#[test]
fn the_dashboard_of_the_stack_is_a_right_answer_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("grafana/provisioning/dashboards/golden-signals.json");
    if file.is_file() && promtool::find("promtool").is_some() {
        checks::dashboard::check(&file).unwrap();
    }
}
