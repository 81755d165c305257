//! A task's sample in one form, whatever dialect it came in. Everything that
//! differs between proplets ends here: whoever reads a [`TaskReport`] asks for
//! no dialect.

use serde::Deserialize;

use super::metrics::{Aggregated, Dialect, ProcessMetrics, TaskMetrics};
use super::timestamp::Timestamp;
use super::traceparent::Traceparent;

/// Propeller's Rust proplet takes bytes for KiB.
const PROPELLER_MEMORY_FACTOR: f64 = 1_024.0;

/// A task's sample: the document's units, and absent what its proplet cannot
/// measure.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "TaskMetrics")]
pub struct TaskReport {
    /// The task.
    pub task_id: String,
    /// The proplet that it runs on.
    pub proplet_id: String,
    /// When the sample was taken; `None` where the proplet did not say.
    pub taken: Option<Timestamp>,
    /// What was measured, without a time of its own.
    pub metrics: ProcessMetrics,
    /// What the bytes among [`Self::metrics`] count.
    pub counting: Counting,
    /// What the samples so far come to.
    pub aggregated: Option<Aggregated>,
    /// The trace that the task belongs to.
    pub traceparent: Option<Traceparent>,
}

/// What the bytes of a sample count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Those since the sample before: the document's way, and ours.
    SinceLast,
    /// Those since the process's start: Propeller's Rust proplet.
    SinceStart,
}

/// Bytes that a task has read, written, received and sent; `None` where that is
/// not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Read from storage.
    pub disk_read_bytes: Option<u64>,
    /// Written to storage.
    pub disk_write_bytes: Option<u64>,
    /// Received in the network namespace.
    pub network_rx_bytes: Option<u64>,
    /// Sent in the network namespace.
    pub network_tx_bytes: Option<u64>,
    /// Received by the process's own TCP sockets.
    pub tcp_rx_bytes: Option<u64>,
    /// Sent by them, and acknowledged.
    pub tcp_tx_bytes: Option<u64>,
}

impl Traffic {
    /// Combines field by field.
    #[must_use]
    pub fn zip(
        self,
        other: Self,
        combine: impl Fn(Option<u64>, Option<u64>) -> Option<u64>,
    ) -> Self {
        Self {
            disk_read_bytes: combine(self.disk_read_bytes, other.disk_read_bytes),
            disk_write_bytes: combine(self.disk_write_bytes, other.disk_write_bytes),
            network_rx_bytes: combine(self.network_rx_bytes, other.network_rx_bytes),
            network_tx_bytes: combine(self.network_tx_bytes, other.network_tx_bytes),
            tcp_rx_bytes: combine(self.tcp_rx_bytes, other.tcp_rx_bytes),
            tcp_tx_bytes: combine(self.tcp_tx_bytes, other.tcp_tx_bytes),
        }
    }

    /// The sum; `None` only where neither is measured.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (one, None) | (None, one) => one,
        })
    }
}

impl ProcessMetrics {
    /// The bytes among them.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            disk_read_bytes: self.disk_read_bytes,
            disk_write_bytes: self.disk_write_bytes,
            network_rx_bytes: self.network_rx_bytes,
            network_tx_bytes: self.network_tx_bytes,
            tcp_rx_bytes: self.tcp_rx_bytes,
            tcp_tx_bytes: self.tcp_tx_bytes,
        }
    }

    /// Replaces the bytes among them.
    pub fn set_traffic(&mut self, traffic: Traffic) {
        self.disk_read_bytes = traffic.disk_read_bytes;
        self.disk_write_bytes = traffic.disk_write_bytes;
        self.network_rx_bytes = traffic.network_rx_bytes;
        self.network_tx_bytes = traffic.network_tx_bytes;
        self.tcp_rx_bytes = traffic.tcp_rx_bytes;
        self.tcp_tx_bytes = traffic.tcp_tx_bytes;
    }
}

