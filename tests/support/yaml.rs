//! Reads YAML, by the Python of the test dependencies: for the few files that none of their
//! programs prints as JSON.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::peers;

/// The file as JSON; `None` if nothing here reads YAML (see [`peers::require_python`]).
///
/// # Panics
///
/// If it is not YAML.
pub fn read(file: &Path) -> Option<Value> {
    let python = peers::require_python(&["yaml"])?;
    let output = Command::new(python)
        .args([
            "-c",
            "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)",
        ])
        .arg(file)
        .output()
        .expect("it ran just now");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {complaint}", file.display());
    Some(serde_json::from_slice(&output.stdout).expect("Python writes JSON"))
}
