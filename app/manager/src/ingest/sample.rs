//! Messages as the history and the fleet take them: numbers by place, in the
//! document's units, whoever wrote them.

use serde_json::{Map, Value, json};

use crate::fleet::Outbox;
use crate::history::{AGGREGATED, METRICS, PROPLET_METRICS};
use proplet_schema::{Dialect, OutboxMetrics, PropletMetrics, TaskMetrics};

/// Propeller's Rust proplet takes bytes for KiB.
const PROPELLERS_MEMORY: f64 = 1_024.0;

/// A task's sample.
pub(super) struct TaskValues {
    pub(super) metrics: [Option<f64>; METRICS.len()],
    pub(super) aggregated: Option<[Option<f64>; AGGREGATED.len()]>,
    pub(super) more: Option<String>,
}

impl TaskValues {
    /// Replaces what was read, written, received and sent, where it was told.
    pub(super) fn set_traffic(&mut self, traffic: [f64; 4]) {
        for (value, traffic) in self.metrics[3..7].iter_mut().zip(traffic) {
            if let Some(value) = value {
                *value = traffic;
            }
        }
    }
}

/// The places of a task's message. What a dialect cannot tell is absent.
pub(super) fn task_values(message: &TaskMetrics) -> TaskValues {
    let metrics = &message.metrics;
    let mut values = [
        metrics.cpu_percent,
        float(metrics.memory_bytes),
        metrics.memory_percent,
        float(metrics.disk_read_bytes),
        float(metrics.disk_write_bytes),
        float(metrics.network_rx_bytes),
        float(metrics.network_tx_bytes),
        float(metrics.uptime_seconds),
        float(metrics.thread_count),
        float(metrics.file_descriptor_count),
    ];
    let aggregated = message.aggregated.as_ref();
    let mut aggregated = aggregated.map(|sums| {
        [
            Some(sums.avg_cpu_usage),
            Some(sums.max_cpu_usage),
            float(Some(sums.avg_memory_usage)),
            float(Some(sums.max_memory_usage)),
            float(Some(sums.total_disk_read)),
            float(Some(sums.total_disk_write)),
            float(Some(sums.total_network_rx)),
            float(Some(sums.total_network_tx)),
            float(Some(sums.sample_count)),
        ]
    });
    match message.dialect() {
        Dialect::Document => {}
        Dialect::PropellerRust => {
            scale(&mut values[1], PROPELLERS_MEMORY);
            // Never set.
            values[2] = values[2].filter(|percent| *percent > 0.0);
            // Without the main one, and 0 where it does not know.
            values[8] = values[8].filter(|threads| *threads > 0.0);
            values[8] = values[8].map(|others| others + 1.0);
            values[9] = values[9].filter(|descriptors| *descriptors > 0.0);
            if let Some(sums) = &mut aggregated {
                scale(&mut sums[2], PROPELLERS_MEMORY);
                scale(&mut sums[3], PROPELLERS_MEMORY);
                [sums[6], sums[7]] = [None, None];
            }
        }
        Dialect::PropellerEmbedded => {
            // It counts neither, and says 0.
            for place in [3, 4, 9] {
                values[place] = values[place].filter(|value| *value > 0.0);
            }
        }
    }
    let cgroup = metrics.cgroup.as_ref();
    TaskValues {
        metrics: values,
        aggregated,
        more: cgroup.map(|cgroup| json!({ "cgroup": cgroup }).to_string()),
    }
}

/// The places of a proplet's message.
pub(super) fn proplet_values(
    message: &PropletMetrics,
) -> ([Option<f64>; PROPLET_METRICS.len()], Option<String>) {
    let (cpu, memory) = (&message.cpu_metrics, &message.memory_metrics);
    let values = [
        Some(cpu.user_seconds),
        Some(cpu.system_seconds),
        Some(cpu.percent),
        float(Some(memory.rss_bytes)),
        float(Some(memory.heap_alloc_bytes)),
        float(Some(memory.heap_sys_bytes)),
        float(Some(memory.heap_inuse_bytes)),
        float(memory.container_usage_bytes),
        float(memory.container_limit_bytes),
    ];
    let mut more = Map::new();
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            more.insert(name.to_owned(), value);
        }
    };
    add("metrics", message.metrics.as_ref().map(|told| json!(told)));
    let aggregated = message.aggregated.as_ref();
    add("aggregated", aggregated.map(|told| json!(told)));
    add("outbox", message.outbox.as_ref().map(|told| json!(told)));
    let more = (!more.is_empty()).then(|| Value::Object(more).to_string());
    (values, more)
}

/// What has become of the proplet's messages.
pub(super) fn outbox(told: &OutboxMetrics) -> Outbox {
    [
        told.waiting,
        told.acknowledged_total,
        told.dropped_total,
        told.connections_total,
    ]
    .map(|count| float(Some(count)).unwrap_or_default())
}

fn scale(value: &mut Option<f64>, divisor: f64) {
    if let Some(value) = value {
        *value = (*value / divisor).round();
    }
}

#[expect(clippy::cast_precision_loss, reason = "as Propeller's manager does")]
fn float(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}
