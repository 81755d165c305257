//! Grafana's own published model of dashboards, panels and queries, the foundation
//! SDK, in its oldest and its newest edition: what it does not know, or would read
//! differently, Grafana would ignore.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dashboard::{all, provisioning};
use crate::support::peers;

/// Fields that an edition lacks although Grafana has them.
///
/// Of an annotation the oldest knows only what is common to all data sources; these
/// are the Prometheus data source's own, which 9.3 reads
/// (<https://grafana.com/docs/grafana/v9.3/dashboards/build-dashboards/annotate-visualizations/>)
/// and the newest edition knows.
const EDITIONS: [(&str, &[&str]); 2] = [
    ("10.1.0", &["step", "tagKeys", "textFormat", "titleFormat"]),
    ("0.0.21", &[]),
];

/// An edition of the SDK, as `.ci/install-peers` installs it.
fn edition(version: &str) -> Option<PathBuf> {
    let there = peers::directory().join("grafana-models").join(version);
    if there.is_dir() {
        return Some(there);
    }
    // Names the remedy where it is missing, and fails in CI.
    peers::require(&format!("Grafana's foundation SDK {version}"))
}

fn losses(sdk: &Path, dashboards: &[PathBuf]) -> Option<Vec<String>> {
    let python = peers::require_python(&["json"])?;
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/dashboards/model.py"))
        .arg(sdk)
        .args(dashboards)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python was found");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", sdk.display());
    let losses = String::from_utf8_lossy(&output.stdout);
    Some(losses.lines().map(str::to_owned).collect())
}

#[test]
fn grafanas_model_knows_every_field() {
    let directory = provisioning().join("dashboards");
    let files: Vec<_> = all()
        .iter()
        .map(|dashboard| directory.join(format!("{}.json", dashboard.name)))
        .collect();
    for (version, unknown_annotations) in EDITIONS {
        let Some(losses) = edition(version).and_then(|sdk| losses(&sdk, &files)) else {
            return;
        };
        let expected = |loss: &String| {
            unknown_annotations
                .iter()
                .any(|field| *loss == format!(".annotations.list[0].{field} is not known"))
        };
        let lost: Vec<_> = losses.into_iter().filter(|loss| !expected(loss)).collect();
        assert!(lost.is_empty(), "{version}:\n{}", lost.join("\n"));
    }
}

#[test]
fn what_grafana_would_ignore_is_found() {
    let dashboards = all();
    let golden = dashboards
        .iter()
        .find(|dashboard| dashboard.name == "golden-signals");
    let golden = &golden.expect("it is there").json;
    let stat = golden["panels"].as_array().expect("panels").iter();
    let stat = stat
        .clone()
        .position(|panel| panel["type"] == "stat")
        .expect("there is one");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = directory.join(format!("mistaken-{}.json", std::process::id()));
    // One mistake each: in a panel, its options, its field's settings and its query.
    for (part, mistake) in [
        (vec![], "titel"),
        (vec!["options"], "colourMode"),
        (vec!["fieldConfig", "defaults"], "units"),
        (vec!["targets", "0"], "expression"),
    ] {
        let mut mistaken = golden.clone();
        let pointer: String = part.iter().map(|step| format!("/{step}")).collect();
        let panel = &mut mistaken["panels"][stat];
        let part = panel.pointer_mut(&pointer).expect("every stat has it");
        part[mistake] = "value".into();
        fs::write(&file, mistaken.to_string()).expect("the directory is ours");
        for (version, _) in EDITIONS {
            let Some(losses) =
                edition(version).and_then(|sdk| losses(&sdk, std::slice::from_ref(&file)))
            else {
                return;
            };
            let found = losses.iter().any(|loss| loss.contains(mistake));
            assert!(found, "{version} swallows {mistake}");
        }
    }
    fs::remove_file(&file).expect("it was just written");
}
