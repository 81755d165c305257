//! The link `rules`: all files of rules are loaded, and every rule evaluates.

use serde_json::Value;

use super::Verdict;
use super::peer::Peer;
use super::prometheus::api;
use super::report::Finding;
use super::windows::{self, Windows};

const PATH: &str = "/api/v1/rules";

/// The files of `prometheus/rules/`. Dashboards draw what the first two record.
pub(super) const FILES: [&str; 7] = [
    "golden_signals.rules.yml",
    "slo.rules.yml",
    "alerts.rules.yml",
    "model.rules.yml",
    "processes.rules.yml",
    "training.rules.yml",
    "persia.rules.yml",
];

/// Always fires: the pager's sign of life.
const WATCHDOG: &str = "Watchdog";

/// How much of what is wrong is shown.
const MAX_SHOWN: usize = 3;

pub(super) async fn are_healthy(prometheus: &Peer) -> Verdict {
    let data = api(prometheus, PATH, &[]).await?;
    let url = prometheus.base().join(PATH, &[]);
    let groups = data["groups"].as_array().map(Vec::as_slice);
    let groups = groups.unwrap_or_default();
    let missing: Vec<_> = FILES
        .into_iter()
        .filter(|file| !groups.iter().any(|group| is_of(group, file)))
        .collect();
    if !missing.is_empty() {
        let observed = format!(
            "{} not loaded; groups that are: {}",
            missing.join(", "),
            names(groups)
        );
        let remedy = "rule_files in prometheus.yml must name them (rules/*.rules.yml), and the directory must be mounted: compare\n\
                      `docker compose exec prometheus ls /etc/prometheus/rules`. Natively start Prometheus with this repository's\n\
                      prometheus/prometheus.yml. `promtool check rules prometheus/rules/*.yml` finds mistakes; then reload.";
        return Err(Finding::broken(observed, remedy).asked(url));
    }
    let rules: Vec<_> = groups
        .iter()
        .flat_map(|group| {
            group["rules"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default()
        })
        .collect();
    let failing: Vec<_> = rules
        .iter()
        .filter(|rule| rule["health"] == "err")
        .collect();
    if !failing.is_empty() {
        let shown: Vec<_> = failing
            .iter()
            .take(MAX_SHOWN)
            .map(|rule| {
                let error = rule["lastError"].as_str().unwrap_or("no reason given");
                format!("{}: {error}", name(rule))
            })
            .collect();
        let observed = format!(
            "{} of {} fail: {}",
            failing.len(),
            rules.len(),
            shown.join("; ")
        );
        let remedy = "Paste the rule's expression into Prometheus' page /graph and mend it there, then in prometheus/rules;\n\
                      `promtool test rules prometheus/tests/*.yml` proves it. Then reload: `docker compose restart prometheus`,\n\
                      or natively POST /-/reload.";
        return Err(Finding::broken(observed, remedy).asked(url));
    }
    let firing: Vec<_> = rules
        .iter()
        .filter(|rule| rule["state"] == "firing" && rule["name"] != WATCHDOG)
        .map(|rule| name(rule))
        .collect();
    let firing = if firing.is_empty() {
        "no alert fires".to_owned()
    } else {
        format!("firing: {}", firing.join(", "))
    };
    let unseen = match windows::compare(prometheus, groups).await? {
        Windows::TooShort(finding) => return Err(finding),
        Windows::Fit { unseen: 0 } => String::new(),
        Windows::Fit { unseen } => format!("; {unseen} metrics that they read have no series now"),
    };
    Ok(Finding::ok(format!(
        "{} evaluate; {firing}{unseen}",
        rules.len()
    )))
}

fn is_of(group: &Value, file: &str) -> bool {
    let path = group["file"].as_str().unwrap_or_default();
    path.rsplit(['/', '\\']).next() == Some(file)
}

fn names(groups: &[Value]) -> String {
    let names: Vec<_> = groups.iter().map(name).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn name(thing: &Value) -> &str {
    thing["name"].as_str().unwrap_or("(without a name)")
}
