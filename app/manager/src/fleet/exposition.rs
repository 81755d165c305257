//! The fleet as Prometheus sees it: base units, one series a proplet or task.

use proplet_schema::{OutboxMetrics, ProcessMetrics, Traffic};

use super::proplet::Latest;
use super::{Fleet, FleetState, Proplet, Task};
use crate::number::{exact, length};
use golden_metrics::model::{MetricFamily, MetricType};
use golden_metrics::{Collect, Description, model};

const fn gauge(name: &'static str, help: &'static str) -> Description {
    Description {
        name,
        help,
        kind: MetricType::Gauge,
    }
}

const fn counter(name: &'static str, help: &'static str) -> Description {
    Description {
        name,
        help,
        kind: MetricType::Counter,
    }
}

/// What a metric shows of what is known; `None` where that was not measured.
type Value<T> = fn(&T) -> Option<f64>;

const UP: Description = gauge(
    "proplet_up",
    "Whether the proplet is alive: a liveness message came within the timeout, and its last will did not (1 or 0)",
);
const LAST_SEEN: Description = gauge(
    "proplet_last_seen_timestamp_seconds",
    "Time of the proplet's last message, in seconds since the Unix epoch",
);
const INFO: Description = gauge(
    "proplet_info",
    "Namespace, domain and channel of the proplet; the value is always 1",
);

