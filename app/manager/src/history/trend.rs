//! Where a task is going: a straight line through its samples, by least squares, and when
//! it meets the limit.
//!
//! Source of the formulas: any textbook on simple linear regression; times are taken
//! from the end of the range, so that their squares stay exact.

use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::{History, HistoryError};
use crate::clock;

const NANOSECONDS: f64 = 1e9;

/// A line is believed from this share of the variance on that it explains.
const MIN_R_SQUARED: f64 = 0.5;

/// Nobody plans for what is further away than this, in seconds: a year.
const MAX_FORECAST: f64 = 366.0 * 86_400.0;

/// The line through a task's samples of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Trend {
    /// The metric: `cpu_percent`, `memory_bytes`, `thread_count` or
    /// `file_descriptor_count`.
    pub metric: &'static str,
    /// Number of samples that have it.
    pub samples: u64,
    /// The last of them.
    pub latest: f64,
    /// How much it grows in a second; negative where it falls.
    pub slope_per_second: f64,
    /// The share of the variance that the line explains, from 0 to 1: 1 where nothing
    /// varies.
    pub r_squared: f64,
    /// What it cannot exceed, where that is known: of memory the control group's limit,
    /// or the machine's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// When the line meets the limit, RFC 3339. Absent where it does not within a year,
    /// or explains less than half of the variance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_reached_at: Option<String>,
}

/// The trends of a task.
#[derive(Clone, Debug)]
pub struct Trends {
    /// The proplet that it runs on.
    pub proplet: String,
    /// The first sample of the range since the task's last start, in nanoseconds.
    pub from: i64,
    /// Each metric that has three samples or more.
    pub trends: Vec<Trend>,
}

const METRICS: [&str; 4] = [
    "cpu_percent",
    "memory_bytes",
    "thread_count",
    "file_descriptor_count",
];

impl History {
    /// The trends of a task's samples from `from` on and before `to`, both in
    /// nanoseconds since the epoch; of those since its last start only. `None` without
    /// samples.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn trends(&self, task: &str, from: i64, to: i64) -> Result<Option<Trends>, HistoryError> {
        self.read(|connection| {
            let newest = connection.query_row(
                "SELECT series.id, name, at, uptime_seconds, memory_bytes, memory_percent
                 FROM series JOIN proplets ON proplets.id = proplet
                    JOIN task_metrics ON series = series.id
                 WHERE task = ?1 AND at >= ?2 AND at < ?3 ORDER BY at DESC LIMIT 1",
                (task, from, to),
                |row| {
                    let memory: (Option<f64>, Option<f64>) = (row.get(4)?, row.get(5)?);
                    let uptime: Option<f64> = row.get(3)?;
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, uptime, memory))
                },
            );
            let Some((series, proplet, last, uptime, memory)) = newest.optional()? else {
                return Ok(None);
            };
            let (series, last): (i64, i64) = (series, last);
            // Before its start it was another process. Uptimes are whole seconds.
            #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
            let uptime = uptime.map(|seconds| ((seconds + 1.0) * NANOSECONDS) as i64);
            let started = uptime.map_or(from, |uptime| last.saturating_sub(uptime));
            let from = from.max(started);
            let limit = match memory {
                (Some(bytes), Some(percent)) if percent > 0.0 => Some(bytes / percent * 100.0),
                _ => None,
            };
            let mut trends = Vec::new();
            for metric in METRICS {
                let limit = limit.filter(|_| metric == "memory_bytes");
                let sums = sums(connection, series, metric, from, last)?;
                trends.extend(sums.and_then(|sums| sums.trend(metric, limit, last)));
            }
            Ok(Some(Trends {
                proplet,
                from,
                trends,
            }))
        })
    }
}

/// Of times in seconds before the last sample, and values.
struct Sums {
    count: f64,
    time: f64,
    value: f64,
    time_time: f64,
    time_value: f64,
    value_value: f64,
    latest: f64,
}

fn sums(
    connection: &Connection,
    series: i64,
    metric: &str,
    from: i64,
    last: i64,
) -> rusqlite::Result<Option<Sums>> {
    // Values are taken from the first, so that what is large and varies little does not
    // lose its digits. The name is one of ours.
    let query = format!(
        "WITH samples AS (SELECT (at - ?3) / 1e9 AS t, {metric} AS v, at FROM task_metrics
            WHERE series = ?1 AND at >= ?2 AND at <= ?3 AND {metric} IS NOT NULL),
         base AS (SELECT v AS b FROM samples ORDER BY at LIMIT 1)
         SELECT count(*), sum(t), sum(v - b), sum(t * t), sum(t * (v - b)),
            sum((v - b) * (v - b)), (SELECT v FROM samples ORDER BY at DESC LIMIT 1)
         FROM samples, base"
    );
    connection.query_row(&query, (series, from, last), |row| {
        let count: i64 = row.get(0)?;
        if count < 3 {
            return Ok(None);
        }
        Ok(Some(Sums {
            count: f64::from(i32::try_from(count).unwrap_or(i32::MAX)),
            time: row.get(1)?,
            value: row.get(2)?,
            time_time: row.get(3)?,
            time_value: row.get(4)?,
            value_value: row.get(5)?,
            latest: row.get(6)?,
        }))
    })
}

impl Sums {
    fn trend(&self, metric: &'static str, limit: Option<f64>, last: i64) -> Option<Trend> {
        let of_time = self.time_time - self.time * self.time / self.count;
        if of_time <= 0.0 {
            return None;
        }
        let together = self.time_value - self.time * self.value / self.count;
        let of_value = self.value_value - self.value * self.value / self.count;
        let slope = together / of_time;
        let r_squared = if of_value > 0.0 {
            (together * together / (of_time * of_value)).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let left = limit.map(|limit| (limit - self.latest) / slope);
        let left = left.filter(|left| slope > 0.0 && r_squared >= MIN_R_SQUARED && *left >= 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "of a year at most")]
        let reached = left
            .filter(|left| *left <= MAX_FORECAST)
            .map(|left| clock::rfc3339(last + left as i64 * 1_000_000_000));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it was a count"
        )]
        let samples = self.count as u64;
        Some(Trend {
            metric,
            samples,
            latest: self.latest,
            slope_per_second: slope,
            r_squared,
            limit,
            limit_reached_at: reached,
        })
    }
}
