//! What of a sample has no column of its own: a JSON object in the column
//! `more`.

use proplet_schema::{Aggregated, OutboxMetrics, ProcessMetrics};
use rusqlite::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sample::{PropletSample, TaskSample};

/// Of a proplet's sample.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PropletMore {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<ProcessMetrics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aggregated: Option<Aggregated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outbox: Option<OutboxMetrics>,
}

/// `None` where everything has a column.
pub(super) fn of_task(sample: &TaskSample) -> Option<String> {
    let metrics = &sample.metrics;
    let more = ProcessMetrics {
        tcp_rx_bytes: metrics.tcp_rx_bytes,
        tcp_tx_bytes: metrics.tcp_tx_bytes,
        network_namespace: metrics.network_namespace,
        process_count: metrics.process_count,
        cgroup: metrics.cgroup.clone(),
        ..ProcessMetrics::default()
    };
    (more != ProcessMetrics::default())
        .then(|| json(&more))
        .flatten()
}

/// What [`of_task`] wrote, added to what has a column.
pub(super) fn read_task(row: &Row<'_>, metrics: &mut ProcessMetrics) -> rusqlite::Result<()> {
    let more: ProcessMetrics = read(row)?;
    metrics.tcp_rx_bytes = more.tcp_rx_bytes;
    metrics.tcp_tx_bytes = more.tcp_tx_bytes;
    metrics.network_namespace = more.network_namespace;
    metrics.process_count = more.process_count;
    metrics.cgroup = more.cgroup;
    Ok(())
}

/// `None` where everything has a column.
pub(super) fn of_proplet(sample: &PropletSample) -> Option<String> {
    let PropletSample {
        metrics,
        aggregated,
        outbox,
        ..
    } = sample;
    if metrics.is_none() && aggregated.is_none() && outbox.is_none() {
        return None;
    }
    json(&PropletMore {
        metrics: metrics.clone(),
        aggregated: aggregated.clone(),
        outbox: outbox.clone(),
    })
}

/// What was written, as an object.
pub(super) fn read<T: Default + DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let text: Option<String> = row.get("more")?;
    let more = text.and_then(|text| serde_json::from_str(&text).ok());
    // It was written from such an object.
    Ok(more.unwrap_or_default())
}

fn json(more: &impl Serialize) -> Option<String> {
    serde_json::to_string(more).ok()
}