/// Of a proplet's sample.
const OF_A_PROPLET: [(Description, Value<Latest>); 9] = [
    (
        counter(
            "proplet_cpu_user_seconds_total",
            "User CPU time of the proplet itself, in seconds",
        ),
        |latest| Some(latest.cpu.user_seconds),
    ),
    (
        counter(
            "proplet_cpu_system_seconds_total",
            "System CPU time of the proplet itself, in seconds",
        ),
        |latest| Some(latest.cpu.system_seconds),
    ),
    (
        gauge(
            "proplet_cpu_ratio",
            "CPU usage of the proplet itself as it reports it, where 1 is 100 percent",
        ),
        |latest| Some(latest.cpu.percent * 0.01),
    ),
    (
        gauge(
            "proplet_memory_rss_bytes",
            "Resident memory of the proplet itself, in bytes",
        ),
        |latest| Some(exact(latest.memory.rss_bytes)),
    ),
    (
        gauge(
            "proplet_memory_heap_allocated_bytes",
            "Heap memory allocated by the proplet itself, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_alloc_bytes)),
    ),
    (
        gauge(
            "proplet_memory_heap_system_bytes",
            "Heap memory that the proplet itself obtained from the system, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_sys_bytes)),
    ),
    (
        gauge(
            "proplet_memory_heap_inuse_bytes",
            "Heap memory of the proplet itself in pages that are in use, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_inuse_bytes)),
    ),
    (
        gauge(
            "proplet_memory_container_usage_bytes",
            "Memory usage of the proplet's container, in bytes",
        ),
        |latest| latest.memory.container_usage_bytes.map(exact),
    ),
    (
        gauge(
            "proplet_memory_container_limit_bytes",
            "Memory limit of the proplet's container, in bytes",
        ),
        |latest| latest.memory.container_limit_bytes.map(exact),
    ),
];

/// What became of a proplet's messages.
const OUTBOX_OF_A_PROPLET: [(Description, Value<OutboxMetrics>); 4] = [
    (
        gauge(
            "proplet_messages_waiting",
            "Messages queued in the proplet until the broker takes them",
        ),
        |outbox| Some(exact(outbox.waiting)),
    ),
    (
        counter(
            "proplet_messages_acknowledged_total",
            "Messages of the proplet that the broker acknowledged",
        ),
        |outbox| Some(exact(outbox.acknowledged_total)),
    ),
    (
        counter(
            "proplet_messages_dropped_total",
            "Messages that the proplet dropped because its queue was full",
        ),
        |outbox| Some(exact(outbox.dropped_total)),
    ),
    (
        counter(
            "proplet_broker_connections_total",
            "Connections that the proplet made to the broker",
        ),
        |outbox| Some(exact(outbox.connections_total)),
    ),
];

const SAMPLES: Description = counter(
    "proplet_task_samples_total",
    "Samples received of the task, without duplicates",
);
const LAST_SAMPLE: Description = gauge(
    "proplet_task_last_sample_timestamp_seconds",
    "Time of the latest sample of the task, in seconds since the Unix epoch",
);

/// Of a task's latest sample.
const OF_A_TASK: [(Description, Value<ProcessMetrics>); 6] = [
    (
        gauge("proplet_task_cpu_ratio", "CPU usage of the task, in cores"),
        |metrics| Some(metrics.cpu_percent? * 0.01),
    ),
    (
        gauge(
            "proplet_task_memory_bytes",
            "Resident memory of the task, in bytes",
        ),
        |metrics| metrics.memory_bytes.map(exact),
    ),
    (
        gauge(
            "proplet_task_memory_ratio",
            "Resident memory of the task as a ratio of its limit, or of the machine's memory, from 0 to 1",
        ),
        |metrics| Some(metrics.memory_percent? * 0.01),
    ),
    (
        gauge(
            "proplet_task_uptime_seconds",
            "Time since the start of the task, in seconds",
        ),
        |metrics| metrics.uptime_seconds.map(exact),
    ),
    (
        gauge(
            "proplet_task_threads",
            "Threads of the task, including the main thread",
        ),
        |metrics| metrics.thread_count.map(exact),
    ),
    (
        gauge("proplet_task_open_fds", "Open file descriptors of the task"),
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
const TRAFFIC_OF_A_TASK: [(Description, Value<Traffic>); 4] = [
    (
        counter(
            "proplet_task_disk_read_bytes_total",
            "Bytes that the task read from disk",
        ),
        |traffic| traffic.disk_read_bytes.map(exact),
    ),
    (
        counter(
            "proplet_task_disk_written_bytes_total",
            "Bytes that the task wrote to disk",
        ),
        |traffic| traffic.disk_write_bytes.map(exact),
    ),
    (
        counter(
            "proplet_task_network_received_bytes_total",
            "Bytes received in the task's network namespace",
        ),
        |traffic| traffic.network_rx_bytes.map(exact),
    ),
    (
        counter(
            "proplet_task_network_sent_bytes_total",
            "Bytes sent from the task's network namespace",
        ),
        |traffic| traffic.network_tx_bytes.map(exact),
    ),
];

const PROPLETS: Description = gauge("manager_proplets", "Proplets known to the manager");
const PROPLETS_ALIVE: Description = gauge("manager_proplets_alive", "Proplets that are alive");
const TASKS: Description = gauge(
    "manager_tasks",
    "Tasks with series: those with recent samples",
);
const SERIES: Description = gauge(
    "manager_series",
    "Series reserved for proplets and tasks on /metrics",
);
const SERIES_LIMIT: Description = gauge(
    "manager_series_limit",
    "Maximum number of series for proplets and tasks",
);
const SERIES_REFUSED: Description = counter(
    "manager_series_refused_total",
    "Samples whose proplet or task got no series because of the limit",
);

impl Collect for Fleet {
    fn collect(&self, into: &mut Vec<MetricFamily>) {
        let now = crate::clock::now();
        let state = self.lock();
        self.own(&state, now, into);

        let mut proplets: Vec<_> = state.proplets.iter().filter(|(_, p)| p.shown).collect();
        proplets.sort_by(|a, b| a.0.cmp(b.0));
        let series = |of: &dyn Fn(&str, &Proplet) -> Option<model::Metric>| {
            let found = proplets
                .iter()
                .filter_map(|(name, proplet)| of(name, proplet));
            found.collect::<Vec<_>>()
        };
        into.push(UP.family(series(&|name, proplet| {
            let lives = f64::from(u8::from(proplet.lives(self.bounds, now)));
            Some(UP.sample(&[("proplet", name)], lives))
        })));
        into.push(LAST_SEEN.family(series(&|name, proplet| {
            Some(LAST_SEEN.sample(&[("proplet", name)], seconds(proplet.seen)))
        })));
        into.push(INFO.family(series(&|name, proplet| {
            let identity = &proplet.identity;
            let labels = [
                ("proplet", name),
                ("namespace", identity.namespace.as_deref().unwrap_or("")),
                ("domain", &identity.domain),
                ("channel", &identity.channel),
            ];
            Some(INFO.sample(&labels, 1.0))
        })));
        for (description, value) in OF_A_PROPLET {
            into.push(description.family(series(&|name, proplet| {
                let value = value(proplet.latest.as_ref()?)?;
                Some(description.sample(&[("proplet", name)], value))
            })));
        }
        for (description, value) in OUTBOX_OF_A_PROPLET {
            into.push(description.family(series(&|name, proplet| {
                let value = value(proplet.latest.as_ref()?.outbox.as_ref()?)?;
                Some(description.sample(&[("proplet", name)], value))
            })));
        }

        let mut tasks: Vec<(&str, &str, &Task)> = Vec::new();
        for (name, proplet) in &state.proplets {
            tasks.extend(proplet.tasks.iter().map(|(task, t)| (&**name, &**task, t)));
        }
        tasks.sort_by_key(|(name, task, _)| (*name, *task));
        let mut family = |description: Description, value: &dyn Fn(&Task) -> Option<f64>| {
            let series = tasks.iter().filter_map(|(name, task, state)| {
                let labels = [("proplet", *name), ("task", *task)];
                Some(description.sample(&labels, value(state)?))
            });
            into.push(description.family(series.collect()));
        };
        for (description, value) in OF_A_TASK {
            family(description, &|task| value(&task.metrics));
        }
        for (description, value) in TRAFFIC_OF_A_TASK {
            family(description, &|task| value(&task.counters.totals));
        }
        family(SAMPLES, &|task| Some(exact(task.samples)));
        family(LAST_SAMPLE, &|task| Some(seconds(task.at)));
    }
}

impl Fleet {
    /// The manager's own metrics.
    fn own(&self, state: &FleetState, now: i64, into: &mut Vec<MetricFamily>) {
        let alive = state.proplets.values();
        let alive = alive.filter(|proplet| proplet.lives(self.bounds, now));
        let tasks: usize = state.proplets.values().map(|p| p.tasks.len()).sum();
        for (description, value) in [
            (PROPLETS, length(state.proplets.len())),
            (PROPLETS_ALIVE, length(alive.count())),
            (TASKS, length(tasks)),
            (SERIES, length(state.series)),
            (SERIES_LIMIT, length(self.bounds.series)),
            (SERIES_REFUSED, exact(state.refused)),
        ] {
            into.push(description.family(vec![description.sample(&[], value)]));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "to the microsecond")]
fn seconds(at: i64) -> f64 {
    at as f64 / 1e9
}
