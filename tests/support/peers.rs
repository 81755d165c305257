//! Finds the real programs that tests run beside the service.
//!
//! Where `CI=true` a missing one is a failure; on a laptop it is a skip that
//! names the program and the remedy.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const REMEDY: &str = "run .ci/install-peers";

/// Where a program of this name is: in `.ci/peers`, else on the `PATH`.
///
/// ```ignore
/// let Some(promtool) = peers::require("promtool") else { return };
/// ```
///
/// # Panics
///
/// If it is missing and `CI=true`.
pub fn require(program: &str) -> Option<PathBuf> {
    let found = candidates(program).find(|path| path.is_file());
    found.or_else(|| missing(program))
}

/// A Python that can import all of these modules.
///
/// # Panics
///
/// If there is none and `CI=true`.
pub fn require_python(modules: &[&str]) -> Option<PathBuf> {
    let import = format!("import {}", modules.join(", "));
    let found = candidates("python3").find(|python| {
        python.is_file()
            && Command::new(python)
                .args(["-c", &import])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    });
    found.or_else(|| missing(&format!("python3 with {}", modules.join(" and "))))
}

// The unpacked ones first: a Debian's own Prometheus is too old for native histograms.
fn candidates(program: &str) -> impl Iterator<Item = PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/peers/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::iter::once(peers)
        .chain(env::split_paths(&path))
        .collect();
    let program = program.to_owned();
    directories
        .into_iter()
        .map(move |directory| directory.join(&program))
}

fn missing(what: &str) -> Option<PathBuf> {
    skip(&format!("{what} is not installed ({REMEDY})"))
}

/// Says why a test cannot run here, and what to do about it.
///
/// # Panics
///
/// If `CI=true`.
pub fn skip<T>(sentence: &str) -> Option<T> {
    assert!(env::var("CI").as_deref() != Ok("true"), "{sentence}");
    // Straight to the terminal: the harness hides what a passing test prints.
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {sentence}");
    None
}
