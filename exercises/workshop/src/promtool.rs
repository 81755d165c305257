//! Prometheus' own tools, found and used offline: what a query returns over
//! series that are written down.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::exposition;
use crate::finding::Finding;
use crate::scratch::Scratch;

/// The programs that exercises use, and for what.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("promtool", "exercises 6 to 8 and 20 to 22 need it"),
    ("prometheus", "exercise 5 needs it, 6, 8, 10 and 22 use it"),
];

/// Programs that are good to have, and for what.
pub const CONVENIENT: &[(&str, &str)] = &[
    ("hey", "exercise 13 shows it"),
    (
        "mosquitto_sub",
        "exercise 16 reads what a proplet says with it",
    ),
    ("docker", "the stack with Grafana needs it"),
];

/// What to do about a missing one.
pub const REMEDY: &str = "It comes with Prometheus 3: https://prometheus.io/download/ \
     (put it on the PATH, or into .ci/peers/bin).";

/// Series that are written down, and the moment at which they are looked at.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What happens in it, as "over series in which …".
    pub name: &'static str,
    /// Name with labels, and values as promtool writes them: one every 5 s.
    pub series: Vec<(String, String)>,
    /// Seconds from the first value.
    pub at: u32,
}

/// One series of what a query returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    /// With `__name__`, if it has one.
    pub labels: BTreeMap<String, String>,
    /// May be NaN or infinite.
    pub value: f64,
}

/// What a query returns, or what Prometheus has against it.
pub type Outcome = Result<Vec<Returned>, String>;

/// Why nothing could be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum PromtoolError {
    /// There is no promtool.
    #[error("promtool is not installed. {REMEDY}")]
    Missing,
    /// It could not be run, or wrote what nobody expects.
    #[error("promtool could not be asked: {0}")]
    Failed(String),
}

impl From<PromtoolError> for Finding {
    fn from(error: PromtoolError) -> Self {
        let id = match error {
            PromtoolError::Missing => "not-installed",
            PromtoolError::Failed(_) => "promtool-failed",
        };
        Self::new(id, error.to_string())
    }
}

/// As [`evaluate_every`], every 5 s.
///
/// # Errors
///
/// As [`evaluate_every`].
pub fn evaluate(
    rules: Option<&Path>,
    scenes: &[Scene],
    queries: &[String],
) -> Result<Vec<Vec<Outcome>>, PromtoolError> {
    evaluate_every(rules, scenes, queries, 5)
}

/// What each query returns in each scene: for each scene, the queries in order.
/// The rules of the file, if there is one, are evaluated every `interval` seconds.
///
/// promtool compares what a query returns with what is expected, and shows both
/// if they differ. It is told to expect what no query returns.
///
/// # Errors
///
/// If promtool is missing or fails otherwise than by finding differences.
pub fn evaluate_every(
    rules: Option<&Path>,
    scenes: &[Scene],
    queries: &[String],
    interval: u32,
) -> Result<Vec<Vec<Outcome>>, PromtoolError> {
    let tests = scenes.iter().map(|scene| {
        let asked: Vec<_> = queries
            .iter()
            .map(|query| {
                json!({
                    "expr": query,
                    "eval_time": format!("{}s", scene.at),
                    "exp_samples": [{ "labels": "{never=\"returned\"}", "value": 1 }],
                })
            })
            .collect();
        unit(scene, "promql_expr_test", &json!(asked))
    });
    let said = test(rules, &tests.collect::<Vec<_>>(), interval)?;
    let outcomes = outcomes(&said);
    if outcomes.len() != scenes.len() * queries.len() {
        return Err(PromtoolError::Failed(said));
    }
    Ok(outcomes
        .chunks(queries.len())
        .map(<[Outcome]>::to_vec)
        .collect())
}

/// What the alert tells whoever is called, if it fires in the scene: its
/// annotations as promtool writes them, such as `{summary="…"}`.
///
/// # Errors
///
/// As [`evaluate`].
pub fn annotations(
    rules: &Path,
    scene: &Scene,
    alert: &str,
) -> Result<Option<String>, PromtoolError> {
    let asked =
        json!([{ "eval_time": format!("{}s", scene.at), "alertname": alert, "exp_alerts": [] }]);
    let said = test(Some(rules), &[unit(scene, "alert_rule_test", &asked)], 5)?;
    let annotations = said.split_once("Annotations:").map(|(_, rest)| rest);
    Ok(annotations.map(|rest| rest.lines().next().unwrap_or_default().to_owned()))
}

fn unit(scene: &Scene, kind: &str, asked: &Value) -> Value {
    let series: Vec<_> = scene
        .series
        .iter()
        .map(|(name, values)| json!({ "series": name, "values": values }))
        .collect();
    json!({ "interval": "5s", "input_series": series, kind: asked })
}

// Runs promtool and returns what it said.
fn test(rules: Option<&Path>, tests: &[Value], interval: u32) -> Result<String, PromtoolError> {
    let failed = |error: io::Error| PromtoolError::Failed(error.to_string());
    let promtool = peers::find("promtool").ok_or(PromtoolError::Missing)?;
    let folder = Scratch::new().map_err(failed)?;
    // Beside the unit, so that messages name the file and nothing else.
    if let Some(rules) = rules {
        fs::copy(rules, folder.path().join("rules.yml")).map_err(failed)?;
    }
    let files: &[&str] = if rules.is_some() { &["rules.yml"] } else { &[] };
    let unit = json!({ "rule_files": files, "evaluation_interval": format!("{interval}s"), "tests": tests });
    // JSON is YAML.
    fs::write(folder.path().join("unit.yml"), unit.to_string()).map_err(failed)?;
    let output = Command::new(promtool)
        .args(["test", "rules", "unit.yml"])
        .current_dir(folder.path())
        .output()
        .map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ok(said.trim().to_owned())
}

// From lines such as
//     expr: "x", time: 1m30s,
//         exp: {never="returned"} 1E+00
//         got: {__name__="x", a="1"} 9E+01, {__name__="x", a="2"} 1.26E+02
// or   expr: "sum(x", time: 1m30s, err: 1:6: parse error: …
fn outcomes(said: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for line in said.lines().map(str::trim_start) {
        if let Some((_, error)) = line
            .strip_prefix("expr: ")
            .and_then(|rest| rest.rsplit_once(", err: "))
        {
            outcomes.push(Err(error.to_owned()));
        } else if let Some(got) = line.strip_prefix("got: ") {
            outcomes.push(Ok(returned(got)));
        }
    }
    outcomes
}

fn returned(mut got: &str) -> Vec<Returned> {
    let mut all = Vec::new();
    while let Some((labels, rest)) = exposition::labels(got).filter(|(_, rest)| *rest != got) {
        let (value, next) = rest.trim_start().split_once(", ").unwrap_or((rest, ""));
        let Ok(value) = value.trim().parse() else {
            break;
        };
        all.push(Returned { labels, value });
        got = next;
    }
    all
}
