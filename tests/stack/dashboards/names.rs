//! Whether what a query names exists: every metric or rule, every label.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answers::placeholders;
use super::dashboard::{Query, list, text};
use super::promql;
use crate::support::prometheus::{Prometheus, percent_encoded};

/// The labels of alerts that Prometheus adds, not a rule.
const ALERT_LABELS: [&str; 2] = ["alertname", "alertstate"];

/// Every metric or rule, and every label that is matched, grouped by or shown.
pub(crate) fn names_only_what_exists(prometheus: &Prometheus, query: &Query, expression: &str) {
    let place = query.place();
    let names = promql::names(prometheus, expression);
    let rules = prometheus.api("rules?type=alert");
    let mut labels: BTreeSet<String> = BTreeSet::new();
    for selector in &names.selectors {
        let (name, matchers) = selector.split_once('{').expect("it has matchers, if none");
        if name == "ALERTS" {
            let groups = list(&rules["groups"]).iter();
            let alerts = groups.flat_map(|group| list(&group["rules"]));
            for alert in alerts {
                labels.extend(keys(&alert["labels"]));
            }
            labels.extend(ALERT_LABELS.map(str::to_owned));
            labels.extend(["job", "instance", "role", "slo"].map(str::to_owned));
        } else {
            let found = prometheus.api(&format!("labels?match[]={}", percent_encoded(name)));
            let found: Vec<_> = list(&found)
                .iter()
                .map(|label| text(label).to_owned())
                .collect();
            assert!(!found.is_empty(), "{place}: there is no {name}");
            labels.extend(found);
        }
        for matcher in matchers
            .trim_end_matches('}')
            .split(", ")
            .filter(|text| !text.is_empty())
        {
            let label: String = matcher
                .chars()
                .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
                .collect();
            assert!(
                labels.contains(&label),
                "{place}: {selector} has no label {label}"
            );
        }
    }
    for label in names.labels.iter().chain(&placeholders(&query.legend)) {
        assert!(
            labels.contains(label),
            "{place}: nothing has a label {label}"
        );
    }
}

fn keys(object: &Value) -> impl Iterator<Item = String> + '_ {
    object
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys().cloned())
}