impl From<TaskMetrics> for TaskReport {
    fn from(message: TaskMetrics) -> Self {
        let dialect = message.dialect();
        let taken = message
            .clock()
            .map(Timestamp::At)
            .or(message.timestamp)
            .or(message.metrics.timestamp);
        let mut metrics = message.metrics;
        metrics.timestamp = None;
        let mut aggregated = message.aggregated;
        let mut counting = Counting::SinceLast;
        let positive = |value: &u64| *value > 0;
        match dialect {
            Dialect::Document => {}
            Dialect::PropellerRust => {
                counting = Counting::SinceStart;
                metrics.memory_bytes = metrics.memory_bytes.map(unscaled);
                // Never set.
                metrics.memory_percent = metrics.memory_percent.filter(|percent| *percent > 0.0);
                // Without the main one, and 0 where it does not know.
                let others = metrics.thread_count.filter(positive);
                metrics.thread_count = others.map(|others| others.saturating_add(1));
                metrics.file_descriptor_count = metrics.file_descriptor_count.filter(positive);
                if let Some(sums) = &mut aggregated {
                    sums.avg_memory_usage = unscaled(sums.avg_memory_usage);
                    sums.max_memory_usage = unscaled(sums.max_memory_usage);
                    (sums.total_network_rx, sums.total_network_tx) = (None, None);
                }
            }
            Dialect::PropellerEmbedded => {
                // It counts none of them, and says 0.
                metrics.disk_read_bytes = metrics.disk_read_bytes.filter(positive);
                metrics.disk_write_bytes = metrics.disk_write_bytes.filter(positive);
                metrics.file_descriptor_count = metrics.file_descriptor_count.filter(positive);
            }
        }
        Self {
            task_id: message.task_id,
            proplet_id: message.proplet_id,
            taken,
            metrics,
            counting,
            aggregated,
            traceparent: message.traceparent,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no machine has 2^52 KiB"
)]
fn unscaled(bytes: u64) -> u64 {
    (bytes as f64 / PROPELLER_MEMORY_FACTOR).round() as u64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;

    fn report(message: Value) -> TaskReport {
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn ours_is_taken_as_it_is() {
        let report = report(json!({
            "task_id": "t", "proplet_id": "p",
            "metrics": {"cpu_percent": 0.0, "disk_read_bytes": 0, "file_descriptor_count": 0,
                "thread_count": 0, "timestamp": "1970-01-01T00:00:01.500Z"},
            "aggregated": {"sample_count": 2, "total_network_rx": 0}
        }));
        assert_eq!(report.counting, Counting::SinceLast);
        let taken = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(report.taken, Some(Timestamp::At(taken)));
        let expected = ProcessMetrics {
            cpu_percent: Some(0.0),
            disk_read_bytes: Some(0),
            file_descriptor_count: Some(0),
            thread_count: Some(0),
            ..ProcessMetrics::default()
        };
        assert_eq!(report.metrics, expected);
        assert_eq!(report.aggregated.unwrap().total_network_rx, Some(0));
    }

    #[test]
    fn propellers_rust_proplet_in_the_documents_units() {
        let report = report(json!({
            "task_id": "t", "proplet_id": "p",
            "metrics": {"cpu_percent": 1.5, "memory_bytes": 41_536_192_512_u64,
                "memory_percent": 0.0, "disk_read_bytes": 100, "disk_write_bytes": 0,
                "uptime_seconds": 10, "thread_count": 5, "file_descriptor_count": 0},
            "aggregated": {"avg_memory_usage": 2_048, "max_memory_usage": 4_096,
                "total_network_rx": 0, "sample_count": 1},
            "timestamp": {"secs_since_epoch": 1, "nanos_since_epoch": 2}
        }));
        assert_eq!(report.counting, Counting::SinceStart);
        let taken = UNIX_EPOCH + Duration::new(1, 2);
        assert_eq!(report.taken, Some(Timestamp::At(taken)));
        let expected = ProcessMetrics {
            cpu_percent: Some(1.5),
            memory_bytes: Some(40_562_688),
            disk_read_bytes: Some(100),
            disk_write_bytes: Some(0),
            uptime_seconds: Some(10),
            thread_count: Some(6),
            ..ProcessMetrics::default()
        };
        assert_eq!(report.metrics, expected);
        let aggregated = report.aggregated.unwrap();
        let memory = (aggregated.avg_memory_usage, aggregated.max_memory_usage);
        assert_eq!(memory, (2, 4));
        assert_eq!(aggregated.total_network_rx, None);
    }

    #[test]
    fn the_embedded_proplets_zeros_are_no_measurements() {
        let report = report(json!({
            "task_id": "t", "proplet_id": "p",
            "metrics": {"memory_percent": 0.5, "disk_read_bytes": 0, "disk_write_bytes": 0,
                "thread_count": 1, "file_descriptor_count": 0},
            "timestamp": 120_000
        }));
        assert_eq!(report.counting, Counting::SinceLast);
        let uptime = Duration::from_secs(120);
        assert_eq!(report.taken, Some(Timestamp::Uptime(uptime)));
        let expected = ProcessMetrics {
            memory_percent: Some(0.5),
            thread_count: Some(1),
            ..ProcessMetrics::default()
        };
        assert_eq!(report.metrics, expected);
    }

    #[test]
    fn traffic_adds_up_where_it_is_measured() {
        let one = Traffic {
            disk_read_bytes: Some(1),
            disk_write_bytes: Some(u64::MAX),
            ..Traffic::default()
        };
        let sum = one.plus(one);
        assert_eq!(sum.disk_read_bytes, Some(2));
        assert_eq!(sum.disk_write_bytes, Some(u64::MAX));
        assert_eq!(sum.network_rx_bytes, None);
    }
}
