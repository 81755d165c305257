//! A history that is damaged: monitoring goes on with a new one beside it.
//!
//! Source: SQLite's documentation, "Result and Error Codes", "PRAGMA quick_check" and
//! "Recovering Data From A Corrupt SQLite Database".

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode};

use super::{History, HistoryError};

/// A larger file is not looked through when it is opened: that takes seconds.
const MAX_CHECKED_BYTES: u64 = 256 * 1024 * 1024;

/// The file and what SQLite keeps beside it.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Whether the error says that a database is damaged, and not that a file is none.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// Looks whether the tables are whole.
pub(super) fn check(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes > MAX_CHECKED_BYTES {
        return Ok(());
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(found)))
}

impl History {
    /// Opens the file, or makes it. One that is damaged is moved aside first: what it
    /// holds can be recovered later, what is not recorded meanwhile cannot.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, is no SQLite file or one of another version, or is
    /// damaged and cannot be moved.
    pub fn open_or_replace(path: &Path) -> Result<Self, HistoryError> {
        let damaged = match Self::open(path) {
            Err(error @ HistoryError::Damaged { .. }) => error,
            opened => return opened,
        };
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since_epoch.map_or(0, |since| since.as_secs());
        let aside = with_suffix(path, &format!(".damaged-{seconds}"));
        for part in PARTS {
            let (from, to) = (with_suffix(path, part), with_suffix(&aside, part));
            match std::fs::rename(from, to) {
                Err(error) if part.is_empty() => {
                    tracing::error!(%error, "the damaged history cannot be moved aside");
                    return Err(damaged);
                }
                // There need be none.
                _ => {}
            }
        }
        tracing::error!(
            error = %damaged,
            moved_to = %aside.display(),
            "the history is damaged: a new one is begun; recover what the old one holds with: sqlite3 FILE .recover"
        );
        Self::open(path)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
