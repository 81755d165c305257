//! The metrics of proplets and tasks: the one place of their names, help texts and values.

use std::fmt;

use proplet_schema::{CgroupMetrics, OutboxMetrics, ProcessMetrics, Traffic};

use super::proplet::Latest;
use crate::number::exact;
use golden_metrics::EncodeFamily as _;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;

/// A metric of what is known: its value is `None` where that was not measured.
pub(super) struct Column<T> {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    kind: MetricType,
    pub(super) value: fn(&T) -> Option<f64>,
}

const fn gauge<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
) -> Column<T> {
    Column {
        name,
        help,
        kind: MetricType::Gauge,
        value,
    }
}

/// The encoder adds `_total` to the name.
const fn counter<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
) -> Column<T> {
    Column {
        name,
        help,
        kind: MetricType::Counter,
        value,
    }
}

/// Of a proplet's sample.
pub(super) const OF_A_PROPLET: [Column<Latest>; 9] = [
    counter(
        "proplet_cpu_user_seconds",
        "User CPU time of the proplet itself, in seconds",
        |latest| Some(latest.cpu.user_seconds),
    ),
    counter(
        "proplet_cpu_system_seconds",
        "System CPU time of the proplet itself, in seconds",
        |latest| Some(latest.cpu.system_seconds),
    ),
    gauge(
        "proplet_cpu_ratio",
        "CPU usage of the proplet itself as it reports it, where 1 is 100 percent",
        |latest| Some(latest.cpu.percent * 0.01),
    ),
    gauge(
        "proplet_memory_rss_bytes",
        "Resident memory of the proplet itself, in bytes",
        |latest| Some(exact(latest.memory.rss_bytes)),
    ),
    gauge(
        "proplet_memory_heap_allocated_bytes",
        "Heap memory allocated by the proplet itself, in bytes",
        |latest| Some(exact(latest.memory.heap_alloc_bytes)),
    ),
    gauge(
        "proplet_memory_heap_system_bytes",
        "Heap memory that the proplet itself obtained from the system, in bytes",
        |latest| Some(exact(latest.memory.heap_sys_bytes)),
    ),
    gauge(
        "proplet_memory_heap_inuse_bytes",
        "Heap memory of the proplet itself in pages that are in use, in bytes",
        |latest| Some(exact(latest.memory.heap_inuse_bytes)),
    ),
    gauge(
        "proplet_memory_container_usage_bytes",
        "Memory usage of the proplet's container, in bytes",
        |latest| latest.memory.container_usage_bytes.map(exact),
    ),
    gauge(
        "proplet_memory_container_limit_bytes",
        "Memory limit of the proplet's container, in bytes",
        |latest| latest.memory.container_limit_bytes.map(exact),
    ),
];

/// What became of a proplet's messages.
pub(super) const OUTBOX_OF_A_PROPLET: [Column<OutboxMetrics>; 4] = [
    gauge(
        "proplet_messages_waiting",
        "Messages queued in the proplet until the broker takes them",
        |outbox| Some(exact(outbox.waiting)),
    ),
    counter(
        "proplet_messages_acknowledged",
        "Messages of the proplet that the broker acknowledged",
        |outbox| Some(exact(outbox.acknowledged_total)),
    ),
    counter(
        "proplet_messages_dropped",
        "Messages that the proplet dropped because its queue was full",
        |outbox| Some(exact(outbox.dropped_total)),
    ),
    counter(
        "proplet_broker_connections",
        "Connections that the proplet made to the broker",
        |outbox| Some(exact(outbox.connections_total)),
    ),
];

/// Of a task's latest sample.
pub(super) const OF_A_TASK: [Column<ProcessMetrics>; 7] = [
    gauge(
        "proplet_task_cpu_ratio",
        "CPU usage of the task, in cores",
        |metrics| Some(metrics.cpu_percent? * 0.01),
    ),
    gauge(
        "proplet_task_memory_bytes",
        "Resident memory of the task, in bytes",
        |metrics| metrics.memory_bytes.map(exact),
    ),
    gauge(
        "proplet_task_memory_ratio",
        "Resident memory of the task as a ratio of its limit, or of the machine's memory, from 0 to 1",
        |metrics| Some(metrics.memory_percent? * 0.01),
    ),
    gauge(
        "proplet_task_uptime_seconds",
        "Time since the start of the task, in seconds",
        |metrics| metrics.uptime_seconds.map(exact),
    ),
    gauge(
        "proplet_task_threads",
        "Threads of the task, including the main thread",
        |metrics| metrics.thread_count.map(exact),
    ),
    gauge(
        "proplet_task_open_fds",
        "Open file descriptors of the task",
        |metrics| metrics.file_descriptor_count.map(exact),
    ),
    gauge(
        "proplet_task_processes",
        "Processes of the task, where its descendants are counted with it",
        |metrics| metrics.process_count.map(exact),
    ),
];

