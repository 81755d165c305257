//! The columns of a sample: which field goes into which, and comes out of it
//! again. All are `REAL`; the names are the document's.

use proplet_schema::{Aggregated, CpuMetrics, MemoryMetrics, ProcessMetrics};
use rusqlite::Row;

use super::more;
use crate::number::exact;

/// A column's name and the value that a sample has for it.
type Column = (&'static str, Option<f64>);

/// `metrics` of a task's sample.
pub(super) fn metrics(metrics: &ProcessMetrics) -> [Column; 10] {
    [
        ("cpu_percent", metrics.cpu_percent),
        ("memory_bytes", metrics.memory_bytes.map(exact)),
        ("memory_percent", metrics.memory_percent),
        ("disk_read_bytes", metrics.disk_read_bytes.map(exact)),
        ("disk_write_bytes", metrics.disk_write_bytes.map(exact)),
        ("network_rx_bytes", metrics.network_rx_bytes.map(exact)),
        ("network_tx_bytes", metrics.network_tx_bytes.map(exact)),
        ("uptime_seconds", metrics.uptime_seconds.map(exact)),
        ("thread_count", metrics.thread_count.map(exact)),
        (
            "file_descriptor_count",
            metrics.file_descriptor_count.map(exact),
        ),
    ]
}

/// What [`metrics`] wrote, with what has no column.
pub(super) fn read_metrics(row: &Row<'_>) -> rusqlite::Result<ProcessMetrics> {
    let mut metrics = ProcessMetrics {
        cpu_percent: row.get("cpu_percent")?,
        memory_bytes: count(row, "memory_bytes")?,
        memory_percent: row.get("memory_percent")?,
        disk_read_bytes: count(row, "disk_read_bytes")?,
        disk_write_bytes: count(row, "disk_write_bytes")?,
        network_rx_bytes: count(row, "network_rx_bytes")?,
        network_tx_bytes: count(row, "network_tx_bytes")?,
        uptime_seconds: count(row, "uptime_seconds")?,
        thread_count: count(row, "thread_count")?,
        file_descriptor_count: count(row, "file_descriptor_count")?,
        ..ProcessMetrics::default()
    };
    more::read_task(row, &mut metrics)?;
    Ok(metrics)
}

/// `aggregated` of a task's sample; no values where it has none.
pub(super) fn aggregated(sums: Option<&Aggregated>) -> [Column; 9] {
    let count = |get: fn(&Aggregated) -> u64| sums.map(|sums| exact(get(sums)));
    let network = |get: fn(&Aggregated) -> Option<u64>| sums.and_then(get).map(exact);
    [
        ("avg_cpu_usage", sums.map(|sums| sums.avg_cpu_usage)),
        ("max_cpu_usage", sums.map(|sums| sums.max_cpu_usage)),
        ("avg_memory_usage", count(|sums| sums.avg_memory_usage)),
        ("max_memory_usage", count(|sums| sums.max_memory_usage)),
        ("total_disk_read", count(|sums| sums.total_disk_read)),
        ("total_disk_write", count(|sums| sums.total_disk_write)),
        ("total_network_rx", network(|sums| sums.total_network_rx)),
        ("total_network_tx", network(|sums| sums.total_network_tx)),
        ("sample_count", count(|sums| sums.sample_count)),
    ]
}

/// What [`aggregated`] wrote.
pub(super) fn read_aggregated(row: &Row<'_>) -> rusqlite::Result<Option<Aggregated>> {
    let Some(avg_cpu_usage) = row.get("avg_cpu_usage")? else {
        return Ok(None);
    };
    let required = |name: &str| count(row, name).map(Option::unwrap_or_default);
    Ok(Some(Aggregated {
        avg_cpu_usage,
        max_cpu_usage: row
            .get::<_, Option<f64>>("max_cpu_usage")?
            .unwrap_or_default(),
        avg_memory_usage: required("avg_memory_usage")?,
        max_memory_usage: required("max_memory_usage")?,
        total_disk_read: required("total_disk_read")?,
        total_disk_write: required("total_disk_write")?,
        total_network_rx: count(row, "total_network_rx")?,
        total_network_tx: count(row, "total_network_tx")?,
        sample_count: required("sample_count")?,
    }))
}

/// `cpu_metrics` and `memory_metrics` of a proplet's sample.
pub(super) fn proplet(cpu: &CpuMetrics, memory: &MemoryMetrics) -> [Column; 9] {
    [
        ("user_seconds", Some(cpu.user_seconds)),
        ("system_seconds", Some(cpu.system_seconds)),
        ("percent", Some(cpu.percent)),
        ("rss_bytes", Some(exact(memory.rss_bytes))),
        ("heap_alloc_bytes", Some(exact(memory.heap_alloc_bytes))),
        ("heap_sys_bytes", Some(exact(memory.heap_sys_bytes))),
        ("heap_inuse_bytes", Some(exact(memory.heap_inuse_bytes))),
        (
            "container_usage_bytes",
            memory.container_usage_bytes.map(exact),
        ),
        (
            "container_limit_bytes",
            memory.container_limit_bytes.map(exact),
        ),
    ]
}

/// What [`proplet`] wrote.
pub(super) fn read_proplet(row: &Row<'_>) -> rusqlite::Result<(CpuMetrics, MemoryMetrics)> {
    let required = |name: &str| count(row, name).map(Option::unwrap_or_default);
    let cpu = CpuMetrics {
        user_seconds: row.get("user_seconds")?,
        system_seconds: row.get("system_seconds")?,
        percent: row.get("percent")?,
    };
    let memory = MemoryMetrics {
        rss_bytes: required("rss_bytes")?,
        heap_alloc_bytes: required("heap_alloc_bytes")?,
        heap_sys_bytes: required("heap_sys_bytes")?,
        heap_inuse_bytes: required("heap_inuse_bytes")?,
        container_usage_bytes: count(row, "container_usage_bytes")?,
        container_limit_bytes: count(row, "container_limit_bytes")?,
        heap_free_bytes: None,
        heap_max_alloc_bytes: None,
    };
    Ok((cpu, memory))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a count when it was written, and `as` saturates"
)]
fn count(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<u64>> {
    let value: Option<f64> = row.get(name)?;
    Ok(value.map(|value| value as u64))
}

/// `a, b, c`, for a statement.
pub(super) fn names(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
