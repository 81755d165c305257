//! Appends samples, many rows per transaction.

use std::collections::HashMap;

use proplet_schema::{CpuMetrics, MemoryMetrics, ProcessMetrics};
use rusqlite::{Connection, OptionalExtension as _, Statement};

use super::proplets::Identity;
use super::rollups::{Pending, Rollup};
use super::sample::{PropletSample, TaskSample};
use super::{columns, more};

/// Maximum number of cached names and ids; then the cache is cleared.
const MAX_CACHED_NAMES: usize = 300_000;

/// Each of them waits for five seconds.
const MAX_BUSY_ATTEMPTS: u32 = 12;

/// Signs of life of a proplet that are no further apart are one, in nanoseconds.
const SAME_SIGN: i64 = 400_000_000;

/// Appends to a history. There may be one for each process that uses the file.
pub struct Writer<'a> {
    pub(super) connection: &'a Connection,
    task: Statement<'a>,
    proplet: Statement<'a>,
    alive: Statement<'a>,
    proplets: HashMap<Box<str>, i64>,
    /// By proplet, then task.
    series: HashMap<i64, HashMap<Box<str>, i64>>,
    series_known: usize,
    rollups: Pending,
}

impl std::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<'a> Writer<'a> {
    /// Writes through this connection, from [`super::History::connect`].
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn new(connection: &'a Connection) -> rusqlite::Result<Self> {
        let insert = |table: &str, key: &str, columns: &[String]| {
            let columns = columns.join(", ");
            let marks = vec!["?"; columns.matches(',').count() + 4].join(", ");
            connection.prepare(&format!(
                "INSERT OR IGNORE INTO {table} ({key}, at, {columns}, more) VALUES ({marks})"
            ))
        };
        let metrics = columns::names(&columns::metrics(&ProcessMetrics::default()));
        let aggregated = columns::names(&columns::aggregated(None));
        let task = insert("task_metrics", "series", &[metrics, aggregated])?;
        let own = columns::proplet(&CpuMetrics::default(), &MemoryMetrics::default());
        let proplet = insert("proplet_metrics", "proplet", &[columns::names(&own)])?;
        // Every manager gets it: of those that share the file the first one writes it.
        let alive = connection.prepare(&format!(
            "INSERT OR IGNORE INTO alive (proplet, at) SELECT ?1, ?2 WHERE NOT EXISTS
                (SELECT 1 FROM alive WHERE proplet = ?1
                    AND at BETWEEN ?2 - {SAME_SIGN} AND ?2 + {SAME_SIGN})"
        ))?;
        Ok(Self {
            connection,
            task,
            proplet,
            alive,
            proplets: HashMap::new(),
            series: HashMap::new(),
            series_known: 0,
            rollups: Pending::default(),
        })
    }

    /// Begins a transaction. Waits for other managers that share the file, also on a
    /// machine that is busy with other work: what waits is lost otherwise.
    ///
    /// # Errors
    ///
    /// If SQLite does, or the file is in use for a minute.
    pub fn begin(&mut self) -> rusqlite::Result<()> {
        let mut attempts = 0;
        loop {
            match self.connection.execute_batch("BEGIN IMMEDIATE") {
                Err(error) if is_busy(&error) && attempts < MAX_BUSY_ATTEMPTS => attempts += 1,
                begun => return begun,
            }
        }
    }

