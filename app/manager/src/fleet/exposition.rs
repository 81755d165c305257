//! The fleet as Prometheus sees it: base units, one series a proplet or task.

use std::fmt;

use proplet_schema::{OutboxMetrics, ProcessMetrics, Traffic};

use super::proplet::Latest;
use super::{Fleet, FleetState, Task};
use crate::number::exact;
use golden_metrics::EncodeFamily as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;

/// A metric of what is known: its value is `None` where that was not measured.
struct Column<T> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    value: fn(&T) -> Option<f64>,
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
const OF_A_PROPLET: [Column<Latest>; 9] = [
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
const OUTBOX_OF_A_PROPLET: [Column<OutboxMetrics>; 4] = [
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
const OF_A_TASK: [Column<ProcessMetrics>; 6] = [
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
];

/// The most series that a task has: those of its latest sample, of its bytes, and
/// two of its samples.
pub const SERIES_OF_A_TASK: usize = OF_A_TASK.len() + TRAFFIC_OF_A_TASK.len() + 2;

/// The most series that a proplet has, without its tasks: those of its latest
/// sample, of its messages, and three of its life.
pub const SERIES_OF_A_PROPLET: usize = OF_A_PROPLET.len() + OUTBOX_OF_A_PROPLET.len() + 3;

/// What a task has read, written, received and sent.
const TRAFFIC_OF_A_TASK: [Column<Traffic>; 4] = [
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
        "Bytes received in the task's network namespace",
        |traffic| traffic.network_rx_bytes.map(exact),
    ),
    counter(
        "proplet_task_network_sent_bytes",
        "Bytes sent from the task's network namespace",
        |traffic| traffic.network_tx_bytes.map(exact),
    ),
];

impl Collector for Fleet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = crate::clock::now();
        let state = self.lock();
        self.encode_own(&state, now, &mut encoder)?;

        let mut proplets: Vec<_> = state.proplets.iter().filter(|(_, p)| p.shown).collect();
        proplets.sort_by(|a, b| a.0.cmp(b.0));
        let proplets = proplets.iter().map(|(name, proplet)| (&***name, *proplet));
        let labelled = || {
            proplets
                .clone()
                .map(|(name, proplet)| ([("proplet", name)], proplet))
        };
        encoder.encode_gauges(
            "proplet_up",
            "Whether the proplet is alive: a liveness message came within the timeout, and its last will did not (1 or 0)",
            labelled().map(|(labels, proplet)| (labels, i64::from(proplet.lives(self.bounds, now)))),
        )?;
        encoder.encode_gauges(
            "proplet_last_seen_timestamp_seconds",
            "Time of the proplet's last message, in seconds since the Unix epoch",
            labelled().map(|(labels, proplet)| (labels, seconds(proplet.seen))),
        )?;
        let identities = proplets.clone().map(|(name, proplet)| {
            let identity = &proplet.identity;
            let labels = [
                ("proplet", name),
                ("namespace", identity.namespace.as_deref().unwrap_or("")),
                ("domain", &identity.domain),
                ("channel", &identity.channel),
            ];
            (labels, 1_i64)
        });
        encoder.encode_gauges(
            "proplet_info",
            "Namespace, domain and channel of the proplet; the value is always 1",
            identities,
        )?;
        let latest =
            || labelled().filter_map(|(labels, proplet)| Some((labels, proplet.latest.as_ref()?)));
        for column in &OF_A_PROPLET {
            column.encode(&mut encoder, latest())?;
        }
        let outboxes =
            || latest().filter_map(|(labels, latest)| Some((labels, latest.outbox.as_ref()?)));
        for column in &OUTBOX_OF_A_PROPLET {
            column.encode(&mut encoder, outboxes())?;
        }

        let mut tasks: Vec<(&str, &str, &Task)> = Vec::new();
        for (name, proplet) in &state.proplets {
            tasks.extend(proplet.tasks.iter().map(|(task, t)| (&**name, &**task, t)));
        }
        tasks.sort_by_key(|(name, task, _)| (*name, *task));
        let tasks = || {
            tasks
                .iter()
                .map(|(name, task, state)| ([("proplet", *name), ("task", *task)], *state))
        };
        for column in &OF_A_TASK {
            column.encode(
                &mut encoder,
                tasks().map(|(labels, task)| (labels, &task.metrics)),
            )?;
        }
        for column in &TRAFFIC_OF_A_TASK {
            let totals = tasks().filter_map(|(labels, task)| {
                let total = (column.value)(&task.counters.totals)?;
                Some((labels, total, Some(task.created())))
            });
            encoder.encode_counters_created(column.name, column.help, totals)?;
        }
        encoder.encode_counters_created(
            "proplet_task_samples",
            "Samples received of the task, without duplicates",
            tasks().map(|(labels, task)| (labels, task.samples, Some(task.created()))),
        )?;
        encoder.encode_gauges(
            "proplet_task_last_sample_timestamp_seconds",
            "Time of the latest sample of the task, in seconds since the Unix epoch",
            tasks().map(|(labels, task)| (labels, seconds(task.at))),
        )
    }
}

impl<T> Column<T> {
    fn encode<'a, L: EncodeLabelSet>(
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

impl Fleet {
    /// The manager's own metrics.
    fn encode_own(
        &self,
        state: &FleetState,
        now: i64,
        encoder: &mut DescriptorEncoder<'_>,
    ) -> fmt::Result {
        let alive = state.proplets.values();
        let alive = alive.filter(|proplet| proplet.lives(self.bounds, now));
        let tasks: usize = state.proplets.values().map(|p| p.tasks.len()).sum();
        encoder.encode_gauge(
            "manager_proplets",
            "Proplets known to the manager",
            state.proplets.len(),
        )?;
        encoder.encode_gauge(
            "manager_proplets_alive",
            "Proplets that are alive",
            alive.count(),
        )?;
        encoder.encode_gauge(
            "manager_tasks",
            "Tasks with series: those with recent samples",
            tasks,
        )?;
        encoder.encode_gauge(
            "manager_series",
            "Series reserved for proplets and tasks on /metrics",
            state.series,
        )?;
        encoder.encode_gauge(
            "manager_series_limit",
            "Maximum number of series for proplets and tasks",
            self.bounds.series,
        )?;
        encoder.encode_counter(
            "manager_series_refused",
            "Samples whose proplet or task got no series because of the limit",
            state.refused,
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "to the microsecond")]
fn seconds(at: i64) -> f64 {
    at as f64 / 1e9
}
