//! Looks into the history: pages of samples, the newest first.

use rusqlite::{Connection, Row, ToSql};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::columns::{AGGREGATED, CPU_METRICS, METRICS, PROPLET_METRICS, list, object};
use super::writer::{PropletRow, TaskRow};
use super::{History, HistoryError};
use crate::clock;

/// Which samples.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// From this time on, in nanoseconds since the epoch.
    pub from: i64,
    /// Before this time.
    pub to: i64,
    /// So many of the newest are left out.
    pub offset: u32,
    /// At most so many.
    pub limit: u32,
}

/// A page of what matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// How many match altogether.
    pub total: u64,
    /// Those of this page.
    pub items: Vec<T>,
}

/// A task's sample, as Propeller's manager answers it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TaskSample {
    /// The task.
    pub task_id: String,
    /// The proplet that it runs on.
    pub proplet_id: String,
    /// What was measured; what was not is absent.
    #[schema(value_type = Object)]
    pub metrics: Map<String, Value>,
    /// Since monitoring began; absent where no history is retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub aggregated: Option<Map<String, Value>>,
    /// When it was taken, RFC 3339.
    #[schema(example = "2025-01-15T10:30:00.000Z")]
    pub timestamp: String,
}

/// A proplet's sample, as Propeller's manager answers it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PropletSample {
    /// The proplet.
    pub proplet_id: String,
    /// Its namespace.
    pub namespace: String,
    /// When it was taken, RFC 3339.
    #[schema(example = "2025-01-15T10:30:00.000Z")]
    pub timestamp: String,
    /// `user_seconds`, `system_seconds` and `percent`.
    #[schema(value_type = Object)]
    pub cpu_metrics: Map<String, Value>,
    /// `rss_bytes` and others.
    #[schema(value_type = Object)]
    pub memory_metrics: Map<String, Value>,
    /// Further measurements.
    #[serde(flatten)]
    #[schema(ignore)]
    pub more: Map<String, Value>,
}

/// A sign of life.
pub type AliveSample = String;

impl History {
    /// The samples of a task, on whichever proplets it ran.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn task_samples(&self, task: &str, range: Range) -> Result<Page<TaskSample>, HistoryError> {
        let columns = list(&[&METRICS, &AGGREGATED]);
        self.page(
            &format!("proplets.name, task_metrics.at, {columns}, more"),
            "task_metrics JOIN series ON series.id = series JOIN proplets ON proplets.id = proplet
             WHERE series IN (SELECT id FROM series WHERE task = ?1)",
            task,
            range,
            |row| {
                let metrics: Vec<Option<f64>> = values(row, 2, METRICS.len())?;
                let aggregated = values(row, 2 + METRICS.len(), AGGREGATED.len())?;
                let mut metrics = object(&METRICS, &metrics);
                metrics.append(&mut more(row, 2 + METRICS.len() + AGGREGATED.len())?);
                let timestamp = rfc3339(row.get(1)?);
                let aggregated = object(&AGGREGATED, &aggregated);
                Ok(TaskSample {
                    task_id: task.to_owned(),
                    proplet_id: row.get(0)?,
                    metrics,
                    aggregated: (!aggregated.is_empty()).then_some(aggregated),
                    timestamp,
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
        let columns = list(&[&PROPLET_METRICS]);
        self.page(
            &format!("namespace, proplet_metrics.at, {columns}, more"),
            "proplet_metrics JOIN proplets ON proplets.id = proplet
             WHERE proplet = (SELECT id FROM proplets WHERE name = ?1)",
            proplet,
            range,
            |row| {
                let values = values(row, 2, PROPLET_METRICS.len())?;
                let (cpu, memory) = PROPLET_METRICS.split_at(CPU_METRICS);
                Ok(PropletSample {
                    proplet_id: proplet.to_owned(),
                    namespace: row.get::<_, Option<String>>(0)?.unwrap_or_default(),
                    timestamp: rfc3339(row.get(1)?),
                    cpu_metrics: object(cpu, &values[..CPU_METRICS]),
                    memory_metrics: object(memory, &values[CPU_METRICS..]),
                    more: more(row, 2 + PROPLET_METRICS.len())?,
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

fn values(row: &Row<'_>, first: usize, count: usize) -> rusqlite::Result<Vec<Option<f64>>> {
    (first..first + count).map(|place| row.get(place)).collect()
}

fn more(row: &Row<'_>, place: usize) -> rusqlite::Result<Map<String, Value>> {
    let text: Option<String> = row.get(place)?;
    Ok(parse(text.as_deref()))
}

fn parse(text: Option<&str>) -> Map<String, Value> {
    // It was written from such an object.
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// A time in nanoseconds since the epoch as text, with as many digits as it needs, three at a time.
#[must_use]
pub fn rfc3339(at: i64) -> String {
    let moment = clock::at(at);
    if at % 1_000_000_000 == 0 {
        humantime::format_rfc3339_seconds(moment).to_string()
    } else if at % 1_000_000 == 0 {
        humantime::format_rfc3339_millis(moment).to_string()
    } else if at % 1_000 == 0 {
        humantime::format_rfc3339_micros(moment).to_string()
    } else {
        humantime::format_rfc3339_nanos(moment).to_string()
    }
}

/// A task's sample that is about to be written, as it will be read.
pub fn live_task(row: &TaskRow<'_>) -> TaskSample {
    let mut metrics = object(&METRICS, row.metrics);
    metrics.append(&mut parse(row.more));
    TaskSample {
        task_id: row.task.to_owned(),
        proplet_id: row.proplet.to_owned(),
        metrics,
        aggregated: row.aggregated.map(|values| object(&AGGREGATED, values)),
        timestamp: rfc3339(row.at),
    }
}

/// A proplet's sample that is about to be written, as it will be read.
pub fn live_proplet(row: &PropletRow<'_>, namespace: &str) -> PropletSample {
    let (cpu, memory) = PROPLET_METRICS.split_at(CPU_METRICS);
    PropletSample {
        proplet_id: row.proplet.to_owned(),
        namespace: namespace.to_owned(),
        timestamp: rfc3339(row.at),
        cpu_metrics: object(cpu, &row.metrics[..CPU_METRICS]),
        memory_metrics: object(memory, &row.metrics[CPU_METRICS..]),
        more: parse(row.more),
    }
}
