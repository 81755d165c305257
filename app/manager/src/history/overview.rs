//! What a page shows of many tasks at once: for each the recent past as a few points,
//! and its last sample.

use rusqlite::{Connection, Row};
use serde::Serialize;
use utoipa::ToSchema;

use super::sample::TaskSample;
use super::{History, HistoryError, columns};
use crate::number::exact;

/// Points of each line.
const POINTS: usize = 60;

/// Maximum number of samples that are read of a task: of more the newest.
const MAX_SAMPLES: u32 = 4_000;

/// The recent past of a task, in equal parts, the oldest first; null where a part has
/// no sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Lines {
    /// Mean CPU usage, in percent of one core.
    pub cpu_percent: Vec<Option<f64>>,
    /// Maximum resident memory, in bytes.
    pub memory_bytes: Vec<Option<f64>>,
    /// Disk bytes read and written, per second.
    pub disk_bytes_per_second: Vec<Option<f64>>,
    /// Bytes of the task's own TCP sockets, received and sent, per second.
    pub tcp_bytes_per_second: Vec<Option<f64>>,
}

/// A task that has samples in the range, and what they come to.
#[derive(Clone, Debug)]
pub struct Recent {
    /// The last one.
    pub sample: TaskSample,
    /// Between the two last ones, in nanoseconds; 0 of a single one.
    pub interval: i64,
    /// All of them.
    pub lines: Lines,
}

impl History {
    /// The tasks that have samples from `from` on and before `to`, both in nanoseconds
    /// since the epoch: how many, and the `limit` of them that have the newest.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn recent(
        &self,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<(u64, Vec<Recent>), HistoryError> {
        self.read(|connection| {
            // The index answers for the last of a series without reading the others.
            let mut series = connection.prepare(
                "SELECT series.id, task, name,
                    (SELECT max(at) FROM task_metrics
                     WHERE series = series.id AND at >= ?1 AND at < ?2) AS last
                 FROM series JOIN proplets ON proplets.id = proplet
                 WHERE last IS NOT NULL ORDER BY last DESC",
            )?;
            let series = series.query_map((from, to), |row| {
                let names: (String, String) = (row.get(1)?, row.get(2)?);
                Ok((row.get::<_, i64>(0)?, names))
            })?;
            let (mut total, mut tasks) = (0, Vec::new());
            for found in series {
                total += 1;
                if total > u64::from(limit) {
                    continue;
                }
                let (number, (task, proplet)) = found?;
                tasks.extend(recent(
                    connection,
                    number,
                    (task.as_str(), proplet.as_str()),
                    from,
                    to,
                )?);
            }
            Ok((total, tasks))
        })
    }
}

fn recent(
    connection: &Connection,
    series: i64,
    (task_id, proplet_id): (&str, &str),
    from: i64,
    to: i64,
) -> rusqlite::Result<Option<Recent>> {
    let mut statement = connection.prepare(
        "SELECT * FROM task_metrics WHERE series = ?1 AND at >= ?2 AND at < ?3
         ORDER BY at DESC LIMIT ?4",
    )?;
    let mut rows = statement.query((series, from, to, MAX_SAMPLES))?;
    let mut lines = Drawing::new(from, to);
    let (mut last, mut later, mut interval) = (None, None, 0);
    // Backwards: the bytes of a sample are of the time since the one before.
    while let Some(row) = rows.next()? {
        let point = Point::read(row)?;
        if last.is_none() {
            last = Some(TaskSample {
                task_id: task_id.to_owned(),
                proplet_id: proplet_id.to_owned(),
                metrics: columns::read_metrics(row)?,
                aggregated: columns::read_aggregated(row)?,
                at: point.at,
            });
        }
        if let Some(later) = later.replace(point) {
            if interval == 0 {
                interval = later.at - point.at;
            }
            lines.add(&later, Some(later.at - point.at));
        }
    }
    if let Some(first) = later {
        lines.add(&first, None);
    }
    Ok(last.map(|sample| Recent {
        sample,
        interval,
        lines: lines.finish(),
    }))
}