    /// Ends the transaction: from here on its rows survive the process.
    ///
    /// # Errors
    ///
    /// If SQLite does: then nothing of it was written.
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        let rollups = std::mem::take(&mut self.rollups);
        rollups.write(self.connection)?;
        self.connection.execute_batch("COMMIT")
    }

    /// Undoes a transaction that failed.
    pub fn roll_back(&mut self) {
        self.rollups.clear();
        // Numbers that were given out in it are void.
        self.clear_cache();
        // What failed so badly that SQLite has undone it already cannot be undone.
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Makes a proplet known, or changes what is known of it.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn introduce(&mut self, proplet: &Identity) -> rusqlite::Result<()> {
        super::proplets::save(self.connection, proplet)
    }

    /// Appends a sample, unless it is there already. Whether it was not.
    ///
    /// # Errors
    ///
    /// If SQLite does, or the proplet was never introduced.
    pub fn task(&mut self, sample: &TaskSample) -> rusqlite::Result<bool> {
        let inserted = self.insert_task(sample);
        self.again(inserted, |writer| writer.insert_task(sample))
    }

    fn insert_task(&mut self, sample: &TaskSample) -> rusqlite::Result<bool> {
        let series = self.series_number(&sample.task_id, &sample.proplet_id)?;
        let metrics = columns::metrics(&sample.metrics);
        let aggregated = columns::aggregated(sample.aggregated.as_ref());
        let columns = metrics.into_iter().chain(aggregated);
        insert(
            &mut self.task,
            series,
            sample.at,
            columns,
            more::of_task(sample),
        )
    }

    /// Appends a sample, unless it is there already. Whether it was not.
    ///
    /// # Errors
    ///
    /// If SQLite does, or the proplet was never introduced.
    pub fn proplet(&mut self, sample: &PropletSample) -> rusqlite::Result<bool> {
        let inserted = self.insert_proplet(sample);
        self.again(inserted, |writer| writer.insert_proplet(sample))
    }

    fn insert_proplet(&mut self, sample: &PropletSample) -> rusqlite::Result<bool> {
        let number = self.proplet_number(&sample.proplet_id)?;
        let columns = columns::proplet(&sample.cpu_metrics, &sample.memory_metrics);
        let more = more::of_proplet(sample);
        insert(&mut self.proplet, number, sample.at, columns, more)
    }

    /// Appends a liveness message, unless it is there already. Whether it was not.
    ///
    /// # Errors
    ///
    /// If SQLite does, or the proplet was never introduced.
    pub fn alive(&mut self, proplet: &str, at: i64) -> rusqlite::Result<bool> {
        let inserted = self.insert_alive(proplet, at);
        self.again(inserted, |writer| writer.insert_alive(proplet, at))
    }

    fn insert_alive(&mut self, proplet: &str, at: i64) -> rusqlite::Result<bool> {
        let number = self.proplet_number(proplet)?;
        Ok(self.alive.execute((number, at))? > 0)
    }

    /// Adds to the roll-ups of the time `at`, in nanoseconds since the epoch, a sample of
    /// this proplet's that was written.
    pub fn roll_up(&mut self, at: i64, proplet: &str, rollup: &Rollup) {
        // It is known from writing the sample; if not, it has none of its own.
        let proplet = self.proplet_number(proplet).ok();
        self.rollups.add(at, proplet, rollup);
    }

    /// Once more, if another writer has deleted a name whose number was known.
    fn again<T>(
        &mut self,
        first: rusqlite::Result<T>,
        second: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        use rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY;
        match first {
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY =>
            {
                self.clear_cache();
                second(self)
            }
            first => first,
        }
    }

    fn proplet_number(&mut self, name: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.proplets.get(name) {
            return Ok(*number);
        }
        let number =
            self.connection
                .query_row("SELECT id FROM proplets WHERE name = ?", [name], |row| {
                    row.get(0)
                })?;
        if self.proplets.len() >= MAX_CACHED_NAMES {
            self.proplets.clear();
        }
        self.proplets.insert(name.into(), number);
        Ok(number)
    }

    fn series_number(&mut self, task: &str, proplet: &str) -> rusqlite::Result<i64> {
        let proplet = self.proplet_number(proplet)?;
        if let Some(number) = self.series.get(&proplet).and_then(|tasks| tasks.get(task)) {
            return Ok(*number);
        }
        let found = self
            .connection
            .query_row(
                "SELECT id FROM series WHERE task = ? AND proplet = ?",
                (task, proplet),
                |row| row.get(0),
            )
            .optional()?;
        let number = match found {
            Some(number) => number,
            None => {
                let insert = "INSERT INTO series (task, proplet) VALUES (?, ?)";
                self.connection.execute(insert, (task, proplet))?;
                self.connection.last_insert_rowid()
            }
        };
        if self.series_known >= MAX_CACHED_NAMES {
            self.clear_cache();
        }
        self.series
            .entry(proplet)
            .or_default()
            .insert(task.into(), number);
        self.series_known += 1;
        Ok(number)
    }

    /// Forgets every cached name: rows may have been deleted.
    pub(super) fn clear_cache(&mut self) {
        self.proplets.clear();
        self.series.clear();
        self.series_known = 0;
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

/// Whether the row was not there already.
fn insert(
    statement: &mut Statement<'_>,
    key: i64,
    at: i64,
    columns: impl IntoIterator<Item = (&'static str, Option<f64>)>,
    more: Option<String>,
) -> rusqlite::Result<bool> {
    statement.raw_bind_parameter(1, key)?;
    statement.raw_bind_parameter(2, at)?;
    let mut place = 3;
    // In the order in which the statement names them.
    for (_, value) in columns {
        statement.raw_bind_parameter(place, value)?;
        place += 1;
    }
    statement.raw_bind_parameter(place, more)?;
    Ok(statement.raw_execute()? > 0)
}
