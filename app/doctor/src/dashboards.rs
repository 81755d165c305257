//! The link `dashboards`: the workshop's dashboards exist, in Grafana or in a
//! directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use http::StatusCode;
use serde_json::Value;

use super::report::Finding;
use super::{Context, Doctor, Verdict};

/// Their uids, which are also the names of their files.
pub(super) const UIDS: [&str; 8] = [
    "golden-signals",
    "distributions",
    "model",
    "process",
    "processes",
    "training",
    "alerts",
    "your-turn",
];

/// A larger file is no dashboard of ours.
const MAX_BYTES: u64 = 8 << 20;

/// A dashboard in the classic schema.
pub(super) struct Dashboard {
    pub(super) uid: String,
    pub(super) model: Value,
}

pub(super) async fn are_present(doctor: &Doctor, context: &mut Context) -> Verdict {
    let mut found = match doctor.options.without_grafana() {
        Some(directory) => in_directory(directory)?,
        None => in_grafana(doctor).await?,
    };
    let mut missing = Vec::new();
    for uid in UIDS {
        match found.remove(uid) {
            Some(model) => context.dashboards.push(Dashboard {
                uid: uid.to_owned(),
                model,
            }),
            None => missing.push(uid),
        }
    }
    if missing.is_empty() {
        return Ok(Finding::ok(UIDS.join(", ")));
    }
    let present: Vec<_> = context
        .dashboards
        .iter()
        .map(|found| found.uid.as_str())
        .collect();
    let present = if present.is_empty() {
        "none of the others either".to_owned()
    } else {
        format!("present: {}", present.join(", "))
    };
    let observed = format!("missing: {}; {present}", missing.join(", "));
    let remedy = "They are provisioned from grafana/provisioning/dashboards: its YAML must name the directory with the JSON files, and both must\n\
                  be readable for Grafana (in compose mounted at /etc/grafana/provisioning; natively GF_PATHS_PROVISIONING).\n\
                  `docker compose logs grafana | grep -i provision` names a file that it cannot read; then `docker compose restart grafana`.";
    Err(Finding::broken(observed, remedy))
}

async fn in_grafana(doctor: &Doctor) -> Result<BTreeMap<String, Value>, Finding> {
    let mut found = BTreeMap::new();
    for uid in UIDS {
        let path = format!("/api/dashboards/uid/{uid}");
        let answer = doctor.grafana.get(&path, &[]).await?;
        // Grafana answers 403 too for what it does not let a viewer know of.
        if answer.status == StatusCode::NOT_FOUND {
            continue;
        }
        let mut json = doctor.grafana.json(&answer)?;
        found.insert(uid.to_owned(), json["dashboard"].take());
    }
    Ok(found)
}

/// By the uid that each file states, whatever its name.
fn in_directory(directory: &Path) -> Result<BTreeMap<String, Value>, Finding> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        let observed = format!("{}: {error}", path.display());
        Finding::broken(
            observed,
            "--dashboards must be a directory of dashboards (JSON) that can be read, like grafana/provisioning/dashboards.",
        )
    };
    let entries = fs::read_dir(directory).map_err(|error| unreadable(directory, &error))?;
    let mut found = BTreeMap::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if !file.is_file() || file.len() > MAX_BYTES {
            return Err(unreadable(&path, &"no file, or too large"));
        }
        let text = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
        let model: Value =
            serde_json::from_slice(&text).map_err(|error| unreadable(&path, &error))?;
        if let Some(uid) = model["uid"].as_str() {
            found.insert(uid.to_owned(), model);
        }
    }
    Ok(found)
}
