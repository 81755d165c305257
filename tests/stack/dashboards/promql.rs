//! What a query names, by Prometheus' own parser (`/api/v1/parse_query`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::dashboard::{list, text};
use crate::support::prometheus::{Prometheus, percent_encoded};

/// The selectors of an expression and the labels it groups or matches by.
#[derive(Default)]
pub(crate) struct Names {
    /// As PromQL: `name{label="value"}`.
    pub(crate) selectors: BTreeSet<String>,
    pub(crate) labels: BTreeSet<String>,
}

/// Parses the expression.
///
/// # Panics
///
/// If Prometheus refuses it.
pub(crate) fn names(prometheus: &Prometheus, expression: &str) -> Names {
    let tree = prometheus.api(&format!(
        "parse_query?query={}",
        percent_encoded(expression)
    ));
    let mut names = Names::default();
    collect(&tree, &mut names);
    assert!(!names.selectors.is_empty(), "{expression} reads nothing");
    names
}

fn collect(node: &Value, names: &mut Names) {
    match node {
        Value::Object(fields) => {
            let kind = text(&node["type"]);
            if matches!(kind, "vectorSelector" | "matrixSelector") {
                names.selectors.insert(selector(node));
            }
            let labels = match kind {
                "aggregation" if node["without"] == false => list(&node["grouping"]),
                "binaryExpr" => list(&node["matching"]["labels"]),
                _ => &[],
            };
            names
                .labels
                .extend(labels.iter().map(|label| text(label).to_owned()));
            fields.values().for_each(|child| collect(child, names));
        }
        Value::Array(children) => children.iter().for_each(|child| collect(child, names)),
        _ => {}
    }
}

fn selector(node: &Value) -> String {
    let matchers: Vec<_> = list(&node["matchers"])
        .iter()
        .filter(|matcher| matcher["name"] != "__name__")
        .map(|matcher| {
            let (name, kind) = (text(&matcher["name"]), text(&matcher["type"]));
            format!("{name}{kind}{}", matcher["value"])
        })
        .collect();
    format!("{}{{{}}}", text(&node["name"]), matchers.join(", "))
}
