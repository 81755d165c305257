//! The dashboards' files as their tests see them: panels, and queries with
//! Grafana's variables filled in as Grafana would. Nothing is judged here.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The scrape interval that the data source states (`timeInterval`).
const SCRAPE_INTERVAL_S: u64 = 2;

/// What the dashboards open with, and what `$__range` then is.
const RANGE_S: u64 = 15 * 60;

/// A dashboard and where it is.
pub(crate) struct Dashboard {
    /// The file's name without `.json`.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// Where Grafana's provisioning is.
pub(crate) fn provisioning() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/provisioning")
}

/// All dashboards, by name.
pub(crate) fn all() -> Vec<Dashboard> {
    let directory = provisioning().join("dashboards");
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .expect("the directory is in the repository")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).expect("it can be read");
            let json = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().expect("it ends in .json");
            let name = name.to_string_lossy().into_owned();
            Dashboard { name, text, json }
        })
        .collect()
}

/// The elements of an array; none, if it is absent.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A string; empty, if it is absent.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the lists on top of a dashboard are set to.
pub(crate) struct Selection<'a> {
    pub(crate) job: &'a str,
    /// `None` is All.
    pub(crate) instance: Option<&'a str>,
}

/// A query of a panel or an annotation.
pub(crate) struct Query {
    pub(crate) dashboard: String,
    pub(crate) panel: String,
    pub(crate) reference: String,
    pub(crate) expression: String,
    pub(crate) legend: String,
    pub(crate) exemplar: bool,
    /// A single moment instead of a range of time.
    pub(crate) instant: bool,
    interval_s: Option<u64>,
    // A list of which several can be chosen is interpolated differently.
    several_jobs: bool,
}

impl Dashboard {
    /// All panels, the rows among them.
    pub(crate) fn panels(&self) -> &[Value] {
        list(&self.json["panels"])
    }

    /// All queries of panels, then those of annotations.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let several_jobs = list(&self.json["templating"]["list"])
            .iter()
            .any(|variable| variable["name"] == "job" && variable["multi"] == true);
        let query = |panel: &Value, target: &Value, reference: &str| Query {
            dashboard: self.name.clone(),
            panel: text(&panel["title"]).to_owned(),
            reference: reference.to_owned(),
            expression: text(&target["expr"]).to_owned(),
            legend: text(&target["legendFormat"]).to_owned(),
            exemplar: target["exemplar"] == true,
            instant: target["instant"] == true,
            interval_s: target["interval"].as_str().map(seconds),
            several_jobs,
        };
        let of_panels = self.panels().iter().flat_map(|panel| {
            let targets = list(&panel["targets"]).iter();
            targets.map(move |target| query(panel, target, text(&target["refId"])))
        });
        let of_annotations = list(&self.json["annotations"]["list"])
            .iter()
            .map(|annotation| Query {
                panel: format!("annotation {}", text(&annotation["name"])),
                interval_s: annotation["step"].as_str().map(seconds),
                ..query(annotation, annotation, "")
            });
        of_panels.chain(of_annotations).collect()
    }
}

impl Query {
    /// Which it is, for messages.
    pub(crate) fn place(&self) -> String {
        let Self {
            dashboard,
            panel,
            reference,
            ..
        } = self;
        format!("{dashboard}: {panel} {reference}")
    }

    /// Seconds from one point of a graph to the next, on a screen wide enough for the
    /// smallest step.
    pub(crate) fn step_s(&self) -> u64 {
        self.interval_s.unwrap_or(SCRAPE_INTERVAL_S)
    }

    /// The expression that Prometheus is asked for.
    ///
    /// `$__rate_interval` is the step and a scrape, but four scrapes at least, where a
    /// query's own smallest step stands for the scrape interval
    /// (<https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/>).
    pub(crate) fn filled(&self, selection: &Selection<'_>) -> String {
        let step = self.step_s();
        let rate_interval = (step + step).max(4 * step);
        let job = match selection.job {
            ".*" => ".*".to_owned(),
            job if self.several_jobs => chosen(job),
            job => job.to_owned(),
        };
        // All is sent as the variable's own `allValue`.
        let instance = selection.instance.map_or_else(|| ".*".to_owned(), chosen);
        self.expression
            .replace("$__rate_interval", &format!("{rate_interval}s"))
            .replace("$__range", &format!("{RANGE_S}s"))
            .replace("$__interval", &format!("{step}s"))
            .replace("$job", &job)
            .replace("$instance", &instance)
            // Of proplets and tasks always all.
            .replace("$proplet", ".*")
            .replace("$task", ".*")
    }
}

fn seconds(interval: &str) -> u64 {
    let number = interval
        .strip_suffix('s')
        .expect("intervals are in seconds");
    number.parse().expect("a whole number of seconds")
}

// A value of a list of which several can be chosen stands in a regular expression
// within a string: what means something there is escaped for both.
fn chosen(value: &str) -> String {
    let mut escaped = String::new();
    for character in value.chars() {
        if r"\^$*+?.()|[]{}".contains(character) {
            escaped += r"\\";
        }
        escaped.push(character);
    }
    escaped
}
