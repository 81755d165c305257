//! The reference's program.

#![allow(unreachable_pub, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use workshop::reference;

/// Its path. Whoever tests the whole workspace has built it already, beside the
/// workshop's own; else it is built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let beside = Path::new(env!("CARGO_BIN_EXE_workshop"))
            .with_file_name(format!("golden-signals{}", std::env::consts::EXE_SUFFIX));
        if beside.is_file() {
            return beside;
        }
        reference::program().expect("the reference can be built")
    })
}