/// The most series that a task has: those of its latest sample, of its bytes, and
/// two of its samples.
pub const SERIES_OF_A_TASK: usize = OF_A_TASK.len() + TRAFFIC_OF_A_TASK.len() + 2;

/// The most series that a proplet has, without its tasks: those of its latest
/// sample, of its messages, of its network, and three of its life.
pub const SERIES_OF_A_PROPLET: usize =
    OF_A_PROPLET.len() + OUTBOX_OF_A_PROPLET.len() + NETWORK_OF_A_PROPLET.len() + 3;

/// What a task has read, written, received and sent.
pub(super) const TRAFFIC_OF_A_TASK: [Column<Traffic>; 6] = [
    counter(
        "proplet_task_disk_read_bytes",
        "Bytes that the task read from disk",
        |traffic| traffic.disk_read_bytes.map(exact),
    ),
    counter(
        "proplet_task_disk_written_bytes",
        "Bytes that the task wrote to disk",
        |traffic| traffic.disk_write_bytes.map(exact),
    ),
    counter(
        "proplet_task_network_received_bytes",
        "Bytes received in the task's network namespace, which other tasks may share",
        |traffic| traffic.network_rx_bytes.map(exact),
    ),
    counter(
        "proplet_task_network_sent_bytes",
        "Bytes sent from the task's network namespace, which other tasks may share",
        |traffic| traffic.network_tx_bytes.map(exact),
    ),
    counter(
        "proplet_task_tcp_received_bytes",
        "Bytes received by the task's own TCP sockets",
        |traffic| traffic.tcp_rx_bytes.map(exact),
    ),
    counter(
        "proplet_task_tcp_sent_bytes",
        "Bytes sent by the task's own TCP sockets and acknowledged",
        |traffic| traffic.tcp_tx_bytes.map(exact),
    ),
];

/// What the network namespaces of a proplet's tasks have carried, each counted once.
pub(super) const NETWORK_OF_A_PROPLET: [Column<Traffic>; 2] = [
    counter(
        "proplet_network_received_bytes",
        "Bytes received in the network namespaces of the proplet's tasks, each counted once",
        |traffic| traffic.network_rx_bytes.map(exact),
    ),
    counter(
        "proplet_network_sent_bytes",
        "Bytes sent from the network namespaces of the proplet's tasks, each counted once",
        |traffic| traffic.network_tx_bytes.map(exact),
    ),
];

/// What has happened in a task's control group. Names are cAdvisor's, where it has one.
pub(super) const GROUP_OF_A_TASK: [Column<CgroupMetrics>; 9] = [
    counter(
        "container_cpu_cfs_throttled_seconds",
        "Time in which the control group of the task had used up its CPU quota and wanted more, in seconds",
        |group| group.cpu_throttled_seconds,
    ),
    counter(
        "container_memory_high_events",
        "Times that the control group of the task exceeded its memory.high",
        |group| group.memory_high_events.map(exact),
    ),
    counter(
        "container_oom_events",
        "Processes of the control group of the task that were killed for want of memory",
        |group| group.memory_oom_kills.map(exact),
    ),
    counter(
        "container_pressure_cpu_waiting_seconds",
        "Time in which a process of the task's control group waited for CPU, in seconds",
        |group| group.cpu_waiting_seconds,
    ),
    counter(
        "container_pressure_cpu_stalled_seconds",
        "Time in which all processes of the task's control group waited for CPU, in seconds",
        |group| group.cpu_stalled_seconds,
    ),
    counter(
        "container_pressure_memory_waiting_seconds",
        "Time in which a process of the task's control group waited for memory, in seconds",
        |group| group.memory_waiting_seconds,
    ),
    counter(
        "container_pressure_memory_stalled_seconds",
        "Time in which all processes of the task's control group waited for memory, in seconds",
        |group| group.memory_stalled_seconds,
    ),
    counter(
        "container_pressure_io_waiting_seconds",
        "Time in which a process of the task's control group waited for I/O, in seconds",
        |group| group.io_waiting_seconds,
    ),
    counter(
        "container_pressure_io_stalled_seconds",
        "Time in which all processes of the task's control group waited for I/O, in seconds",
        |group| group.io_stalled_seconds,
    ),
];

/// The most series that a task has of its control group.
pub const SERIES_OF_A_GROUP: usize = GROUP_OF_A_TASK.len();

impl<T> Column<T> {
    pub(super) fn encode<'a, L: EncodeLabelSet>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        known: impl Iterator<Item = (L, &'a T)>,
    ) -> fmt::Result
    where
        T: 'a,
    {
        let series = known.filter_map(|(labels, of)| Some((labels, (self.value)(of)?)));
        match self.kind {
            MetricType::Counter => encoder.encode_counters(self.name, self.help, series),
            _ => encoder.encode_gauges(self.name, self.help, series),
        }
    }
}
