//! The rules, their unit tests and their text: every rule is tested, every alert says
//! what to do and reaches its receiver; every name exists ([`names`]), and no threshold
//! can change unnoticed ([`mutants`]). What happens to an alert on real servers is in
//! `alerting`.

mod mutants;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::server::Server;
use crate::support::{peers, yaml};
use pager::FIRING_RETENTION;
use serde_json::Value;

/// The severity of each level, and the receiver that Alertmanager sends it to. Level 0 is
/// the Watchdog alone.
const LEVELS: [(&str, &str, &str); 4] = [
    ("0", "none", "watchdog"),
    ("1", "critical", "level-1-page-now"),
    ("2", "major", "level-2-today"),
    ("3", "minor", "level-3-planned"),
];

/// The alert that always fires.
const WATCHDOG: &str = "Watchdog";

/// Where the service's runbook is, for a browser on the machine that the stack runs on.
const RUNBOOK: &str = "http://127.0.0.1:8000/runbook";

/// Alerts that resolve as soon as their condition is not true any more, and why.
const WITHOUT_HYSTERESIS: [(&str, &str); 2] = [
    (
        "ConfigurationRejected",
        "it changes with a reload, which somebody asks for and waits for",
    ),
    (WATCHDOG, "it never ends"),
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a directory, in order.
fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(directory)).expect("it is part of the stack");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{directory} is empty");
    files
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All rules of all files; `None` if no program here reads YAML.
fn rules() -> Option<Vec<Value>> {
    let mut rules = Vec::new();
    for file in files("prometheus/rules") {
        for group in list(&yaml::read(&file)?["groups"]) {
            rules.extend_from_slice(list(&group["rules"]));
        }
    }
    Some(rules)
}

fn alerts(rules: &[Value]) -> impl Iterator<Item = &Value> {
    rules.iter().filter(|rule| rule["alert"].is_string())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn succeeds(command: &mut Command) {
    let output = run(command);
    assert!(output.status.success(), "{command:?}:\n{}", said(&output));
}

#[test]
fn promtool_and_amtool_find_no_problems() {
    let (Some(promtool), Some(amtool)) = (peers::require("promtool"), peers::require("amtool"))
    else {
        return;
    };
    let strictly = ["--lint=all", "--lint-fatal"];
    let configuration = repository().join("prometheus/prometheus.yml");
    succeeds(
        Command::new(&promtool)
            .args(["check", "config"])
            .args(strictly)
            .arg(configuration),
    );
    succeeds(
        Command::new(&promtool)
            .args(["check", "rules"])
            .args(strictly)
            .args(files("prometheus/rules")),
    );
    succeeds(
        Command::new(amtool)
            .arg("check-config")
            .arg(repository().join("prometheus/alertmanager.yml")),
    );
}

#[test]
fn the_unit_tests_of_the_rules_pass() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    succeeds(
        Command::new(promtool)
            .args(["test", "rules"])
            .args(files("prometheus/tests")),
    );
}

#[test]
fn every_rule_has_unit_tests() {
    let Some(rules) = rules() else { return };
    let mut recorded = String::new();
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for file in files("prometheus/tests") {
        let Some(tests) = yaml::read(&file) else {
            return;
        };
        for group in list(&tests["tests"]) {
            for test in list(&group["promql_expr_test"]) {
                if !list(&test["exp_samples"]).is_empty() {
                    recorded += text(&test["expr"]);
                    recorded.push('\n');
                }
            }
            for test in list(&group["alert_rule_test"]) {
                let known = match list(&test["exp_alerts"]) {
                    [] => &mut quiet,
                    _ => &mut fires,
                };
                known.insert(text(&test["alertname"]).to_owned());
            }
        }
    }
    // A name is part of longer ones: rate1 of rate1m.
    let names: BTreeSet<_> = recorded
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
        .collect();
    for rule in &rules {
        if let Some(alert) = rule["alert"].as_str() {
            assert!(fires.contains(alert), "{alert} has no test that it fires");
            // The Watchdog never is.
            assert!(
                quiet.contains(alert) || alert == WATCHDOG,
                "{alert} has no test that it is quiet"
            );
        } else {
            let record = text(&rule["record"]);
            assert!(names.contains(record), "{record} has no test");
        }
    }
    let alerts: BTreeSet<_> = alerts(&rules).map(|rule| text(&rule["alert"])).collect();
    for name in fires.union(&quiet) {
        assert!(
            alerts.contains(name.as_str()),
            "{name} is tested and is no rule"
        );
    }
}

