//! The skipped tests of all test programs: each program appends to a file that is named
//! after the cargo process that runs them all, and the last one reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run that was ended before it could report leaves a file behind.
const STALE: Duration = Duration::from_hours(24);

/// Appends a line to this run's file.
pub(crate) fn remember(reason: &str, test: &str) {
    let file = file();
    let written = file.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| {
        let mut file = OpenOptions::new().create(true).append(true).open(&file)?;
        // In one piece: tests run at the same time.
        file.write_all(format!("{reason}\t{test}\n").as_bytes())
    });
    if let Err(error) = written {
        // The skip itself has been printed.
        eprintln!("{}: {error}", file.display());
    }
}

/// The tests skipped since this cargo began, by reason, with the command that installs what
/// is missing; empty if there are none. Forgets them.
#[must_use]
pub fn report() -> String {
    let file = file();
    let lines = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(&file);
    if let Some(folder) = file.parent() {
        remove_stale(folder);
    }
    listing(&lines)
}

fn listing(lines: &str) -> String {
    let mut reasons = BTreeMap::<_, BTreeSet<_>>::new();
    for (reason, test) in lines.lines().filter_map(|line| line.split_once('\t')) {
        reasons.entry(reason).or_default().insert(test);
    }
    let mut listing = String::new();
    for (reason, tests) in &reasons {
        // Writing to a string does not fail.
        let _ = writeln!(listing, "skipped, since {reason}: {}", tests.len());
        for test in tests {
            let _ = writeln!(listing, "    {test}");
        }
    }
    if !listing.is_empty() {
        let _ = writeln!(listing, "{} installs what is missing.", crate::INSTALL);
    }
    listing
}

fn remove_stale(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn file() -> PathBuf {
    target().join("skipped").join(run())
}

// Cargo puts its tag into the directory that it builds in, wherever that is.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
            Path::to_owned,
        )
}

#[cfg(unix)]
fn run() -> String {
    std::os::unix::process::parent_id().to_string()
}

// Two runs at the same time would share it.
#[cfg(not(unix))]
fn run() -> String {
    "run".to_owned()
}

#[cfg(test)]
mod tests {
    use super::listing;

    #[test]
    fn each_test_is_listed_once_for_each_reason() {
        let lines = "b is not installed\tx::one\na is not installed\tx::one\n\
                     b is not installed\ty::two\nb is not installed\tx::one\n";
        assert_eq!(
            listing(lines),
            "skipped, since a is not installed: 1\n    x::one\n\
             skipped, since b is not installed: 2\n    x::one\n    y::two\n\
             .ci/install-peers installs what is missing.\n"
        );
    }

    #[test]
    fn where_nothing_was_skipped_nothing_is_listed() {
        assert_eq!(listing(""), "");
    }
}
