//! The structure of every dashboard: what readers and reviewers need, and what Grafana 9.3
//! would not understand; its panels are in [`panels`](super::panels).

use serde_json::Value;

use super::dashboard::{Dashboard, all, list, text};
use super::panels::data_panels;

/// The dashboards, by their uids, which are their files' names.
const UIDS: [&str; 8] = [
    "alerts",
    "distributions",
    "golden-signals",
    "model",
    "process",
    "processes",
    "training",
    "your-turn",
];

/// The families that the service can draw from: naming one could reveal a secret.
const FAMILIES: [&str; 11] = [
    "beta",
    "exponential",
    "gamma",
    "gaussian",
    "lognormal",
    "mixture",
    "normal",
    "pareto",
    "triangular",
    "uniform",
    "weibull",
];

#[test]
fn the_dashboards_are_there_and_named_for_their_files() {
    let dashboards = all();
    let names: Vec<_> = dashboards
        .iter()
        .map(|dashboard| dashboard.name.as_str())
        .collect();
    assert_eq!(names, UIDS);
    for dashboard in &dashboards {
        assert_eq!(dashboard.json["uid"], dashboard.name.as_str());
        assert!(
            !text(&dashboard.json["title"]).is_empty(),
            "{}",
            dashboard.name
        );
        assert!(
            !text(&dashboard.json["description"]).is_empty(),
            "{}",
            dashboard.name
        );
    }
}

#[test]
fn files_are_diff_friendly() {
    for Dashboard { name, text, json } in all() {
        // Keys in order, two spaces, a newline at the end.
        let written = serde_json::to_string_pretty(&json).expect("it was JSON");
        assert!(text == written + "\n", "{name} is not formatted");
        for noise in ["id", "version", "iteration", "gnetId"] {
            assert!(
                json.get(noise).is_none(),
                "{name} has {noise}, which changes by itself"
            );
        }
    }
}

#[test]
fn dashboards_open_live_on_the_last_quarter_of_an_hour_and_know_each_other() {
    for Dashboard { name, json, .. } in all() {
        assert_eq!(
            json["schemaVersion"], 37,
            "{name}: Grafana 9.3 knows up to 37"
        );
        assert_eq!(json["refresh"], "5s", "{name}");
        assert_eq!(
            json["time"],
            serde_json::json!({"from": "now-15m", "to": "now"}),
            "{name}"
        );
        let tagged = |value: &Value| {
            list(&value["tags"])
                .iter()
                .any(|tag| tag == "golden-signals")
        };
        assert!(tagged(&json), "{name}");
        let links = list(&json["links"]);
        assert!(
            links
                .iter()
                .any(|link| link["type"] == "dashboards" && tagged(link)),
            "{name} has no way to the others"
        );
        assert!(
            !list(&json["annotations"]["list"]).is_empty(),
            "{name} marks no alerts"
        );
    }
}

#[test]
fn instances_can_be_selected() {
    for Dashboard { name, json, .. } in all() {
        let variables = list(&json["templating"]["list"]);
        let names: Vec<_> = variables
            .iter()
            .map(|variable| text(&variable["name"]))
            .collect();
        let expected: &[_] = match name.as_str() {
            // Alerts are of a job, not of an instance; a training is shown node by node.
            "alerts" | "training" => &["job"],
            // Of a manager what matters is what it reports on.
            "processes" => &["job", "proplet", "task"],
            _ => &["job", "instance"],
        };
        assert_eq!(names, expected, "{name}");
        for variable in variables {
            assert_eq!(variable["type"], "query", "{name}");
            // With every refresh: instances come and go.
            assert_eq!(variable["refresh"], 2, "{name}");
            assert!(!text(&variable["label"]).is_empty(), "{name}");
        }
        let several = variables.last().expect("there is one");
        assert_eq!(several["multi"], true, "{name}");
        assert_eq!(several["includeAll"], true, "{name}");
        assert_eq!(several["allValue"], ".*", "{name}");
    }
}

#[test]
fn only_the_provisioned_data_source_is_named() {
    fn check(value: &Value, place: &str) {
        match value {
            Value::Object(fields) => {
                if let Some(source) = fields.get("datasource") {
                    let prometheus = serde_json::json!({"type": "prometheus", "uid": "prometheus"});
                    assert_eq!(*source, prometheus, "{place}");
                }
                fields.values().for_each(|child| check(child, place));
            }
            Value::Array(children) => children.iter().for_each(|child| check(child, place)),
            _ => {}
        }
    }
    for dashboard in all() {
        check(&dashboard.json, &dashboard.name);
        let targets = data_panels(&dashboard).flat_map(|panel| list(&panel["targets"]));
        for source in data_panels(&dashboard).chain(targets) {
            assert!(
                source.get("datasource").is_some(),
                "{}: {source}",
                dashboard.name
            );
        }
    }
}

#[test]
fn links_between_dashboards_arrive() {
    let mut followed = 0;
    for dashboard in all() {
        for (at, _) in dashboard.text.match_indices("/d/") {
            let uid: String = dashboard.text[at + 3..]
                .chars()
                .take_while(|character| character.is_ascii_alphanumeric() || *character == '-')
                .collect();
            assert!(UIDS.contains(&uid.as_str()), "{}: {uid}", dashboard.name);
            followed += 1;
        }
    }
    assert!(followed > 0);
}

#[test]
fn no_dashboard_reveals_a_hidden_distribution() {
    fn read(value: &Value, words: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, child) in fields {
                    let shown = [
                        "title",
                        "description",
                        "content",
                        "legendFormat",
                        "expr",
                        "tooltip",
                    ];
                    if let (true, Some(text)) = (shown.contains(&key.as_str()), child.as_str()) {
                        let split = text.split(|character: char| !character.is_alphanumeric());
                        words.extend(split.map(str::to_lowercase));
                    }
                    read(child, words);
                }
            }
            Value::Array(children) => children.iter().for_each(|child| read(child, words)),
            _ => {}
        }
    }
    for dashboard in all() {
        let mut words = Vec::new();
        read(&dashboard.json, &mut words);
        for family in FAMILIES {
            assert!(
                !words.iter().any(|word| word == family),
                "{}: {family}",
                dashboard.name
            );
        }
    }
}
