//! Folders for what a check must write, within the repository's `target`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder of our own, removed in the end.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one, in the repository's `target`: nothing is written elsewhere.
    ///
    /// # Errors
    ///
    /// If that cannot be written.
    pub fn new() -> io::Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let path = target.join("workshop").join(name);
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over lies where such things may lie.
        let _ = fs::remove_dir_all(&self.0);
    }
}
