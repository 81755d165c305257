//! Deletes samples beyond the maximum age, and the oldest beyond the maximum size.

use std::time::Duration;

use super::writer::Writer;

/// Limits of the history.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Maximum age of samples.
    pub age: Duration,
    /// Maximum bytes of the file. Its write-ahead log adds up to 64 MiB.
    pub bytes: u64,
}

/// Maximum rows deleted at a time: some ten milliseconds, in which nothing is
/// appended.
const MAX_ROWS: u32 = 5_000;

const TABLES: [&str; 3] = ["task_metrics", "proplet_metrics", "alive"];

impl Writer<'_> {
    /// Deletes up to some thousand rows beyond the limits. `true` if there may be
    /// more of them.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn forget(&mut self, retention: Retention, now: i64) -> rusqlite::Result<bool> {
        let oldest = now.saturating_sub(nanoseconds(retention.age));
        self.begin()?;
        let deleted = self.delete(oldest, retention.bytes);
        match deleted {
            Ok(more) => {
                self.commit()?;
                Ok(more)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    fn delete(&mut self, oldest: i64, bytes: u64) -> rusqlite::Result<bool> {
        let mut more = false;
        for table in TABLES {
            // Rows are numbered as they come: the first ones are the oldest.
            let deleted = self.connection.execute(
                &format!(
                    "DELETE FROM {table} WHERE at < ?1 AND rowid IN
                        (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?2)"
                ),
                (oldest, MAX_ROWS),
            )?;
            more |= deleted > 0;
        }
        self.connection.execute(
            "DELETE FROM rollups WHERE at_seconds < ?",
            [oldest.div_euclid(1_000_000_000)],
        )?;
        if !more && self.used_bytes()? > bytes {
            more = self.delete_oldest()?;
        }
        Ok(more)
    }

    /// Pages that deleted rows have left are used again before the file grows.
    fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pages: i64 = self.connection.query_row(
            "SELECT (SELECT page_count FROM pragma_page_count)
                  - (SELECT freelist_count FROM pragma_freelist_count)",
            [],
            |row| row.get(0),
        )?;
        let page: i64 = self
            .connection
            .query_row("PRAGMA page_size", [], |row| row.get(0))?;
        Ok(u64::try_from(pages * page).unwrap_or(0))
    }

    /// Of the three tables the one whose first row is the oldest loses its first.
    fn delete_oldest(&mut self) -> rusqlite::Result<bool> {
        let mut oldest: Option<(i64, &str)> = None;
        for table in TABLES {
            let first = format!("SELECT at FROM {table} ORDER BY rowid LIMIT 1");
            let mut statement = self.connection.prepare(&first)?;
            let mut rows = statement.query([])?;
            if let Some(row) = rows.next()? {
                let at = row.get(0)?;
                if oldest.is_none_or(|(other, _)| at < other) {
                    oldest = Some((at, table));
                }
            }
        }
        let Some((_, table)) = oldest else {
            return Ok(false);
        };
        self.connection.execute(
            &format!(
                "DELETE FROM {table} WHERE rowid IN
                    (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?)"
            ),
            [MAX_ROWS],
        )?;
        Ok(true)
    }

    /// Deletes names that nothing refers to any more: a look at every name, so
    /// for once in a while.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn forget_names(&mut self, retention: Retention, now: i64) -> rusqlite::Result<()> {
        let oldest = now.saturating_sub(nanoseconds(retention.age));
        let mut deleted = self.connection.execute(
            "DELETE FROM series WHERE id IN (SELECT id FROM series WHERE NOT EXISTS
                (SELECT 1 FROM task_metrics WHERE series = series.id) LIMIT ?)",
            [MAX_ROWS],
        )?;
        deleted += self.connection.execute(
            "DELETE FROM proplets WHERE last_seen < ? AND id NOT IN (SELECT proplet FROM series)
                AND NOT EXISTS (SELECT 1 FROM proplet_metrics WHERE proplet = proplets.id)
                AND NOT EXISTS (SELECT 1 FROM alive WHERE proplet = proplets.id)",
            [oldest],
        )?;
        if deleted > 0 {
            self.clear_cache();
        }
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
