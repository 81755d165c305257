//! Finds the real programs that tests run beside the service: Prometheus, promtool,
//! Mosquitto and the like. Which of them a test needs, and how it runs them, is the
//! test's business.
//!
//! With `CI=true` a missing program is a failure. Otherwise the test is skipped, which is
//! printed at once and, by [`report`], again when all test programs have run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

mod skipped;

pub use skipped::report;

/// The variable that names the directory to search instead of the repository's `.ci/peers`.
/// An empty directory hides what [`INSTALL`] has installed.
pub const DIRECTORY_VARIABLE: &str = "GOLDEN_PEERS_DIR";

/// The command that installs all of them.
pub const INSTALL: &str = ".ci/install-peers";

/// Where programs are unpacked that the machine does not have, or has too old.
#[must_use]
pub fn directory() -> PathBuf {
    env::var_os(DIRECTORY_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/peers"),
        PathBuf::from,
    )
}

/// Where a program of this name is: in [`directory`]'s `bin`, else on the `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    candidates(program).find(|path| path.is_file())
}

/// The same, for a test that is skipped without it.
///
/// ```no_run
/// # fn test() {
/// let Some(promtool) = peers::require("promtool") else { return };
/// # }
/// ```
///
/// # Panics
///
/// If it is missing and `CI=true`.
#[must_use]
pub fn require(program: &str) -> Option<PathBuf> {
    require_for(program, "")
}

/// The same, where only a part of the test is skipped: `what`.
///
/// # Panics
///
/// If it is missing and `CI=true`.
#[must_use]
pub fn require_for(program: &str, what: &str) -> Option<PathBuf> {
    find(program).or_else(|| skip_part(&format!("{program} is not installed"), what))
}

/// A Python that can import all of these modules.
///
/// # Panics
///
/// If there is none and `CI=true`.
#[must_use]
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
    found.or_else(|| {
        skip(&format!(
            "python3 with {} is not installed",
            modules.join(" and ")
        ))
    })
}

// Unpacked programs first: Debian's own Prometheus is too old for native histograms.
fn candidates(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::iter::once(directory().join("bin"))
        .chain(env::split_paths(&path))
        .collect();
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    directories
        .into_iter()
        .map(move |directory| directory.join(&file))
}

/// Says why a test cannot run here, and remembers it for [`report`].
///
/// # Panics
///
/// If `CI=true`.
pub fn skip<T>(reason: &str) -> Option<T> {
    skip_part(reason, "")
}

fn skip_part<T>(reason: &str, what: &str) -> Option<T> {
    assert!(
        env::var("CI").as_deref() != Ok("true"),
        "{reason} ({INSTALL})"
    );
    let test = test(what);
    // Straight to the terminal: the harness hides what a passing test prints.
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
    skipped::remember(reason, &test);
    None
}

// `program::test`, as far as they are known: the harness names its threads after the
// tests; a benchmark has only one.
fn test(what: &str) -> String {
    let program = env::current_exe().ok();
    let program = program
        .as_deref()
        .and_then(Path::file_stem)
        .map_or("?".into(), |stem| stem.to_string_lossy());
    // Cargo adds a hash to the name.
    let mut test = program
        .rsplit_once('-')
        .map_or(&*program, |(name, _)| name)
        .to_owned();
    if let Some(name) = thread::current().name().filter(|name| *name != "main") {
        test = format!("{test}::{name}");
    }
    if what.is_empty() {
        test
    } else {
        format!("{test}, {what}")
    }
}
