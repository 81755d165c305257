//! The fleet as Prometheus sees it: base units, one series a proplet or task.

use proplet_schema::{OutboxMetrics, ProcessMetrics, Traffic};

use super::proplet::Latest;
use super::{Fleet, Known, Proplet, Task};
use crate::number::exact;
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

const UP: Description = gauge(
    "proplet_up",
    "Whether the proplet lives: it said so lately, and its last will has not come",
);
const LAST_SEEN: Description = gauge(
    "proplet_last_seen_timestamp_seconds",
    "When the proplet last sent anything, in seconds since the Unix epoch",
);
const INFO: Description = gauge(
    "proplet_info",
    "Where the proplet publishes and its namespace; the value is always 1",
);

/// Of a proplet's sample.
const OF_A_PROPLET: [(Description, fn(&Latest) -> Option<f64>); 9] = [
    (
        counter(
            "proplet_cpu_user_seconds_total",
            "Processor time that the proplet itself spent in user mode, in seconds",
        ),
        |latest| Some(latest.cpu.user_seconds),
    ),
    (
        counter(
            "proplet_cpu_system_seconds_total",
            "Processor time that the kernel spent for the proplet itself, in seconds",
        ),
        |latest| Some(latest.cpu.system_seconds),
    ),
    (
        gauge(
            "proplet_cpu_ratio",
            "Processor use as the proplet's own message tells it, where 1 is 100 percent",
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
            "Heap in use by the proplet itself as its allocator counts, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_alloc_bytes)),
    ),
    (
        gauge(
            "proplet_memory_heap_system_bytes",
            "Heap that the proplet itself has from the system, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_sys_bytes)),
    ),
    (
        gauge(
            "proplet_memory_heap_inuse_bytes",
            "Heap pages of the proplet itself that are in use, in bytes",
        ),
        |latest| Some(exact(latest.memory.heap_inuse_bytes)),
    ),
    (
        gauge(
            "proplet_memory_container_usage_bytes",
            "Memory of the proplet's container, in bytes",
        ),
        |latest| latest.memory.container_usage_bytes.map(exact),
    ),
    (
        gauge(
            "proplet_memory_container_limit_bytes",
            "Limit of the memory of the proplet's container, in bytes",
        ),
        |latest| latest.memory.container_limit_bytes.map(exact),
    ),
];

/// What became of a proplet's messages.
const OUTBOX_OF_A_PROPLET: [(Description, fn(&OutboxMetrics) -> u64); 4] = [
    (
        gauge(
            "proplet_messages_waiting",
            "Messages of the proplet that wait for the broker",
        ),
        |outbox| outbox.waiting,
    ),
    (
        counter(
            "proplet_messages_acknowledged_total",
            "Messages of the proplet that the broker has acknowledged",
        ),
        |outbox| outbox.acknowledged_total,
    ),
    (
        counter(
            "proplet_messages_dropped_total",
            "Messages that the proplet has dropped because too many waited for the broker",
        ),
        |outbox| outbox.dropped_total,
    ),
    (
        counter(
            "proplet_broker_connections_total",
            "Connections to the broker that the proplet has made",
        ),
        |outbox| outbox.connections_total,
    ),
];

const SAMPLES: Description = counter(
    "proplet_task_samples_total",
    "Samples of the task that have come",
);
const LAST_SAMPLE: Description = gauge(
    "proplet_task_last_sample_timestamp_seconds",
    "When the latest sample of the task was taken, in seconds since the Unix epoch",
);

/// Of a task's latest sample.
const OF_A_TASK: [(Description, fn(&ProcessMetrics) -> Option<f64>); 6] = [
    (
        gauge(
            "proplet_task_cpu_ratio",
            "Processor use of the task, in cores",
        ),
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
            "Share of the memory there is that the task has, from 0 to 1",
        ),
        |metrics| Some(metrics.memory_percent? * 0.01),
    ),
    (
        gauge(
            "proplet_task_uptime_seconds",
            "Time since the task began, in seconds",
        ),
        |metrics| metrics.uptime_seconds.map(exact),
    ),
    (
        gauge(
            "proplet_task_threads",
            "Threads of the task, with the main one",
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
const TRAFFIC_OF_A_TASK: [(Description, fn(&Traffic) -> Option<u64>); 4] = [
    (
        counter(
            "proplet_task_disk_read_bytes_total",
            "Bytes that the task has read from disk",
        ),
        |traffic| traffic.disk_read_bytes,
    ),
    (
        counter(
            "proplet_task_disk_written_bytes_total",
            "Bytes that the task has written to disk",
        ),
        |traffic| traffic.disk_write_bytes,
    ),
    (
        counter(
            "proplet_task_network_received_bytes_total",
            "Bytes received in the task's network namespace",
        ),
        |traffic| traffic.network_rx_bytes,
    ),
    (
        counter(
            "proplet_task_network_sent_bytes_total",
            "Bytes sent from the task's network namespace",
        ),
        |traffic| traffic.network_tx_bytes,
    ),
];

const PROPLETS: Description = gauge("manager_proplets", "Proplets that the manager knows");
const PROPLETS_ALIVE: Description = gauge("manager_proplets_alive", "Proplets that live");
const TASKS: Description = gauge(
    "manager_tasks",
    "Tasks with series: those that have had samples lately",
);
const SERIES: Description = gauge(
    "manager_series",
    "Series set aside for the proplets and tasks that are shown",
);
const SERIES_LIMIT: Description = gauge("manager_series_limit", "The most there may be of them");
const SERIES_REFUSED: Description = counter(
    "manager_series_refused_total",
    "Samples whose proplet or task has no series because of the limit",
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
                let value = value(proplet.latest.as_ref()?.outbox.as_ref()?);
                Some(description.sample(&[("proplet", name)], exact(value)))
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
            family(description, &|task| value(&task.counters.totals).map(exact));
        }
        family(SAMPLES, &|task| Some(exact(task.samples)));
        family(LAST_SAMPLE, &|task| Some(seconds(task.at)));
    }
}

impl Fleet {
    /// What the manager tells of itself.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn own(&self, state: &Known, now: i64, into: &mut Vec<MetricFamily>) {
        let alive = state.proplets.values();
        let alive = alive.filter(|proplet| proplet.lives(self.bounds, now));
        let tasks: usize = state.proplets.values().map(|p| p.tasks.len()).sum();
        for (description, value) in [
            (PROPLETS, state.proplets.len() as f64),
            (PROPLETS_ALIVE, alive.count() as f64),
            (TASKS, tasks as f64),
            (SERIES, state.series as f64),
            (SERIES_LIMIT, self.bounds.series as f64),
            (SERIES_REFUSED, state.refused as f64),
        ] {
            into.push(description.family(vec![description.sample(&[], value)]));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "to the microsecond")]
fn seconds(at: i64) -> f64 {
    at as f64 / 1e9
}
