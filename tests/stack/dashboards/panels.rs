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

/// The line around an area without height would lie upon the one below it: a calm graph of
/// requests by status had a red outline.
#[test]
fn what_is_stacked_has_no_outline() {
    let mut checked = 0;
    for dashboard in all() {
        for panel in data_panels(&dashboard) {
            let custom = &panel["fieldConfig"]["defaults"]["custom"];
            if custom["stacking"]["mode"] == "normal" {
                assert_eq!(custom["lineWidth"], 0, "{}", panel["title"]);
                assert!(custom["fillOpacity"].as_u64() >= Some(50), "{custom}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 3, "only {checked}");
}

/// Grafana writes what it says instead of a number in the colour of the smallest number, which
/// is green where small is good.
#[test]
fn a_number_that_is_not_there_has_no_numbers_colour() {
    for dashboard in all() {
        for panel in data_panels(&dashboard).filter(|panel| panel["type"] == "stat") {
            let place = format!("{}: {}", dashboard.name, text(&panel["title"]));
            let defaults = &panel["fieldConfig"]["defaults"];
            assert_eq!(defaults["noValue"], "no data", "{place}");
            let mappings = list(&defaults["mappings"]);
            let nothing = mappings
                .iter()
                .find(|mapping| mapping["options"]["match"] == "null")
                .unwrap_or_else(|| panic!("{place}: nothing looks like a number"));
            assert_eq!(nothing["type"], "special", "{place}");
            let shown = &nothing["options"]["result"];
            assert_eq!(shown["text"], "no data", "{place}");
            let steps = list(&defaults["thresholds"]["steps"]);
            assert!(
                steps.iter().all(|step| step["color"] != shown["color"]),
                "{place}: {shown}"
            );
        }
    }
}

/// Watchdog, of level 0, always fires: a calm stack shows no alert.
#[test]
fn the_watchdog_is_no_alert_to_look_at() {
    let mut seen = 0;
    for query in all().iter().flat_map(Dashboard::queries) {
        for selector in query.expression.split("ALERTS{").skip(1) {
            let (selector, _) = selector.split_once('}').expect("it ends");
            let excluded = selector.contains("level") || selector.contains(r#""pending""#);
            assert!(excluded, "{}: {selector}", query.place());
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen}");
}

/// Coloured numbers, the alert that their colour stands for, and what its rule compares
/// with. A colour that changes without one would cry wolf.
const COLOURED: [(&str, f64, &str, &str); 16] = [
    ("Latency, 99th percentile", 1.0, "LatencyTailLong", "> 1\n"),
    ("Errors", 0.05, "ErrorRatioHigh", "> 0.05\n"),
    ("Saturation", 0.9, "SaturationHigh", "> 0.9\n"),
    ("File descriptors used", 0.9, "SaturationHigh", "> 0.9\n"),
    ("Instances up", 1.0, "ServiceDown", "== 0\n"),
    ("Targets down", 1.0, "TargetDown", "up == 0 "),
    ("Failed rule evaluations", 1.0, "RulesFail", "> 0\n"),
    ("Silent nodes", 1.0, "TrainingNodeSilent", "> 30\n"),
    (
        "Shift beyond chance",
        0.1,
        "ResponsesShifted",
        "ks5m > job:prediction_score:ks_floor5m + 0.1\n",
    ),
    ("Largest decile", 0.9, "ModelAnswersAlike", "> 0.9\n"),
    ("By the rules", 0.05, "ModelFallback", "> 0.05\n"),
    ("Feature missing", 0.01, "FeatureMissing", "> 0.01\n"),
    ("Out of range", 0.05, "FeatureOutOfRange", "> 0.05\n"),
    ("Failed predictions", 0.05, "PredictFails", "> 0.05\n"),
    // Overdrawn: then it was used up faster than allowed.
    (
        "Error budget left: availability",
        0.0,
        "ErrorBudgetBurnsSlowly",
        "> 1\n",
    ),
    (
        "Error budget left: latency",
        0.0,
        "ErrorBudgetBurnsSlowly",
        "> 1\n",
    ),
];

#[test]
fn a_number_changes_its_colour_where_an_alert_would_fire() {
    let rules = ["alerts", "model", "training"].map(|file| {
        let path = super::dashboard::provisioning().join("../../prometheus/rules");
        std::fs::read_to_string(path.join(format!("{file}.rules.yml"))).unwrap()
    });
    let mut coloured = BTreeSet::new();
    for dashboard in all() {
        for panel in data_panels(&dashboard).filter(|panel| panel["type"] == "stat") {
            let title = text(&panel["title"]);
            let steps = list(&panel["fieldConfig"]["defaults"]["thresholds"]["steps"]);
            // The number of alerts speaks for itself.
            let of_alerts = text(&panel["targets"][0]["expr"]).contains("ALERTS");
            if steps.len() < 2 || of_alerts {
                continue;
            }
            let known = COLOURED.iter().find(|known| known.0 == title);
            let (_, value, alert, compares) =
                known.unwrap_or_else(|| panic!("{title} changes its colour for no alert"));
            assert_eq!(steps.len(), 2, "{title}");
            assert_eq!(steps[1]["value"].as_f64(), Some(*value), "{title}");
            let rules = rules.concat();
            let (_, rule) = rules
                .split_once(&format!("- alert: {alert}\n"))
                .expect("it exists");
            let (rule, _) = rule.split_once("- alert: ").unwrap_or((rule, ""));
            assert!(
                rule.contains(compares),
                "{title}: {alert} has other thresholds"
            );
            coloured.insert(title.to_owned());
        }
    }
    assert_eq!(coloured.len(), COLOURED.len(), "{coloured:?}");
}

/// A number is of now: asked for at one moment, over the alerts' window or the whole range.
/// The last point of a range is what it was when somebody answered last, and a window of
/// two or three scrapes flickers.
#[test]
fn numbers_are_of_now_and_of_the_alerts_window() {
    let mut checked = 0;
    for dashboard in all() {
        for panel in data_panels(&dashboard) {
            let place = format!("{}: {}", dashboard.name, text(&panel["title"]));
            let is_number = panel["type"] == "stat";
            for target in list(&panel["targets"]) {
                let expression = text(&target["expr"]);
                if is_number {
                    assert!(
                        target["instant"] == true && target["range"] == false,
                        "{place}: the last of a range"
                    );
                    for window in ["$__rate_interval", "$__interval"] {
                        assert!(!expression.contains(window), "{place}: over {window}");
                    }
                    checked += 1;
                }
                // As a range it would be a ramp: each point the mean of another time.
                let means_the_range =
                    expression.contains("[$__range]") && !expression.contains(" and on (");
                assert!(
                    !means_the_range || target["instant"] == true,
                    "{place}: $__range over and over"
                );
                // What was pushed stays at the gateway: the push's time says whether it is of now.
                if is_number && dashboard.name == "training" {
                    assert!(expression.contains("push_time_seconds"), "{place}");
                }
            }
        }
    }
    assert!(checked >= 25, "only {checked}");
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
        ("Latency of /random", 0.5),
        ("Share of failed requests by route", 0.005),
        ("Burn rate: availability", 14.4),
        ("Burn rate: latency", 14.4),
        // The alert SaturationHigh.
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
                // The alerts' window, and one that holds two samples of the slowest task.
                assert!(
                    ["$__rate_interval", "$__range", "1m", "2m", "5m"].contains(&range),
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
