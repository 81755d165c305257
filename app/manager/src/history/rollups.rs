//! Roll-ups: totals of all tasks of all proplets, per interval of ten seconds, and of those
//! of one proplet, per minute. Summed as samples arrive, so that a query over a month reads
//! no sample.

use std::collections::HashMap;

use proplet_schema::Traffic;
use rusqlite::{Connection, Row, Statement};
use serde::Serialize;
use utoipa::ToSchema;

use super::sample::TaskSample;
use super::{History, HistoryError};
use crate::clock::rfc3339;
use crate::number::exact;

/// The length of a piece, in seconds.
const PIECE_SECONDS: i64 = 10;

/// The length of a piece of one proplet.
const PIECE_OF_A_PROPLET_SECONDS: i64 = 60;

const NANOSECONDS: i64 = 1_000_000_000;

/// The sums of all, in both tables.
const SUMS: &str = "samples = samples + excluded.samples,
    cpu_percent_sum = cpu_percent_sum + excluded.cpu_percent_sum,
    cpu_percent_max = max(cpu_percent_max, excluded.cpu_percent_max),
    memory_bytes_sum = memory_bytes_sum + excluded.memory_bytes_sum,
    memory_bytes_max = max(memory_bytes_max, excluded.memory_bytes_max),
    disk_read_bytes = disk_read_bytes + excluded.disk_read_bytes,
    disk_write_bytes = disk_write_bytes + excluded.disk_write_bytes,
    network_rx_bytes = network_rx_bytes + excluded.network_rx_bytes,
    network_tx_bytes = network_tx_bytes + excluded.network_tx_bytes";

/// Made also in a file that has none yet.
pub(super) const TABLE_OF_PROPLETS: &str = "
-- The tasks of one proplet, in pieces of a minute.
CREATE TABLE IF NOT EXISTS proplet_rollups (
    proplet INTEGER NOT NULL REFERENCES proplets,
    -- The piece's beginning.
    at INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    cpu_percent_sum REAL NOT NULL,
    cpu_percent_max REAL NOT NULL,
    memory_bytes_sum REAL NOT NULL,
    memory_bytes_max REAL NOT NULL,
    disk_read_bytes REAL NOT NULL,
    disk_write_bytes REAL NOT NULL,
    network_rx_bytes REAL NOT NULL,
    network_tx_bytes REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS proplet_rollups_proplet ON proplet_rollups (proplet, at);
";

/// What a transaction adds.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// By the beginning of the piece, in seconds.
    all: HashMap<i64, Rollup>,
    /// By the proplet's number and the beginning of the piece, in nanoseconds.
    of_proplets: HashMap<(i64, i64), Rollup>,
}

impl Pending {
    pub(super) fn add(&mut self, at: i64, proplet: Option<i64>, rollup: &Rollup) {
        let begin = |seconds: i64| at.div_euclid(NANOSECONDS * seconds) * seconds;
        let piece = begin(PIECE_SECONDS);
        self.all.entry(piece).or_default().add(rollup);
        if let Some(proplet) = proplet {
            let piece = begin(PIECE_OF_A_PROPLET_SECONDS) * NANOSECONDS;
            let of_proplet = self.of_proplets.entry((proplet, piece));
            of_proplet.or_default().add(rollup);
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.of_proplets.clear();
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        let mut all = connection.prepare(&format!(
            "INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET {SUMS}"
        ))?;
        for (piece, rollup) in &self.all {
            all.raw_bind_parameter(1, piece)?;
            rollup.write(&mut all, 2)?;
        }
        let mut of_proplets = connection.prepare(&format!(
            "INSERT INTO proplet_rollups VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET {SUMS}"
        ))?;
        for ((proplet, piece), rollup) in &self.of_proplets {
            of_proplets.raw_bind_parameter(1, proplet)?;
            of_proplets.raw_bind_parameter(2, piece)?;
            rollup.write(&mut of_proplets, 3)?;
        }
        Ok(())
    }
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

    /// The parameters of a row from this place on.
    fn write(&self, into: &mut Statement<'_>, mut place: usize) -> rusqlite::Result<()> {
        let bytes = |count: Option<u64>| exact(count.unwrap_or_default());
        into.raw_bind_parameter(place, i64::try_from(self.samples).unwrap_or(i64::MAX))?;
        for value in [
            self.cpu_percent_sum,
            self.cpu_percent_max,
            self.memory_bytes_sum,
            self.memory_bytes_max,
            bytes(self.traffic.disk_read_bytes),
            bytes(self.traffic.disk_write_bytes),
            bytes(self.traffic.network_rx_bytes),
            bytes(self.traffic.network_tx_bytes),
        ] {
            place += 1;
            into.raw_bind_parameter(place, value)?;
        }
        into.raw_execute()?;
        Ok(())
    }
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

impl Piece {
    /// From the begin of the piece in seconds and the sums, in the order of [`SUMS`].
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let samples = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        let count = exact(samples.max(1));
        Ok(Self {
            timestamp: rfc3339(row.get::<_, i64>(0)?.saturating_mul(NANOSECONDS)),
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
    }
}

const OF_A_PIECE: &str = "sum(samples), sum(cpu_percent_sum), max(cpu_percent_max),
    sum(memory_bytes_sum), max(memory_bytes_max), sum(disk_read_bytes),
    sum(disk_write_bytes), sum(network_rx_bytes), sum(network_tx_bytes)";

impl History {
    /// The pieces of `step` seconds, a multiple of ten, that have samples and
    /// begin from `from` on and before `to`, both in nanoseconds; the newest
    /// `limit` of them, in the order of time. Of one proplet `step` is a multiple of sixty.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn rollups(
        &self,
        proplet: Option<&str>,
        from: i64,
        to: i64,
        step: u32,
        limit: u32,
    ) -> Result<Vec<Piece>, HistoryError> {
        let step = i64::from(step);
        let from = from.div_euclid(NANOSECONDS).div_euclid(step) * step;
        self.read(|connection| {
            let mut pieces: Vec<_> = match proplet {
                None => {
                    let mut statement = connection.prepare(&format!(
                        "SELECT at_seconds - at_seconds % ?1 AS piece, {OF_A_PIECE}
                         FROM rollups WHERE at_seconds >= ?2 AND at_seconds < ?3
                         GROUP BY piece ORDER BY piece DESC LIMIT ?4"
                    ))?;
                    let to = to.div_euclid(NANOSECONDS);
                    let pieces = statement.query_map((step, from, to, limit), Piece::read)?;
                    pieces.collect::<rusqlite::Result<_>>()?
                }
                Some(proplet) => {
                    let mut statement = connection.prepare(&format!(
                        "SELECT (at - at % ?1) / {NANOSECONDS} AS piece, {OF_A_PIECE}
                         FROM proplet_rollups JOIN proplets ON proplets.id = proplet
                         WHERE name = ?5 AND at >= ?2 AND at < ?3
                         GROUP BY piece ORDER BY piece DESC LIMIT ?4"
                    ))?;
                    let (step, from) = (step * NANOSECONDS, from.saturating_mul(NANOSECONDS));
                    let parameters = (step, from, to, limit, proplet);
                    let pieces = statement.query_map(parameters, Piece::read)?;
                    pieces.collect::<rusqlite::Result<_>>()?
                }
            };
            pieces.reverse();
            Ok(pieces)
        })
    }
}
