//! The proplets: identity and topics of each.

use rusqlite::{Connection, Row};

use super::{History, HistoryError};

/// The identity of a proplet.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Its `proplet_id`.
    pub name: String,
    /// The domain of its topics.
    pub domain: String,
    /// The channel of its topics.
    pub channel: String,
    /// As reported.
    pub namespace: Option<String>,
    /// The metadata that it published when it started, a JSON object.
    pub metadata: Option<String>,
    /// In nanoseconds since the epoch.
    pub first_seen: i64,
    /// In nanoseconds since the epoch, to the minute.
    pub last_seen: i64,
}

impl Identity {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            domain: row.get(1)?,
            channel: row.get(2)?,
            namespace: row.get(3)?,
            metadata: row.get(4)?,
            first_seen: row.get(5)?,
            last_seen: row.get(6)?,
        })
    }
}

pub(super) fn save(connection: &Connection, proplet: &Identity) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO proplets (name, domain, channel, namespace, metadata, first_seen, last_seen)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET domain = excluded.domain, channel = excluded.channel,
            namespace = coalesce(excluded.namespace, namespace),
            metadata = coalesce(excluded.metadata, metadata),
            last_seen = max(last_seen, excluded.last_seen)",
        (
            &proplet.name,
            &proplet.domain,
            &proplet.channel,
            &proplet.namespace,
            &proplet.metadata,
            proplet.first_seen,
            proplet.last_seen,
        ),
    )?;
    Ok(())
}

impl History {
    /// The proplets seen since `since` (nanoseconds since the epoch), at most
    /// `limit`, the latest seen first.
    ///
    /// # Errors
    ///
    /// If SQLite does.
    pub fn proplets(&self, since: i64, limit: usize) -> Result<Vec<Identity>, HistoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT name, domain, channel, namespace, metadata, first_seen, last_seen
                 FROM proplets WHERE last_seen >= ? ORDER BY last_seen DESC LIMIT ?",
            )?;
            let rows = statement.query_map((since, limit), Identity::read)?;
            rows.collect()
        })
    }
}