/// What is drawn of a sample.
#[derive(Clone, Copy)]
struct Point {
    at: i64,
    cpu_percent: Option<f64>,
    memory_bytes: Option<f64>,
    disk_bytes: Option<f64>,
    tcp_bytes: Option<f64>,
}

impl Point {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        let metrics = columns::read_metrics(row)?;
        Ok(Self {
            at: row.get("at")?,
            cpu_percent: row.get("cpu_percent")?,
            memory_bytes: row.get("memory_bytes")?,
            disk_bytes: sum(row.get("disk_read_bytes")?, row.get("disk_write_bytes")?),
            tcp_bytes: sum(
                metrics.tcp_rx_bytes.map(exact),
                metrics.tcp_tx_bytes.map(exact),
            ),
        })
    }
}

/// Lines in the making.
struct Drawing {
    from: i64,
    part: i64,
    cpu: Vec<Mean>,
    memory: Vec<Option<f64>>,
    disk: Vec<Mean>,
    tcp: Vec<Mean>,
}

/// A sum and what it is to be divided by.
#[derive(Clone, Copy, Default)]
struct Mean(f64, f64);

impl Mean {
    fn add(&mut self, value: f64, weight: f64) {
        self.0 += value;
        self.1 += weight;
    }

    /// To the hundredth, which is as much as a line shows.
    fn value(self) -> Option<f64> {
        (self.1 > 0.0).then(|| (self.0 / self.1 * 100.0).round() / 100.0)
    }
}

impl Drawing {
    fn new(from: i64, to: i64) -> Self {
        let parts = i64::try_from(POINTS).unwrap_or(i64::MAX);
        Self {
            from,
            part: (to.saturating_sub(from) / parts).max(1),
            cpu: vec![Mean::default(); POINTS],
            memory: vec![None; POINTS],
            disk: vec![Mean::default(); POINTS],
            tcp: vec![Mean::default(); POINTS],
        }
    }

    /// `since`: nanoseconds since the sample before.
    fn add(&mut self, point: &Point, since: Option<i64>) {
        let part = (point.at - self.from) / self.part;
        let part = usize::try_from(part).unwrap_or(0).min(POINTS - 1);
        if let Some(cpu) = point.cpu_percent {
            self.cpu[part].add(cpu, 1.0);
        }
        self.memory[part] = match (self.memory[part], point.memory_bytes) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let seconds = since.and_then(|since| u64::try_from(since).ok());
        if let Some(seconds) = seconds.map(|nanoseconds| exact(nanoseconds) / 1e9) {
            for (line, bytes) in [
                (&mut self.disk, point.disk_bytes),
                (&mut self.tcp, point.tcp_bytes),
            ] {
                if let Some(bytes) = bytes {
                    line[part].add(bytes, seconds);
                }
            }
        }
    }

    fn finish(self) -> Lines {
        let line = |means: Vec<Mean>| means.into_iter().map(Mean::value).collect();
        Lines {
            cpu_percent: line(self.cpu),
            memory_bytes: self.memory,
            disk_bytes_per_second: line(self.disk),
            tcp_bytes_per_second: line(self.tcp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_since_the_sample_before() {
        // Sixty parts of one second; a sample every two.
        let mut drawing = Drawing::new(0, 60_000_000_000);
        let point = |second: i64, disk: f64| Point {
            at: second * 1_000_000_000,
            cpu_percent: Some(exact(u64::try_from(second).unwrap())),
            memory_bytes: Some(7.0),
            disk_bytes: Some(disk),
            tcp_bytes: None,
        };
        drawing.add(&point(4, 30.0), Some(2_000_000_000));
        drawing.add(&point(2, 10.0), Some(2_000_000_000));
        drawing.add(&point(0, 99.0), None);
        let lines = drawing.finish();
        assert_eq!(
            lines.cpu_percent[..5],
            [Some(0.0), None, Some(2.0), None, Some(4.0)]
        );
        let disk = &lines.disk_bytes_per_second[..5];
        assert_eq!(disk, [None, None, Some(5.0), None, Some(15.0)]);
        assert_eq!(lines.memory_bytes[2], Some(7.0));
        assert!(lines.tcp_bytes_per_second.iter().all(Option::is_none));
        assert_eq!(lines.cpu_percent.len(), POINTS);
    }
}
