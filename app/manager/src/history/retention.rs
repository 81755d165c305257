//! Deletes samples beyond the maximum age, the oldest beyond the maximum size, and the
//! oldest where the disk has no room for the newest.
//!
//! Source: SQLite's documentation, "Write-Ahead Logging" and "The SQLITE_FULL Result Code".

use std::time::Duration;

use super::writer::Writer;
use golden_system::disk::Room;

/// Limits of the history.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Maximum age of samples.
    pub age: Duration,
    /// Maximum bytes of the file. Its write-ahead log adds up to 64 MiB.
    pub bytes: u64,
}

/// Room that is left to the disk: for the log, and for whoever else writes there. Of a
/// small disk an eighth.
const RESERVE: u64 = 128 * 1024 * 1024;

/// Where the disk has no more than that, new samples go where a sixteenth of the file was.
const FREED: u64 = 16;

/// Maximum rows deleted at a time: some ten milliseconds, in which nothing is
/// appended.
const MAX_ROWS: u32 = 5_000;

const TABLES: [&str; 4] = [
    "task_metrics",
    "proplet_metrics",
    "alive",
    "proplet_rollups",
];

impl Writer<'_> {
    /// Deletes up to some thousand rows beyond the limits. `true` if there may be
    /// more of them.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn forget(
        &mut self,
        retention: Retention,
        room: Option<Room>,
        now: i64,
    ) -> rusqlite::Result<bool> {
        let oldest = now.saturating_sub(nanoseconds(retention.age));
        let scarce = room.is_some_and(|room| room.available < RESERVE.min(room.total / 8));
        if scarce {
            self.shorten_log();
        }
        self.begin()?;
        let deleted = self.delete(oldest, retention.bytes, scarce);
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

    /// After a write that failed because the disk is full: the oldest samples make room
    /// for the newest. The file does not become smaller; what is written next goes where
    /// they were.
    ///
    /// # Errors
    ///
    /// If SQLite does: not even that could be written down.
    pub fn make_room(&mut self) -> rusqlite::Result<()> {
        self.shorten_log();
        let mut rows = MAX_ROWS;
        loop {
            self.begin()?;
            let deleted = self.delete_oldest(rows).and_then(|_| self.commit());
            let Err(error) = deleted else {
                return Ok(());
            };
            self.roll_back();
            // What is deleted is written to the log first: less of it needs less room.
            rows /= 10;
            if rows == 0 {
                return Err(error);
            }
        }
    }

    /// Moves what the log holds into the file. It may fail where there is no room at all.
    fn shorten_log(&self) {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let _ = self.connection.query_row(checkpoint, [], |_| Ok(()));
    }

    /// `scarce`: the disk has no room for more.
    fn delete(&mut self, oldest: i64, bytes: u64, scarce: bool) -> rusqlite::Result<bool> {
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
        if !more {
            let (used, free) = self.bytes()?;
            if used > bytes || (scarce && free < used / FREED) {
                more = self.delete_oldest(MAX_ROWS)?;
            }
        }
        Ok(more)
    }

    /// Bytes of the file that are used, and those that deleted rows have left: they are
    /// used again before the file grows.
    fn bytes(&self) -> rusqlite::Result<(u64, u64)> {
        let (pages, free, page): (i64, i64, i64) = self.connection.query_row(
            "SELECT (SELECT page_count FROM pragma_page_count),
                (SELECT freelist_count FROM pragma_freelist_count),
                (SELECT page_size FROM pragma_page_size)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let bytes = |pages: i64| u64::try_from(pages.saturating_mul(page)).unwrap_or(0);
        Ok((bytes(pages - free), bytes(free)))
    }

    /// Of the tables the one whose first row is the oldest loses its first.
    fn delete_oldest(&mut self, most: u32) -> rusqlite::Result<bool> {
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
            [most],
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
                AND NOT EXISTS (SELECT 1 FROM alive WHERE proplet = proplets.id)
                AND NOT EXISTS (SELECT 1 FROM proplet_rollups WHERE proplet = proplets.id)",
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

#[cfg(test)]
mod tests {
    use proplet_schema::ProcessMetrics;

    use super::*;
    use crate::history::{History, Identity, Range, TaskSample};

    const NEVER: Retention = Retention {
        age: Duration::from_secs(1 << 30),
        bytes: 1 << 40,
    };

    fn sample(at: i64) -> TaskSample {
        TaskSample {
            task_id: "t".to_owned(),
            proplet_id: "p".to_owned(),
            metrics: ProcessMetrics {
                memory_bytes: Some(1),
                ..ProcessMetrics::default()
            },
            aggregated: None,
            at,
        }
    }

    /// Appends these as one batch.
    fn append(writer: &mut Writer<'_>, times: std::ops::Range<i64>) -> rusqlite::Result<()> {
        writer.begin()?;
        let mut written = Ok(true);
        for at in times {
            written = written.and_then(|_| writer.task(&sample(at)));
        }
        let ended = written.and_then(|_| writer.commit());
        if ended.is_err() {
            writer.roll_back();
        }
        ended
    }

    #[test]
    fn a_full_disk_keeps_the_newest() {
        let name = format!("manager-full-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let history = History::open(&directory.join("history.sqlite")).unwrap();
        let connection = history.connect().unwrap();
        // As a disk does, of which no more is to be had.
        connection
            .execute_batch("PRAGMA max_page_count = 400")
            .unwrap();
        let mut writer = Writer::new(&connection).unwrap();
        let identity = Identity {
            name: "p".to_owned(),
            domain: "d".to_owned(),
            channel: "c".to_owned(),
            namespace: None,
            metadata: None,
            first_seen: 0,
            last_seen: 0,
        };
        writer.introduce(&identity).unwrap();
        let mut next = 0;
        let mut failures = 0;
        while next < 60_000 {
            match append(&mut writer, next..next + 500) {
                Ok(()) => next += 500,
                Err(error) => {
                    let code = error.sqlite_error_code();
                    assert_eq!(code, Some(rusqlite::ErrorCode::DiskFull), "{error}");
                    failures += 1;
                    assert!(failures < 1_000, "stuck at {next}");
                    writer.make_room().unwrap();
                }
            }
        }
        assert!(failures > 0);
        let everything = Range {
            from: i64::MIN,
            to: i64::MAX,
            offset: 0,
            limit: 1,
        };
        let page = history.task_samples("t", everything).unwrap();
        assert_eq!(page.items[0].at, 59_999);
        assert!((1_000..50_000).contains(&page.total), "{}", page.total);
        // A disk with little left: room is made before it is needed.
        let little = Room {
            available: 1,
            total: 1 << 30,
        };
        while writer.forget(NEVER, Some(little), 0).unwrap() {}
        let (used, free) = writer.bytes().unwrap();
        assert!(free >= used / FREED && used > free, "{used} {free}");
        let enough = Room {
            available: RESERVE,
            ..little
        };
        assert!(!writer.forget(NEVER, Some(enough), 0).unwrap());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
