//! What there is, read from where it is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::readme::{files_in, root};

/// Every port that this project publishes on 127.0.0.1.
pub(crate) fn ports() -> BTreeSet<&'static str> {
    let stack = include_str!("../../.env").lines();
    let stack = stack.filter_map(|line| line.split_once("_PORT="));
    stack.map(|(_, port)| port).collect()
}

/// The uids of the dashboards.
pub(crate) fn dashboards() -> BTreeSet<String> {
    let files = files_in(&root().join("grafana/provisioning/dashboards"));
    let json = files.iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    json.map(|path| {
        let dashboard = fs::read_to_string(path).unwrap();
        let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
        dashboard["uid"].as_str().unwrap().to_owned()
    })
    .collect()
}

/// The alerts with their levels, by the file of rules that they stand in.
pub(crate) fn alerts() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for path in files_in(&root().join("prometheus/rules")) {
        let text = fs::read_to_string(&path).unwrap();
        let mut alerts = BTreeMap::new();
        let mut names = text.split("- alert: ");
        names.next();
        for rule in names {
            let name = rule.lines().next().unwrap().trim();
            let level = rule.split("level: \"").nth(1).unwrap();
            let level = level.split('"').next().unwrap();
            alerts.insert(name.to_owned(), level.to_owned());
        }
        let file = path.file_name().unwrap().to_str().unwrap();
        let file = file.strip_suffix(".rules.yml").unwrap().to_owned();
        if !alerts.is_empty() {
            all.insert(file, alerts);
        }
    }
    let files: Vec<_> = all.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        ["alerts", "model", "processes", "training"],
        "files of alerts"
    );
    all
}

/// What is checked in, or would be, from the root.
pub(crate) fn checked_in() -> Vec<String> {
    let directories = fs::read_dir(root()).unwrap();
    let directories = directories.map(|entry| entry.unwrap().path());
    let mut files = Vec::new();
    for path in directories {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match name.as_str() {
            ".git" | "target" => {}
            ".ci" => files.push(".ci/run".to_owned()),
            _ if path.is_dir() => files.extend(files_in(&path).iter().map(|file| {
                let file = file.strip_prefix(root()).unwrap();
                file.display().to_string()
            })),
            _ => files.push(name),
        }
    }
    files
}
