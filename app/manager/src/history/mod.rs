//! The history: reported samples, in one SQLite file that
//! survives restarts and crashes. Knows no topic, no socket and no metric
//! family.
//!
//! One [`Writer`] appends, and forgets what is too old or too much
//! ([`retention`](Retention)); any number of readers look meanwhile. What has
//! been committed survives the end of the process, `kill -9` included
//! (write-ahead log, written to the kernel at each commit); a machine that
//! loses its power may lose the last seconds, but never the file.
//!
//! Sources: SQLite's documentation, "Write-Ahead Logging" and "PRAGMA
//! synchronous".

mod columns;
mod damage;
mod more;
mod overview;
mod page;
mod proplets;
mod retention;
mod rollups;
mod sample;
mod size;
mod tasks;
mod trend;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

use golden_system::disk::{self, Room};
pub use overview::{Lines, Recent};
pub use page::{AliveSample, Page, Range};
pub use proplets::Identity;
pub use retention::Retention;
pub use rollups::{Piece, Rollup};
pub use sample::{PropletSample, TaskSample};
pub use tasks::{Created, State, Task};
pub use trend::Trend;
pub use writer::Writer;

/// The version of `schema.sql`, which the file carries as its `user_version`.
const VERSION: i64 = 1;

/// Another manager may write to the same file at the same time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections kept for readers; more readers at a time open their own.
const IDLE_READERS: usize = 4;

/// The history cannot be used.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The file cannot be opened, or is something else.
    #[error(
        "--history {}: cannot open the history: {source}; choose a file in a writable directory, or one that a manager created", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file is of another version of this program.
    #[error(
        "--history {}: the history has version {found}, this program needs {VERSION}; choose another file, or remove this one", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// The file is a history, and damaged.
    #[error(
        "--history {}: the history is damaged: {source}; move it away, or recover what is in it with sqlite3's .recover", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Reading or writing failed.
    #[error("history error: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A history in a file.
#[derive(Clone, Debug)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What the API changes, apart from what arrives.
    control: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl History {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, is no SQLite file or one of another version.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let wrong = |source| {
            let path = path.to_owned();
            if damage::is_damage(&source) {
                HistoryError::Damaged { path, source }
            } else {
                HistoryError::Open { path, source }
            }
        };
        let mut control = Connection::open(path).map_err(wrong)?;
        settings(&control).map_err(wrong)?;
        // Of two managers that start at a time one makes the tables.
        let transaction = control
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(wrong)?;
        let version: i64 = transaction
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(wrong)?;
        let tables: i64 = transaction
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(wrong)?;
        match version {
            VERSION => {}
            0 if tables == 0 => {
                transaction
                    .execute_batch(include_str!("schema.sql"))
                    .map_err(wrong)?;
                transaction
                    .pragma_update(None, "user_version", VERSION)
                    .map_err(wrong)?;
            }
            found => {
                return Err(HistoryError::Version {
                    path: path.to_owned(),
                    found,
                });
            }
        }
        transaction
            .execute_batch(rollups::TABLE_OF_PROPLETS)
            .map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
        damage::check(&control, path).map_err(wrong)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            control: Mutex::new(control),
            readers: Mutex::default(),
        })))
    }

    /// A connection for a [`Writer`].
    ///
    /// # Errors
    ///
    /// If the file cannot be opened any more.
    pub fn connect(&self) -> Result<Connection, HistoryError> {
        let connection = Connection::open(&self.0.path)?;
        settings(&connection)?;
        Ok(connection)
    }

    /// The bytes that the file and its log take on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let log = {
            let mut name = self.0.path.clone().into_os_string();
            name.push("-wal");
            PathBuf::from(name)
        };
        [self.0.path.as_path(), &log]
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// The room of the disk that it is on.
    #[must_use]
    pub fn room(&self) -> Option<Room> {
        disk::room(&self.0.path)
    }

    /// Runs something that only reads.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, HistoryError> {
        let idle = lock(&self.0.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.0.path, flags)?;
                settings(&connection)?;
                connection.pragma_update(None, "query_only", true)?;
                connection
            }
        };
        let result = work(&connection);
        let mut idle = lock(&self.0.readers);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(result?)
    }

    /// Runs something that changes what the API keeps here.
    fn change<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, HistoryError> {
        Ok(work(&lock(&self.0.control))?)
    }
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Readers and the writer do not wait for each other.
    connection.pragma_update(None, "journal_mode", "wal")?;
    // With the log this keeps the file whole through a power failure.
    connection.pragma_update(None, "synchronous", "normal")?;
    // Bytes that the log keeps on the disk once its content is in the file.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    // A writer may know the number of a name that another one has deleted.
    connection.pragma_update(None, "foreign_keys", true)?;
    // KiB, where negative: the leaves of the indexes that are being filled.
    connection.pragma_update(None, "cache_size", -64 * 1024)?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A connection holds no state that a panic could leave half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
