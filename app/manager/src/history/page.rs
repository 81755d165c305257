//! Queries of the history: pages of samples, the newest first.

use rusqlite::{Connection, Row, ToSql};

use super::more::{self, PropletMore};
use super::sample::{PropletSample, TaskSample};
use super::{History, HistoryError, columns};
use crate::clock::rfc3339;

/// Which samples.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// From this time on, in nanoseconds since the epoch.
    pub from: i64,
    /// Before this time.
    pub to: i64,
    /// Number of newest items to skip.
    pub offset: u32,
    /// Maximum items to return.
    pub limit: u32,
}

/// A page of what matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// Number of matching items.
    pub total: u64,
    /// Those of this page.
    pub items: Vec<T>,
}

/// The time of a liveness message.
pub type AliveSample = String;

impl History {
    /// The samples of a task, on whichever proplets it ran.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn task_samples(&self, task: &str, range: Range) -> Result<Page<TaskSample>, HistoryError> {
        self.page(
            "proplets.name AS proplet_name, task_metrics.*",
            "task_metrics JOIN series ON series.id = series JOIN proplets ON proplets.id = proplet
             WHERE series IN (SELECT id FROM series WHERE task = ?1)",
            task,
            range,
            |row| {
                Ok(TaskSample {
                    task_id: task.to_owned(),
                    proplet_id: row.get("proplet_name")?,
                    metrics: columns::read_metrics(row)?,
                    aggregated: columns::read_aggregated(row)?,
                    at: row.get("at")?,
                })
            },
        )
    }

    /// The samples of a proplet.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn proplet_samples(
        &self,
        proplet: &str,
        range: Range,
    ) -> Result<Page<PropletSample>, HistoryError> {
        self.page(
            "namespace, proplet_metrics.*",
            "proplet_metrics JOIN proplets ON proplets.id = proplet
             WHERE proplet = (SELECT id FROM proplets WHERE name = ?1)",
            proplet,
            range,
            |row| {
                let (cpu_metrics, memory_metrics) = columns::read_proplet(row)?;
                let more: PropletMore = more::read(row)?;
                Ok(PropletSample {
                    proplet_id: proplet.to_owned(),
                    namespace: row
                        .get::<_, Option<String>>("namespace")?
                        .unwrap_or_default(),
                    at: row.get("at")?,
                    cpu_metrics,
                    memory_metrics,
                    metrics: more.metrics,
                    aggregated: more.aggregated,
                    outbox: more.outbox,
                })
            },
        )
    }

    /// When a proplet was alive, RFC 3339.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn alive_samples(
        &self,
        proplet: &str,
        range: Range,
    ) -> Result<Page<AliveSample>, HistoryError> {
        self.page(
            "at",
            "alive WHERE proplet = (SELECT id FROM proplets WHERE name = ?1)",
            proplet,
            range,
            |row| Ok(rfc3339(row.get(0)?)),
        )
    }

    /// `what` of the rows of `whose` that lie in the range.
    fn page<T>(
        &self,
        what: &str,
        whose: &str,
        name: &str,
        range: Range,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Page<T>, HistoryError> {
        let whose = format!("{whose} AND at >= ?2 AND at < ?3");
        self.read(|connection| {
            let count = format!("SELECT count(*) FROM {whose}");
            let count: i64 =
                connection.query_row(&count, (name, range.from, range.to), |row| row.get(0))?;
            let select = format!("SELECT {what} FROM {whose} ORDER BY at DESC LIMIT ?4 OFFSET ?5");
            let parameters: [&dyn ToSql; 5] =
                [&name, &range.from, &range.to, &range.limit, &range.offset];
            Ok(Page {
                total: u64::try_from(count).unwrap_or(0),
                items: select_all(connection, &select, &parameters, read)?,
            })
        })
    }
}

fn select_all<T>(
    connection: &Connection,
    select: &str,
    parameters: &[&dyn ToSql],
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(select)?;
    let rows = statement.query_map(parameters, |row| read(row))?;
    rows.collect()
}
