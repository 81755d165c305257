//! The rules, their unit tests and their text: every rule is tested, every alert says
//! what to do, every name exists, and no threshold can change unnoticed.
//! What becomes of an alert is in `alerting`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::alertmanager::Alertmanager;
use support::daemon::Daemon;
use support::prometheus::{Prometheus, percent_encoded};
use support::server::Server;
use support::{peers, yaml};

/// Long windows are evaluated four times a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// What each level is, and whom Alertmanager gives it to.
const LEVELS: [(&str, &str, &str); 3] = [
    ("1", "critical", "level-1-page-now"),
    ("2", "major", "level-2-today"),
    ("3", "minor", "level-3-planned"),
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a directory, in order.
fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join(directory)).expect("it is part of the stack");
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
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

/// All rules of all files; `None` if nobody here reads YAML.
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
fn promtool_and_amtool_have_nothing_to_complain_of() {
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
            assert!(
                quiet.contains(alert),
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
fn every_alert_says_how_bad_it_is_and_what_to_do() {
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
        for annotation in ["summary", "description"] {
            assert!(
                !text(&annotations[annotation]).is_empty(),
                "{name}: {annotation}"
            );
        }
        let anchor = name.to_lowercase();
        assert_eq!(
            text(&annotations["runbook"]),
            format!("docs/runbook.md#{anchor}"),
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
    routed(&["alertname=Odd".to_owned()], LEVELS[0].2);
    routed(
        &["alertname=Odd".to_owned(), "level=4".to_owned()],
        LEVELS[0].2,
    );
}

/// The service, Alertmanager and Prometheus as in the stack, with more traffic.
fn stack() -> Option<(Prometheus, Alertmanager, Server)> {
    let prometheus = peers::require("prometheus")?;
    let alertmanager = peers::require("prometheus-alertmanager")?;
    let service = Server::start(&["--traffic=50", "--error-rate=0.002", "--seed=1"]);
    let alertmanager = Alertmanager::of_the_stack(&alertmanager, service.address());
    let told = Some(alertmanager.address());
    let prometheus = Prometheus::of_the_stack(&prometheus, service.address(), told);
    Some((prometheus, alertmanager, service))
}

/// Collects what selects series, and the labels by which is grouped or matched.
fn collect(node: &Value, selectors: &mut BTreeSet<String>, labels: &mut BTreeSet<String>) {
    match node {
        Value::Object(fields) => {
            if let Some(matchers) = fields.get("matchers") {
                let matchers: Vec<_> = list(matchers)
                    .iter()
                    .map(|matcher| {
                        let [name, kind] = ["name", "type"].map(|field| text(&matcher[field]));
                        format!("{name}{kind}{}", matcher["value"])
                    })
                    .collect();
                selectors.insert(format!("{{{}}}", matchers.join(", ")));
            }
            for by in [node.get("grouping"), node["matching"].get("labels")] {
                let by = by.map_or(&[][..], list);
                labels.extend(by.iter().map(|label| text(label).to_owned()));
            }
            for field in fields.values() {
                collect(field, selectors, labels);
            }
        }
        Value::Array(nodes) => {
            for node in nodes {
                collect(node, selectors, labels);
            }
        }
        _ => (),
    }
}

/// The labels of the series that are selected, once there are some.
fn labels_of(prometheus: &Prometheus, selector: &str) -> BTreeSet<String> {
    let start = Instant::now();
    loop {
        let series = prometheus.query(selector);
        let labels = series
            .iter()
            .filter_map(|series| series["metric"].as_object());
        let labels: BTreeSet<_> = labels.flat_map(|labels| labels.keys().cloned()).collect();
        if !labels.is_empty() {
            return labels;
        }
        assert!(start.elapsed() < PATIENCE, "nothing is {selector}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A rule that names what does not exist is silent for ever.
#[test]
fn every_name_in_a_rule_and_every_query_of_the_runbook_exists() {
    let Some(rules) = rules() else { return };
    let Some((prometheus, _alertmanager, _service)) = stack() else {
        return;
    };
    let mut known = BTreeMap::new();
    for rule in &rules {
        let name = text(rule.get("alert").unwrap_or(&rule["record"]));
        let tree = format!("parse_query?query={}", percent_encoded(text(&rule["expr"])));
        let (mut selectors, mut by) = (BTreeSet::new(), BTreeSet::new());
        collect(&prometheus.api(&tree), &mut selectors, &mut by);
        assert!(!selectors.is_empty(), "{name} selects nothing");
        let mut labels = BTreeSet::new();
        for selector in selectors {
            let of_it = known
                .entry(selector)
                .or_insert_with_key(|selector| labels_of(&prometheus, selector));
            labels.extend(of_it.iter().cloned());
        }
        let unknown: Vec<_> = by.difference(&labels).collect();
        assert!(unknown.is_empty(), "{name}: no series has {unknown:?}");
    }

    // The runbook shows what there is to see in a healthy stack too.
    let runbook = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let mut asked = 0;
    for section in runbook.split("\n## ").skip(1) {
        let (heading, _) = section.split_once('\n').expect("a section has text");
        let blocks: Vec<_> = section.split("```promql\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{heading} says nothing to look at");
        for block in blocks {
            let (queries, _) = block.split_once("\n```").expect("a block ends");
            for query in queries.lines() {
                let start = Instant::now();
                while prometheus.query(query).is_empty() {
                    assert!(start.elapsed() < PATIENCE, "{heading}: nothing is {query}");
                    thread::sleep(Duration::from_millis(200));
                }
                asked += 1;
            }
        }
    }
    println!(
        "{} selectors of {} rules, {asked} queries",
        known.len(),
        rules.len()
    );
}

/// A change of a rule that should not go unnoticed.
struct Mutant {
    alert: String,
    what: String,
    rule: Value,
}

/// Every comparison turned round and its threshold moved by a quarter, up and down;
/// every `for` dropped and doubled.
fn mutants(alert: &Value) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut add = |what: String, field: &str, value: Value| {
        let mut rule = alert.clone();
        rule[field] = value;
        let alert = text(&alert["alert"]).to_owned();
        mutants.push(Mutant { alert, what, rule });
    };
    let expression = text(&alert["expr"]);
    for (operator, reverse) in [(" > ", " < "), (" < ", " > "), (" == ", " != ")] {
        for (at, _) in expression.match_indices(operator) {
            let (left, right) = (&expression[..at], &expression[at + operator.len()..]);
            let zero = right.starts_with('0') && !right.starts_with("0.");
            let (more, less) = if zero {
                ("1 +", "-1 +")
            } else {
                ("1.25 *", "0.8 *")
            };
            for mutated in [
                format!("{left}{reverse}{right}"),
                format!("{left}{operator}{more} {right}"),
                format!("{left}{operator}{less} {right}"),
            ] {
                add(mutated.clone(), "expr", json!(mutated));
            }
        }
    }
    if let Some(pending) = alert["for"].as_str() {
        let (number, unit) = pending.split_at(pending.len() - 1);
        let number: u32 = number
            .parse()
            .unwrap_or_else(|_| panic!("{pending} has one unit"));
        let doubled = format!("{}{unit}", 2 * number);
        for changed in ["0s".to_owned(), doubled] {
            add(format!("for: {changed}"), "for", json!(changed));
        }
    }
    mutants
}

/// The unit tests notice each change that a rule's meaning hangs on.
#[test]
fn no_comparison_threshold_or_for_can_change_unnoticed() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let file = repository().join("prometheus/rules/alerts.rules.yml");
    let Some(original) = yaml::read(&file) else {
        return;
    };
    let tests: Option<Vec<_>> = files("prometheus/tests")
        .iter()
        .map(|file| yaml::read(file))
        .collect();
    let Some(tests) = tests else { return };
    let all: Vec<_> = list(&original["groups"])
        .iter()
        .flat_map(|group| list(&group["rules"]))
        .flat_map(mutants)
        .collect();
    assert!(all.len() > 100, "only {} mutants", all.len());

    let directory = Daemon::directory("mutants");
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutant) = all.get(number) else {
                        return;
                    };
                    let place = directory.join(number.to_string());
                    if !is_noticed(&promtool, &place, &original, &tests, mutant) {
                        let survivor = format!("{}: {}", mutant.alert, mutant.what);
                        survivors.lock().unwrap().push(survivor);
                    }
                }
            });
        }
    });
    fs::remove_dir_all(directory).unwrap();
    let survivors = survivors.into_inner().unwrap();
    println!("{} of {} mutants survive", survivors.len(), all.len());
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// Whether a unit test of the alert fails with the mutant in its place.
fn is_noticed(
    promtool: &Path,
    place: &Path,
    original: &Value,
    tests: &[Value],
    mutant: &Mutant,
) -> bool {
    let mut mutated = original.clone();
    let groups = mutated["groups"].as_array_mut().expect("it has groups");
    let mut rules = groups
        .iter_mut()
        .filter_map(|group| group["rules"].as_array_mut())
        .flatten();
    let rule = rules.find(|rule| rule["alert"] == mutant.alert.as_str());
    *rule.expect("it was taken from there") = mutant.rule.clone();

    let rules = place.join("rules");
    fs::create_dir_all(&rules).unwrap();
    for file in files("prometheus/rules") {
        fs::copy(&file, rules.join(file.file_name().unwrap())).unwrap();
    }
    // JSON is YAML.
    fs::write(rules.join("alerts.rules.yml"), mutated.to_string()).unwrap();
    fs::create_dir_all(place.join("tests")).unwrap();
    let file = place.join("tests/of_the_alert.yml");
    for unit in tests {
        // Only the tests of this alert: the others take time and notice nothing.
        let mut unit = unit.clone();
        let groups = unit["tests"].as_array_mut().expect("it has tests");
        groups.retain_mut(|group| {
            let of_it = group["alert_rule_test"].as_array_mut();
            of_it.is_some_and(|of_it| {
                of_it.retain(|test| test["alertname"] == mutant.alert.as_str());
                !of_it.is_empty()
            })
        });
        if groups.is_empty() {
            continue;
        }
        fs::write(&file, unit.to_string()).unwrap();
        let output = run(Command::new(promtool).args(["test", "rules"]).arg(&file));
        if !output.status.success() {
            // By a test, not by a rule that is none.
            let said = said(&output);
            assert!(
                said.contains("exp:"),
                "{}: {}:\n{said}",
                mutant.alert,
                mutant.what
            );
            return true;
        }
    }
    false
}
