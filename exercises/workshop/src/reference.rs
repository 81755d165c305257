//! The reference's program, `golden-signals`: found or built, and started without
//! the settings that are meant for another one. It runs exercise 16's proplet,
//! exercise 18's trainings and exercise 22's models.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::build;
use crate::finding::Finding;

// The repository that this was built in: copies of the course have no service.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
// A program that is built already.
const PROGRAM: &str = "GOLDEN_SIGNALS_PROGRAM";

/// The program that `GOLDEN_SIGNALS_PROGRAM` names, or [`built`]; else it is built,
/// which the first time takes minutes.
///
/// # Errors
///
/// `does-not-compile`, `no-cargo`, `build-hangs`.
pub fn program() -> Result<PathBuf, Finding> {
    let build = || {
        build::build(
            Path::new(ROOT),
            "golden-signals",
            "golden-signals",
            &mut |_| {},
        )
    };
    built().map_or_else(build, Ok)
}

/// Where it is, if it need not be built: it is named, or newer than its sources,
/// release or not.
#[must_use]
pub fn built() -> Option<PathBuf> {
    if let Some(program) = std::env::var_os(PROGRAM) {
        return Some(program.into());
    }
    let sources = ["Cargo.toml", "Cargo.lock", "app"];
    let newest = sources
        .iter()
        .filter_map(|source| newest(&Path::new(ROOT).join(source)).ok())
        .max()?;
    let own = std::env::current_exe().ok()?;
    let file = format!("golden-signals{}", std::env::consts::EXE_SUFFIX);
    own.ancestors()
        .flat_map(|folder| ["release", "debug"].map(|kind| folder.join(kind).join(&file)))
        .find(|program| modified(program).is_ok_and(|built| built > newest))
}

/// The rules of the reference for its models, with the distances and alerts of exercise 22.
#[must_use]
pub fn model_rules() -> PathBuf {
    Path::new(ROOT).join("prometheus/rules/model.rules.yml")
}

/// The program without the settings of the service, the proplet and the training
/// that may run beside it.
#[must_use]
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("GOLDEN_") || name.starts_with("PROPLET_") {
            command.env_remove(&variable);
        }
    }
    command
}

fn newest(path: &Path) -> io::Result<SystemTime> {
    let mut newest = modified(path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}
