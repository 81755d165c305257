//! A dashboard that is read from a running Grafana.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answer;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;
use workshop::finding::Finding;
use workshop::grafana::{Credentials, Grafana};
use workshop::stack::Stack;
use workshop::{checks, dashboard};

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

/// Answers what Grafana would: to search, and to questions for one dashboard.
/// Those with a password must be asked with it.
fn grafana(dashboards: &[(&str, &str)], password: Option<&'static str>) -> SocketAddr {
    let found: Vec<_> = dashboards
        .iter()
        .map(|(uid, _)| serde_json::json!({ "uid": uid, "type": "dash-db", "title": uid }))
        .collect();
    let mut pages = BTreeMap::from([(
        "/api/search?type=dash-db&limit=1000".to_owned(),
        serde_json::json!(found).to_string(),
    )]);
    for (uid, dashboard) in dashboards {
        let path = format!("/api/dashboards/uid/{uid}");
        pages.insert(path, (*dashboard).to_owned());
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap();
            let knows = password.is_none_or(|password| request.contains(password));
            let (status, body) = match pages.get(path) {
                _ if !knows => ("401 Unauthorized", "{\"message\":\"Unauthorized\"}"),
                Some(page) => ("200 OK", page.as_str()),
                None => ("404 Not Found", "{\"message\":\"Dashboard not found\"}"),
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

/// A dashboard's file as Grafana wraps it, under the file's name.
fn saved(file: &Path, at: &str, provisioned: bool) -> String {
    let mut dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    dashboard["title"] = serde_json::json!(file);
    serde_json::json!({
        "meta": { "provisioned": provisioned, "updated": at },
        "dashboard": dashboard,
    })
    .to_string()
}

fn judged(dashboards: &[(&str, &str)]) -> Result<Option<String>, Finding> {
    let stack = Stack {
        grafana: Some(format!("http://{}", grafana(dashboards, None))),
        ..Stack::default()
    };
    checks::dashboard::check(Path::new("not there"), &stack)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
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
    let url = format!(
        "http://{}/d/mine/my-golden-signals?orgId=1",
        grafana(&[("mine", DASHBOARD)], None)
    );
    let queries = dashboard::read(&file("mine.json", &url), &Credentials::default()).unwrap();
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
    let url = format!("http://{}/d/other", grafana(&[("mine", DASHBOARD)], None));
    let finding = dashboard::read(&file("other.json", &url), &Credentials::default()).unwrap_err();
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
        let finding =
            dashboard::read(&file("elsewhere.json", url), &Credentials::default()).unwrap_err();
        assert_eq!(finding.id, "not-local", "{url}");
    }
}

#[test]
fn what_somebody_has_saved_in_grafana_is_found_and_judged() {
    if peers::require("promtool").is_none() {
        return;
    }
    let exercises = root().join("exercises");
    let solved = exercises.join("solutions/08_dashboard/dashboard.json");
    let came = saved(&solved, "2026-03-03T10:00:00Z", true);
    let right = saved(&solved, "2026-03-01T10:00:00Z", false);
    let wrong = saved(
        answer::file("08_dashboard", "only_500"),
        "2026-03-02T10:00:00Z",
        false,
    );
    let stub = saved(
        &exercises.join("stubs/08_dashboard/dashboard.json"),
        "2026-03-01T09:00:00Z",
        false,
    );

    // An earlier one that is right counts.
    let said = judged(&[("a", &came), ("b", &wrong), ("c", &right)]).unwrap();
    assert!(said.unwrap().contains(solved.to_str().unwrap()));
    // Else the last that was saved.
    let finding = judged(&[("a", &came), ("b", &stub), ("c", &wrong)]).unwrap_err();
    assert_eq!(finding.id, "only-500");
    assert!(
        finding.observed.contains("only_500.json"),
        "{}",
        finding.observed
    );
    // Those that came with the stack are nobody's work.
    let finding = judged(&[("a", &came)]).unwrap_err();
    assert_eq!(finding.id, "not-saved");
}

#[test]
fn grafana_is_asked_with_the_password_or_the_token() {
    // `admin:secret`, by RFC 4648.
    let cases = [
        (
            "authorization: Basic YWRtaW46c2VjcmV0\r\n",
            Credentials {
                password: Some("secret".to_owned()),
                ..Credentials::default()
            },
        ),
        (
            "authorization: Bearer glsa_x\r\n",
            Credentials {
                token: Some("glsa_x".to_owned()),
                ..Credentials::default()
            },
        ),
    ];
    for (header, credentials) in cases {
        let address = grafana(&[("mine", DASHBOARD)], Some(header));
        let url = format!("http://{address}");
        let grafana = Grafana::at(&url, &credentials).unwrap();
        assert!(grafana.dashboard("mine").is_ok());
        let stranger = Grafana::at(&url, &Credentials::default()).unwrap();
        let finding = stranger.dashboard("mine").unwrap_err();
        assert_eq!(finding.id, "grafana-silent");
        assert!(
            finding.observed.contains("GRAFANA_TOKEN"),
            "{}",
            finding.observed
        );
    }
}

// The stack is a part of the repository of its own; where it is, it must agree.
#[test]
fn the_dashboard_of_the_stack_is_a_right_answer_too() {
    let file = root().join("grafana/provisioning/dashboards/golden-signals.json");
    if file.is_file() && peers::require("promtool").is_some() {
        checks::dashboard::check(&file, &Stack::default()).unwrap();
    }
}
