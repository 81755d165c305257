//! Roll-ups: totals of all tasks of all proplets, per interval of ten seconds. Summed
//! as samples arrive, so that a query over a month reads no sample.

use std::collections::HashMap;

use proplet_schema::Traffic;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::sample::TaskSample;
use super::{History, HistoryError};
use crate::clock::rfc3339;
use crate::number::exact;

/// The length of a piece, in seconds.
pub(super) const PIECE_SECONDS: i64 = 10;

const NANOSECONDS: i64 = 1_000_000_000;

/// The beginning of the piece that a time in nanoseconds falls into, in seconds.
pub(super) fn piece(at: i64) -> i64 {
    at.div_euclid(NANOSECONDS * PIECE_SECONDS) * PIECE_SECONDS
}

/// Samples added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rollup {
    /// How many.
    pub samples: u64,
    /// The sum of their CPU usage, in percent of one core.
    pub cpu_percent_sum: f64,
    /// The greatest of them.
    pub cpu_percent_max: f64,
    /// The sum of their memory, in bytes.
    pub memory_bytes_sum: f64,
    /// The greatest of them.
    pub memory_bytes_max: f64,
    /// Bytes read from disk, written to it, received and sent.
    pub traffic: Traffic,
}

impl Rollup {
    /// Of one sample, with its network bytes if they are not counted as another
    /// task's of the same namespace.
    #[must_use]
    pub fn of(sample: &TaskSample, network: bool) -> Self {
        let cpu_percent = sample.metrics.cpu_percent.unwrap_or(0.0);
        let memory_bytes = sample.metrics.memory_bytes.map_or(0.0, exact);
        Self {
            samples: 1,
            cpu_percent_sum: cpu_percent,
            cpu_percent_max: cpu_percent,
            memory_bytes_sum: memory_bytes,
            memory_bytes_max: memory_bytes,
            traffic: Traffic {
                network_rx_bytes: sample.metrics.network_rx_bytes.filter(|_| network),
                network_tx_bytes: sample.metrics.network_tx_bytes.filter(|_| network),
                ..sample.metrics.traffic()
            },
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.cpu_percent_sum += other.cpu_percent_sum;
        self.cpu_percent_max = self.cpu_percent_max.max(other.cpu_percent_max);
        self.memory_bytes_sum += other.memory_bytes_sum;
        self.memory_bytes_max = self.memory_bytes_max.max(other.memory_bytes_max);
        self.traffic = self.traffic.plus(other.traffic);
    }
}

pub(super) fn add(connection: &Connection, rollups: &HashMap<i64, Rollup>) -> rusqlite::Result<()> {
    let bytes = |count: Option<u64>| exact(count.unwrap_or_default());
    for (piece, rollup) in rollups {
        connection.execute(
            "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET
                samples = samples + excluded.samples,
                cpu_percent_sum = cpu_percent_sum + excluded.cpu_percent_sum,
                cpu_percent_max = max(cpu_percent_max, excluded.cpu_percent_max),
                memory_bytes_sum = memory_bytes_sum + excluded.memory_bytes_sum,
                memory_bytes_max = max(memory_bytes_max, excluded.memory_bytes_max),
                disk_read_bytes = disk_read_bytes + excluded.disk_read_bytes,
                disk_write_bytes = disk_write_bytes + excluded.disk_write_bytes,
                network_rx_bytes = network_rx_bytes + excluded.network_rx_bytes,
                network_tx_bytes = network_tx_bytes + excluded.network_tx_bytes",
            (
                piece,
                i64::try_from(rollup.samples).unwrap_or(i64::MAX),
                rollup.cpu_percent_sum,
                rollup.cpu_percent_max,
                rollup.memory_bytes_sum,
                rollup.memory_bytes_max,
                bytes(rollup.traffic.disk_read_bytes),
                bytes(rollup.traffic.disk_write_bytes),
                bytes(rollup.traffic.network_rx_bytes),
                bytes(rollup.traffic.network_tx_bytes),
            ),
        )?;
    }
    Ok(())
}

/// Totals of all tasks within an interval.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Piece {
    /// Start of the interval, RFC 3339.
    #[schema(example = "2025-01-15T10:30:00Z")]
    pub timestamp: String,
    /// Number of samples.
    pub samples: u64,
    /// Mean CPU usage, in percent of one core.
    pub avg_cpu_percent: f64,
    /// Maximum CPU usage, in percent of one core.
    pub max_cpu_percent: f64,
    /// Mean memory, in bytes.
    pub avg_memory_bytes: f64,
    /// Maximum memory, in bytes.
    pub max_memory_bytes: f64,
    /// Bytes read from disk.
    pub disk_read_bytes: f64,
    /// Bytes written to disk.
    pub disk_write_bytes: f64,
    /// Bytes received, in each network namespace of a proplet counted once.
    pub network_rx_bytes: f64,
    /// Bytes sent, likewise.
    pub network_tx_bytes: f64,
}

impl History {
    /// The pieces of `step` seconds, a multiple of ten, that have samples and
    /// begin from `from` on and before `to`, both in nanoseconds; the newest
    /// `limit` of them, in the order of time.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn rollups(
        &self,
        from: i64,
        to: i64,
        step: u32,
        limit: u32,
    ) -> Result<Vec<Piece>, HistoryError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT at_seconds - at_seconds % ?1 AS piece,
                    sum(samples), sum(cpu_percent_sum), max(cpu_percent_max),
                    sum(memory_bytes_sum), max(memory_bytes_max), sum(disk_read_bytes),
                    sum(disk_write_bytes), sum(network_rx_bytes), sum(network_tx_bytes)
                 FROM rollups WHERE at_seconds >= ?2 AND at_seconds < ?3
                 GROUP BY piece ORDER BY piece DESC LIMIT ?4",
            )?;
            let step = i64::from(step);
            let from = from.div_euclid(NANOSECONDS).div_euclid(step) * step;
            let to = to.div_euclid(NANOSECONDS);
            let pieces = statement.query_map((step, from, to, limit), |row| {
                let samples = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                let count = exact(samples.max(1));
                Ok(Piece {
                    timestamp: rfc3339(row.get::<_, i64>(0)? * NANOSECONDS),
                    samples,
                    avg_cpu_percent: row.get::<_, f64>(2)? / count,
                    max_cpu_percent: row.get(3)?,
                    avg_memory_bytes: row.get::<_, f64>(4)? / count,
                    max_memory_bytes: row.get(5)?,
                    disk_read_bytes: row.get(6)?,
                    disk_write_bytes: row.get(7)?,
                    network_rx_bytes: row.get(8)?,
                    network_tx_bytes: row.get(9)?,
                })
            })?;
            let mut pieces: Vec<_> = pieces.collect::<rusqlite::Result<_>>()?;
            pieces.reverse();
            Ok(pieces)
        })
    }
}
