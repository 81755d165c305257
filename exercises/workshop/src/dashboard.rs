//! A Grafana dashboard as it is exported: its panels' queries, with the
//! variables filled in. Reads the classic JSON, that of the second schema, and
//! what Grafana's API answers around either.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::answer_file;
use crate::finding::Finding;
use crate::grafana::{Credentials, Grafana};

/// One query of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The panel's title, perhaps empty.
    pub title: String,
    /// Grafana's name of the unit, such as `reqps`, `s`, `percentunit`.
    pub unit: String,
    /// The units that overrides give to some of its fields.
    pub overrides: Vec<String>,
    /// As it is written, with variables.
    pub expr: String,
    /// PromQL without variables; `$job` is `student`.
    pub query: String,
    /// PromQL without variables; `$job` is `app`.
    pub of_app: String,
    /// What looks like a variable and is none.
    pub unknown: Vec<String>,
}

impl Query {
    /// Whether a field of its panel may have one of these units.
    #[must_use]
    pub fn has_unit(&self, units: &[&str]) -> bool {
        let all = std::iter::once(&self.unit).chain(&self.overrides);
        all.into_iter().any(|unit| units.contains(&unit.as_str()))
    }
}

/// Reads the file, or what the file points to: `{"url": "http://…/d/UID/…"}` is
/// a dashboard of the Grafana that runs on this machine.
///
/// # Errors
///
/// `unreadable`, `not-json`, `not-local`, `grafana-silent`.
pub fn read(file: &Path, credentials: &Credentials) -> Result<Vec<Query>, Finding> {
    let text = answer_file::text(file)?;
    let mut dashboard: Value = serde_json::from_str(&text).map_err(|error| {
        Finding::new(
            "not-json",
            format!("The dashboard is not JSON: {error}. Is it all that Grafana exported?"),
        )
    })?;
    if let Some(url) = dashboard["url"].as_str()
        && dashboard["panels"].is_null()
    {
        let grafana = Grafana::at(url, credentials)?;
        let uid = url.split_once("/d/").map_or("", |(_, uid)| uid);
        let uid = uid.split(['/', '?']).next().unwrap_or_default();
        dashboard = grafana.dashboard(uid)?;
    }
    Ok(queries(dashboard))
}

/// The panels' queries, whatever the dashboard is wrapped in.
#[must_use]
pub fn queries(mut dashboard: Value) -> Vec<Query> {
    // The API wraps it.
    for wrapper in ["dashboard", "spec"] {
        if dashboard[wrapper].is_object() {
            dashboard = dashboard[wrapper].take();
        }
    }
    let chosen = ["student", "app"].map(|job| variables(&dashboard, job));
    let mut queries = Vec::new();
    collect(&dashboard, &chosen, &mut queries);
    queries
}

fn collect(within: &Value, chosen: &[BTreeMap<String, String>; 2], queries: &mut Vec<Query>) {
    let [student, app] = chosen;
    let is_panel = within["targets"].is_array() || within["kind"] == "Panel";
    if is_panel {
        let panel = if within["kind"] == "Panel" {
            &within["spec"]
        } else {
            within
        };
        let mut exprs = Vec::new();
        shown(panel, &mut exprs);
        queries.extend(exprs.into_iter().map(|expr| Query {
            title: panel["title"].as_str().unwrap_or_default().to_owned(),
            unit: unit(panel).unwrap_or_default(),
            overrides: overrides(panel),
            expr: expr.to_owned(),
            query: filled_in(expr, student),
            of_app: filled_in(expr, app),
            unknown: unknown(&filled_in(expr, student)),
        }));
    }
    // A row holds panels.
    for inner in inner(within) {
        if !is_panel || inner.is_array() {
            collect(inner, chosen, queries);
        }
    }
}

// The queries that are not hidden, without those of panels further inside.
fn shown<'a>(within: &'a Value, exprs: &mut Vec<&'a str>) {
    if within["hide"] == true || within["hidden"] == true {
        return;
    }
    exprs.extend(
        within["expr"]
            .as_str()
            .filter(|expr| !expr.trim().is_empty()),
    );
    match within {
        Value::Object(fields) => {
            for (_, inner) in fields.iter().filter(|(name, _)| *name != "panels") {
                shown(inner, exprs);
            }
        }
        Value::Array(all) => {
            for one in all {
                shown(one, exprs);
            }
        }
        _ => {}
    }
}

fn unit(panel: &Value) -> Option<String> {
    let defaults = [
        &panel["fieldConfig"]["defaults"]["unit"],
        &panel["vizConfig"]["spec"]["fieldConfig"]["defaults"]["unit"],
    ];
    let unit = defaults.iter().find_map(|unit| unit.as_str());
    unit.map(str::to_owned)
}

// Of `{"matcher": …, "properties": [{"id": "unit", "value": "s"}]}`.
fn overrides(panel: &Value) -> Vec<String> {
    let all = [
        &panel["fieldConfig"]["overrides"],
        &panel["vizConfig"]["spec"]["fieldConfig"]["overrides"],
    ];
    let all = all.into_iter().flat_map(inner);
    let properties = all.flat_map(|one| inner(&one["properties"]));
    properties
        .filter(|property| property["id"] == "unit")
        .filter_map(|property| Some(property["value"].as_str()?.to_owned()))
        .collect()
}

// Names behind a `$` that are still there when the variables are filled in. Grafana's own
// begin with `__`; `$1` is a group of a regular expression.
fn unknown(query: &str) -> Vec<String> {
    let names = query.split('$').skip(1).map(|rest| {
        let rest = rest.trim_start_matches('{');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    });
    names
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .map(|name| format!("${name}"))
        .collect()
}

fn inner(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    }
}

// What each variable stands for while this job is chosen at the top.
fn variables(dashboard: &Value, job: &str) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<_, _> = [
        // Four scrapes, as Grafana takes at least; and a single one.
        ("__rate_interval", "20s"),
        ("__interval", "5s"),
        // An hour is shown, as seldom by less.
        ("__range", "1h"),
        ("__range_s", "3600"),
        ("__range_ms", "3600000"),
        ("__interval_ms", "5000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let classic = inner(&dashboard["templating"]["list"]);
    for variable in classic.into_iter().chain(inner(&dashboard["variables"])) {
        let kind = variable["type"].as_str().or(variable["kind"].as_str());
        let spec = if variable["spec"].is_object() {
            &variable["spec"]
        } else {
            variable
        };
        let Some(name) = spec["name"].as_str() else {
            continue;
        };
        let current = spec["current"]["value"].as_str();
        // Whatever it is called, if it offers the jobs.
        let is_job = name == "job" || spec["query"].to_string().contains(", job)");
        let value = match (name, kind, current) {
            _ if is_job => job,
            (_, Some("query" | "QueryVariable") | None, _) | (.., None | Some("$__all")) => ".*",
            (.., Some(current)) => current,
        };
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables.entry("job".to_owned()).or_insert(job.to_owned());
    variables
}

fn filled_in(expr: &str, variables: &BTreeMap<String, String>) -> String {
    let mut text = expr.to_owned();
    // The longer names first: `$job_name` is not `$job` and `_name`.
    let mut names: Vec<_> = variables.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    for (name, value) in names {
        for form in ["", ":regex", ":pipe", ":raw"] {
            text = text.replace(&format!("${{{name}{form}}}"), value);
        }
        text = text.replace(&format!("[[{name}]]"), value);
        text = text.replace(&format!("${name}"), value);
    }
    text
}
