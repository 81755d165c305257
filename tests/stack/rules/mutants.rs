//! Tests of the unit tests: each change that alters an alert's meaning makes one fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::{files, list, run, said, text};
use crate::support::daemon::Daemon;
use crate::support::{peers, yaml};

/// A change of a rule that should not go unnoticed.
struct Mutant {
    alert: String,
    what: String,
    rule: Value,
}

/// Every comparison reversed and its threshold moved by a quarter, up and down;
/// every `for` dropped and doubled; every `keep_firing_for` dropped.
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
            // A number of events is whole: a quarter more than two is two.
            let count = left.trim_end_matches(')');
            let whole = count.ends_with("count10m") || count.ends_with("_total[10m]");
            let (more, less) = if zero || whole {
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
    if alert["keep_firing_for"].is_string() {
        let dropped = "0s";
        add(
            format!("keep_firing_for: {dropped}"),
            "keep_firing_for",
            json!(dropped),
        );
    }
    mutants
}

/// The unit tests notice each change that alters a rule's meaning.
#[test]
fn no_comparison_threshold_or_for_can_change_unnoticed() {
    let Some(promtool) = peers::require("promtool") else {
        return;
    };
    let Some(rule_files) = rule_files() else {
        return;
    };
    let tests: Option<Vec<_>> = files("prometheus/tests")
        .iter()
        .map(|file| yaml::read(file))
        .collect();
    let Some(tests) = tests else { return };
    let all: Vec<_> = rule_files
        .iter()
        .flat_map(|(_, groups)| rules_of(groups))
        .filter(|rule| rule["alert"].is_string())
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
                    if !is_noticed(&promtool, &place, &rule_files, &tests, mutant) {
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

/// A file of rules: its name and what is in it.
type RuleFile = (PathBuf, Value);

/// All of them; `None` if no program here reads YAML.
fn rule_files() -> Option<Vec<RuleFile>> {
    let read = |file: PathBuf| {
        let groups = yaml::read(&file)?;
        Some((file.file_name().expect("it is a file").into(), groups))
    };
    files("prometheus/rules").into_iter().map(read).collect()
}

fn rules_of(file: &Value) -> impl Iterator<Item = &Value> {
    let groups = list(&file["groups"]).iter();
    groups.flat_map(|group| list(&group["rules"]))
}

/// The recording rules of which `rule` is computed, directly or through others.
/// Evaluating all rules for each mutant would take several times as long.
fn ingredients<'a>(rule: &Value, files: &'a [RuleFile]) -> BTreeSet<&'a str> {
    let recordings: Vec<_> = files
        .iter()
        .flat_map(|(_, file)| rules_of(file))
        .filter(|rule| rule["record"].is_string())
        .collect();
    let mut found = BTreeSet::new();
    let mut expressions = vec![text(&rule["expr"])];
    while let Some(expression) = expressions.pop() {
        for recording in &recordings {
            let name = text(&recording["record"]);
            if expression.contains(name) && found.insert(name) {
                let of_that_name = recordings.iter().filter(|other| other["record"] == name);
                expressions.extend(of_that_name.map(|other| text(&other["expr"])));
            }
        }
    }
    found
}

/// Whether a unit test of the alert fails with the mutant in its place.
fn is_noticed(
    promtool: &Path,
    place: &Path,
    originals: &[RuleFile],
    tests: &[Value],
    mutant: &Mutant,
) -> bool {
    let needed = ingredients(&mutant.rule, originals);
    let directory = place.join("rules");
    fs::create_dir_all(&directory).expect("the directory is ours");
    for (name, original) in originals {
        let mut file = original.clone();
        for group in file["groups"].as_array_mut().expect("it has groups") {
            let rules = group["rules"].as_array_mut().expect("it has rules");
            rules.retain_mut(|rule| {
                if rule["alert"] == mutant.alert.as_str() {
                    *rule = mutant.rule.clone();
                    return true;
                }
                needed.contains(text(&rule["record"]))
            });
        }
        // JSON is YAML.
        fs::write(directory.join(name), file.to_string()).expect("the directory is ours");
    }
    fs::create_dir_all(place.join("tests")).expect("the directory is ours");
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
        fs::write(&file, unit.to_string()).expect("the directory is ours");
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