#[test]
fn every_alert_has_a_level_and_a_section_in_the_runbook() {
    let Some(rules) = rules() else { return };
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    // As GitHub makes anchors of headings that are one word.
    let anchors: BTreeSet<_> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::to_lowercase)
        .collect();
    let mut names = BTreeSet::new();
    for alert in alerts(&rules) {
        let name = text(&alert["alert"]);
        let (labels, annotations) = (&alert["labels"], &alert["annotations"]);
        let level = text(&labels["level"]);
        let severity = LEVELS.iter().find(|known| known.0 == level);
        let severity = severity
            .unwrap_or_else(|| panic!("{name}: level {level:?}"))
            .1;
        assert_eq!(text(&labels["severity"]), severity, "{name}");
        assert_eq!(level == "0", name == WATCHDOG, "{name}");
        for annotation in ["summary", "description"] {
            assert!(
                !text(&annotations[annotation]).is_empty(),
                "{name}: {annotation}"
            );
        }
        let anchor = name.to_lowercase();
        assert_eq!(
            text(&annotations["runbook_url"]),
            format!("{RUNBOOK}#{anchor}"),
            "{name}"
        );
        assert!(anchors.contains(&anchor), "the runbook has no {name}");
        assert!(
            runbook.contains(&format!("## {name}\n\n**Level {level}.**")),
            "the runbook does not say that {name} has level {level}"
        );
        names.insert(anchor);
    }
    assert_eq!(anchors, names, "the runbook has what is no alert");
}

/// A value that hovers at a threshold would notify again and again.
#[test]
fn every_alert_has_hysteresis_and_a_unit_test_with_a_series_that_hovers() {
    let Some(rules) = rules() else { return };
    let mut hovering = String::new();
    for file in files("prometheus/tests") {
        let Some(tests) = yaml::read(&file) else {
            return;
        };
        for group in list(&tests["tests"]) {
            for test in list(&group["promql_expr_test"]) {
                hovering += text(&test["expr"]);
                hovering.push('\n');
            }
        }
    }
    for alert in alerts(&rules) {
        let name = text(&alert["alert"]);
        let keeps = alert["keep_firing_for"].is_string();
        let reason = WITHOUT_HYSTERESIS.iter().find(|known| known.0 == name);
        assert_ne!(
            keeps,
            reason.is_some(),
            "{name}: keep_firing_for, or a reason for having none"
        );
        let counted =
            format!(r#"count_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}["#);
        assert!(
            !keeps || hovering.contains(&counted),
            "{name}: no series that hovers"
        );
    }
}

/// The link of each alert leads to its section, in the page as the service serves it.
#[test]
fn the_service_serves_the_section_that_each_alert_links_to() {
    let Some(rules) = rules() else { return };
    let service = Server::start(&["--traffic=0"]);
    let page = service.get("/runbook");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let live = service.get("/");
    for header in ["content-security-policy", "x-content-type-options", "etag"] {
        assert!(page.header(header).is_some(), "{header}");
        if header == "content-security-policy" {
            assert_eq!(page.header(header), live.header(header));
        }
    }
    let page = page.text();
    for alert in alerts(&rules) {
        let link = text(&alert["annotations"]["runbook_url"]);
        let (path, id) = link.split_once('#').expect("it names a section");
        assert_eq!(path, RUNBOOK, "{link}");
        assert!(page.contains(&format!(r#"<h2 id="{id}">"#)), "{link}");
    }
    // Its own links lead somewhere as well.
    for link in page.split(r##"href="#"##).skip(1) {
        let id = link.split('"').next().unwrap_or_default();
        assert!(page.contains(&format!(r#"id="{id}""#)), "#{id}");
    }
    for file in page.split("\"/page/").skip(1) {
        let name = file.split('"').next().unwrap_or_default();
        assert_eq!(service.get(&format!("/page/{name}")).status, 200, "{name}");
    }
}

#[test]
fn every_alert_reaches_the_receiver_of_its_level() {
    let (Some(rules), Some(amtool)) = (rules(), peers::require("amtool")) else {
        return;
    };
    let routed = |labels: &[String], receiver: &str| {
        succeeds(
            Command::new(&amtool)
                .args(["config", "routes", "test"])
                .arg(format!("--verify.receivers={receiver}"))
                .arg("--config.file")
                .arg(repository().join("prometheus/alertmanager.yml"))
                .args(labels),
        );
    };
    for alert in alerts(&rules) {
        let mut labels = vec![format!("alertname={}", text(&alert["alert"]))];
        let own = alert["labels"].as_object().expect("they have labels");
        labels.extend(
            own.iter()
                .map(|(name, value)| format!("{name}={}", text(value))),
        );
        let level = text(&alert["labels"]["level"]);
        let receiver = LEVELS.iter().find(|known| known.0 == level);
        routed(&labels, receiver.expect("it has one of three").2);
    }
    // A mistake in a rule is urgent.
    routed(&["alertname=Odd".to_owned()], LEVELS[1].2);
    routed(
        &["alertname=Odd".to_owned(), "level=4".to_owned()],
        LEVELS[1].2,
    );
}

/// The pager forgets an alert that is not repeated: even if one repetition is lost, it must
/// not forget it.
#[test]
fn alerts_are_repeated_sooner_than_the_pager_forgets_them() {
    let file = repository().join("prometheus/alertmanager.yml");
    let Some(configuration) = yaml::read(&file) else {
        return;
    };
    let root = &configuration["route"];
    let routes = list(&root["routes"]).iter();
    let intervals = routes.map(|route| &route["repeat_interval"]);
    // A route without one of its own has its parent's.
    for interval in intervals
        .filter(|own| own.is_string())
        .chain([&root["repeat_interval"]])
    {
        let interval =
            humantime::parse_duration(text(interval)).expect("a time as Prometheus writes it");
        assert!(2 * interval < FIRING_RETENTION, "{interval:?}");
    }
}
