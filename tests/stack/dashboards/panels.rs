//! Every panel can be read and has its own place, and its queries ask for what the
//! dashboard selects.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dashboard::{Dashboard, all, list, text};

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

pub(crate) fn data_panels(dashboard: &Dashboard) -> impl Iterator<Item = &Value> {
    dashboard
        .panels()
        .iter()
        .filter(|panel| !["row", "text"].contains(&text(&panel["type"])))
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
    // 99 % of /random within 0.5 s, 99.5 % without server error, and the burn rate of ErrorBudgetBurnsFast.
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
