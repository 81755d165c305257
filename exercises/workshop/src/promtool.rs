//! Prometheus' own tools, found and used offline: what a query returns over
//! series that are written down.

use std::path::{Path, PathBuf};

/// The programs that exercises use, and for what.
pub const PROGRAMS: &[(&str, &str)] = &[
    ("promtool", "exercises 6 and 7 need it"),
    ("prometheus", "exercise 5 needs it"),
];

/// What to do about a missing one.
pub const REMEDY: &str = "It comes with Prometheus 3: https://prometheus.io/download/ \
     (put it on the PATH, or into .ci/peers/bin).";

/// Where the program is: in `.ci/peers/bin`, else on the `PATH`.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(peers)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
        .find(|path| path.is_file())
}
