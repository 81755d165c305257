//! `golden-signals doctor` and the README's commands, as a student calls them on the running
//! stack.

use crate::support::engine::Stack;
use crate::support::{http, readme};

/// `golden-signals doctor`, as a student calls it on the running stack.
pub(crate) fn no_link_of_the_chain_is_broken(stack: &Stack) {
    // One replica again, under the traffic that a student's has.
    stack.compose(&[
        "up",
        "--detach",
        "--no-build",
        "--no-recreate",
        "--scale=app=1",
        "app",
    ]);
    let token = format!("Bearer {}", stack.variable("GOLDEN_CONTROL_TOKEN"));
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    let service = stack.address("balancer", 8000);
    for (path, body) in [
        ("/control/traffic", r#"{"rate": 5}"#),
        ("/control/faults", r#"{"error_rate": 0}"#),
    ] {
        let answer = http::request(service, "PATCH", path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let doctor = [
        "run",
        "--rm",
        "-T",
        "doctor",
        "--wait=60s",
        "--send-test-alert",
    ];
    let report = stack.compose(&[&doctor[..], &without_grafana(stack)].concat());
    assert!(!report.contains("BROKEN"), "{report}");
}

/// As they stand there, but without a terminal.
pub(crate) fn the_readmes_commands_run(stack: &Stack) {
    let commands = readme::commands();
    let commands: Vec<Vec<&str>> = commands
        .iter()
        .filter_map(|command| command.strip_prefix("docker compose run --rm "))
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for arguments in commands {
        let skipped = if arguments[0] == "doctor" {
            without_grafana(stack)
        } else {
            vec![]
        };
        stack.compose(&[&["run", "--rm", "-T"][..], &arguments, &skipped].concat());
    }
}

/// From outside, and the dashboards' queries on this Prometheus.
pub(crate) fn no_link_is_broken_from_outside(stack: &Stack) {
    let url = |service, port| format!("http://{}", stack.address(service, port));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .args(["doctor", "--wait=60s", "--skip=grafana"])
        .arg("--dashboards=grafana/provisioning/dashboards")
        .args(["--app", &url("balancer", 8000)])
        .args(["--prometheus", &url("prometheus", 9090)])
        .args(["--alertmanager", &url("alertmanager", 9093)])
        .args(["--pager", &url("pager", 8002)])
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
}

/// Where Grafana's image cannot be had, it is not examined.
fn without_grafana(stack: &Stack) -> Vec<&'static str> {
    let runs = stack.services().iter().any(|service| service == "grafana");
    if runs { vec![] } else { vec!["--skip=grafana"] }
}
