//! What a panel asks Prometheus.

use serde_json::{Value, json};

/// The data source, by the uid with which it is provisioned.
pub(crate) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "prometheus"})
}

/// Which series a query is of: what is chosen in the lists on top, and more.
pub(crate) const SELECTED: &str = r#"{job="$job", instance=~"$instance"}"#;
pub(crate) const SUCCESS: &str = r#"{job="$job", instance=~"$instance", outcome="success"}"#;
pub(crate) const FAILED: &str = r#"{job="$job", instance=~"$instance", status=~"5.."}"#;
pub(crate) const RANDOM: &str = r#"{job="$job", instance=~"$instance", route="/random"}"#;
pub(crate) const RANDOM_SUCCESS: &str =
    r#"{job="$job", instance=~"$instance", route="/random", outcome="success"}"#;
pub(crate) const RANDOM_FAILED: &str =
    r#"{job="$job", instance=~"$instance", route="/random", status=~"5.."}"#;

/// Of the whole job, whatever instances are chosen.
pub(crate) const JOB: &str = r#"{job="$job"}"#;
/// Where several jobs can be chosen.
pub(crate) const JOBS: &str = r#"{job=~"$job"}"#;

pub(crate) const PROPLETS: &str = r#"{job="$job", proplet=~"$proplet"}"#;
pub(crate) const TASKS: &str = r#"{job="$job", proplet=~"$proplet", task=~"$task"}"#;

/// In which shape Grafana wants the answer.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    TimeSeries,
    Table,
    /// The buckets of a histogram, each less the one below.
    Heatmap,
}

/// A query and how what it returns is called.
pub(crate) struct Query {
    pub(crate) expression: String,
    pub(crate) legend: String,
    pub(crate) exemplars: bool,
    pub(crate) format: Format,
}

impl Query {
    /// `number`: which of its panel's it is; `instant`: of now, not of a range; `step_s`: the
    /// smallest, in seconds.
    pub(crate) fn json(&self, number: u8, instant: bool, step_s: Option<u64>) -> Value {
        let format = match self.format {
            Format::TimeSeries => "time_series",
            Format::Table => "table",
            Format::Heatmap => "heatmap",
        };
        let mut target = json!({
            "datasource": data_source(),
            "editorMode": "code",
            "exemplar": self.exemplars,
            "expr": self.expression,
            "format": format,
            "instant": instant,
            "legendFormat": self.legend,
            "range": !instant,
            "refId": char::from(b'A' + number).to_string(),
        });
        if let Some(step_s) = step_s {
            target["interval"] = json!(format!("{step_s}s"));
        }
        target
    }
}
