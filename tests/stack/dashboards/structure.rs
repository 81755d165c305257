//! What every dashboard owes its readers and its reviewers, and what Grafana 9.3
//! could not understand.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dashboard::{Dashboard, all, list, text};

/// The dashboards, by their uids, which are their files' names.
const UIDS: [&str; 7] = [
    "alerts",
    "distributions",
    "golden-signals",
    "process",
    "processes",
    "training",
    "your-turn",
];

/// What Grafana 9.3 has and every newer one still has.
const PANEL_TYPES: [&str; 12] = [
    "alertlist",
    "barchart",
    "bargauge",
    "gauge",
    "heatmap",
    "histogram",
    "row",
    "stat",
    "state-timeline",
    "table",
    "text",
    "timeseries",
];

/// What an override may set. The model does not know these names, so they are listed.
const OVERRIDES: [&str; 7] = [
    "color",
    "custom.displayMode",
    "custom.lineStyle",
    "decimals",
    "mappings",
    "thresholds",
    "unit",
];

/// The families that the service can draw from: naming one could give a secret away.
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

fn data_panels(dashboard: &Dashboard) -> impl Iterator<Item = &Value> {
    dashboard
        .panels()
        .iter()
        .filter(|panel| !["row", "text"].contains(&text(&panel["type"])))
}

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
            // Of a manager what matters is what it tells of.
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
fn every_panel_can_be_read() {
    for dashboard in all() {
        for panel in data_panels(&dashboard) {
            let place = format!("{}: {}", dashboard.name, text(&panel["title"]));
            let kind = text(&panel["type"]);
            assert!(!text(&panel["title"]).is_empty(), "{place}: no title");
            assert!(
                text(&panel["description"]).len() > 60,
                "{place}: says too little"
            );
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(&defaults["unit"]).is_empty(), "{place}: no unit");
            if kind == "heatmap" {
                assert!(
                    !text(&panel["options"]["yAxis"]["unit"]).is_empty(),
                    "{place}: no unit"
                );
            }
            for target in list(&panel["targets"]) {
                // A table has columns instead, named by its transformation.
                let readable = kind == "table" || !text(&target["legendFormat"]).is_empty();
                assert!(readable, "{place}: no legend");
            }
        }
        for panel in dashboard.panels() {
            let place = format!("{}: {}", dashboard.name, text(&panel["title"]));
            assert!(PANEL_TYPES.contains(&text(&panel["type"])), "{place}");
            for property in list(&panel["fieldConfig"]["overrides"])
                .iter()
                .flat_map(|over| list(&over["properties"]))
            {
                assert!(
                    OVERRIDES.contains(&text(&property["id"])),
                    "{place}: {property}"
                );
            }
        }
    }
}

/// Two trainings on top of each other would be the sum of both: each has a graph of its own.
#[test]
fn what_is_stacked_is_of_one_training() {
    let dashboards = all();
    let training = dashboards.iter().find(|it| it.name == "training");
    let panels = training.expect("it is there").panels().iter();
    let stacked: Vec<_> = panels
        .filter(|panel| {
            let stacking = &panel["fieldConfig"]["defaults"]["custom"]["stacking"];
            stacking["mode"] == "normal"
        })
        .collect();
    assert!(!stacked.is_empty());
    for panel in stacked {
        assert_eq!(panel["repeat"], "job", "{}", panel["title"]);
        assert!(text(&panel["title"]).contains("$job"), "{}", panel["title"]);
    }
}

#[test]
fn objectives_have_thresholds() {
    let dashboards = all();
    let threshold = |title: &str| {
        let panels = dashboards.iter().flat_map(Dashboard::panels);
        let mut found = panels.filter(|panel| panel["title"] == title);
        let panel = found.next().unwrap_or_else(|| panic!("no panel {title}"));
        let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"]["steps"]);
        steps.last().and_then(|step| step["value"].as_f64())
    };
    // 99 % of /random within 0.5 s, 99.5 % without server error, and the pager's burn rate.
    for (title, value) in [
        ("Latency, 99th percentile", 0.5),
        ("Latency of /random", 0.5),
        ("Errors", 0.005),
        ("Share of failed requests by route", 0.005),
        ("Burn rate: availability", 14.4),
        ("Burn rate: latency", 14.4),
        // The alert SaturationHigh.
        ("Saturation", 0.9),
        ("Saturation by resource", 0.9),
    ] {
        assert_eq!(threshold(title), Some(value), "{title}");
    }
}

#[test]
fn panels_have_their_own_place_and_number() {
    for dashboard in all() {
        let mut numbers = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in dashboard.panels() {
            let place = format!("{}: {}", dashboard.name, text(&panel["title"]));
            assert!(
                numbers.insert(panel["id"].as_u64().expect("a number")),
                "{place}"
            );
            let side = |side: &str| panel["gridPos"][side].as_u64().expect("a number");
            let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
            assert!(w > 0 && h > 0 && x + w <= 24, "{place} is beside the grid");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{place} lies on another panel");
            }
        }
    }
}

#[test]
fn queries_are_distinct_select_what_is_selected_and_span_enough_scrapes() {
    for dashboard in all() {
        for panel in data_panels(&dashboard) {
            let references: Vec<_> = list(&panel["targets"])
                .iter()
                .map(|target| text(&target["refId"]))
                .collect();
            let distinct: BTreeSet<_> = references.iter().collect();
            assert_eq!(
                references.len(),
                distinct.len(),
                "{}",
                text(&panel["title"])
            );
            assert!(
                !references.is_empty(),
                "{} asks nothing",
                text(&panel["title"])
            );
        }
        for query in dashboard.queries() {
            let place = query.place();
            let expression = query.expression.as_str();
            for range in expression
                .split('[')
                .skip(1)
                .filter_map(|rest| rest.split(']').next())
            {
                assert!(
                    ["$__rate_interval", "$__range"].contains(&range),
                    "{place}: [{range}]"
                );
            }
            for selector in expression
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                // Alertmanager's own metrics are of no job that could be selected.
                if selector.starts_with("integration=") {
                    continue;
                }
                assert!(
                    selector.contains("job"),
                    "{place}: {{{selector}}} is of every job"
                );
            }
            // What rules and other targets than the app say comes every 5 s, not every 2 s.
            let slow = ["ALERTS", "job:", "prometheus_", "alertmanager_"];
            if slow.iter().any(|name| expression.contains(name)) && !query.instant {
                assert!(
                    query.step_s() >= 5,
                    "{place}: a smallest step of 5s is missing"
                );
            }
        }
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
fn no_dashboard_gives_a_hidden_law_away() {
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
