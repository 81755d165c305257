//! Samples of tasks as messages.
//!
//! Sources of the names and units: the requirement document's "Message Format"; Propeller's `MetricsMessage` for what the document leaves open.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::custom::Custom;
use super::numbers::{count, number, proplet_id, required_count, required_number, task_id};
use super::timestamp::Timestamp;
use super::traceparent::Traceparent;

/// A sample of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// Which task.
    #[serde(deserialize_with = "task_id")]
    pub task_id: String,
    /// Id of the proplet.
    #[serde(deserialize_with = "proplet_id")]
    pub proplet_id: String,
    /// The sample.
    pub metrics: ProcessMetrics,
    /// What the samples so far come to; null where none are kept.
    #[serde(default)]
    pub aggregated: Option<Aggregated>,
    /// When the sample was taken.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// The trace that the task belongs to: an addition of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
}

impl TaskMetrics {
    /// What tells this message from every other, where its proplet has a
    /// clock: a second message with the same is the first one again.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, &str, SystemTime)> {
        Some((&self.proplet_id, &self.task_id, self.clock()?))
    }

    /// When the sample was taken, where its proplet has a clock.
    pub(super) fn clock(&self) -> Option<SystemTime> {
        let of = |timestamp: Option<Timestamp>| timestamp.and_then(Timestamp::at);
        of(self.timestamp).or_else(|| of(self.metrics.timestamp))
    }

    /// Whose way of writing it is, as far as it can be told.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match (self.timestamp, self.metrics.timestamp) {
            (Some(Timestamp::Uptime(_)), _) => Dialect::PropellerEmbedded,
            (Some(Timestamp::At(_)), None) => Dialect::PropellerRust,
            _ => Dialect::Document,
        }
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The requirement document's, ours.
    Document,
    /// Propeller's Rust proplet's; it counts memory 1,024 times too large and
    /// threads without the main one, and its disk bytes since the task's start.
    PropellerRust,
    /// Propeller's embedded proplet's.
    PropellerEmbedded,
}

/// What was seen of a process. A metric that is switched off, or that the
/// system does not tell, is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessMetrics {
    /// Percent of one core, since the sample before; of several cores more than
    /// 100. Absent in the first sample.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Resident memory, in bytes.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The same in percent of the control group's limit, or of the machine's
    /// memory where there is none.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<f64>,
    /// Bytes read from storage since the sample before.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub disk_read_bytes: Option<u64>,
    /// Bytes written to storage since the sample before.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub disk_write_bytes: Option<u64>,
    /// Bytes received in the network namespace since the sample before.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub network_rx_bytes: Option<u64>,
    /// Bytes sent in the network namespace since the sample before.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub network_tx_bytes: Option<u64>,
    /// Bytes that peers sent and the process's own TCP sockets received, since the
    /// sample before: an addition of ours, as the two that follow.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub tcp_rx_bytes: Option<u64>,
    /// Bytes that they sent and peers acknowledged, since the sample before.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub tcp_tx_bytes: Option<u64>,
    /// The number of the network namespace that `network_*` counts: what several
    /// tasks of a proplet say of one namespace is the same bytes.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub network_namespace: Option<u64>,
    /// Whole seconds since the process's start.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub uptime_seconds: Option<u64>,
    /// Threads, with the main one.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub thread_count: Option<u64>,
    /// Open file descriptors.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub file_descriptor_count: Option<u64>,
    /// Processes that all of this was counted of, with a profile's `process_tree`:
    /// an addition of ours.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub process_count: Option<u64>,
    /// What its control group has used, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<CgroupMetrics>,
    /// What it exposes itself, where its profile says where: an addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<Custom>,
    /// When the sample was taken.
    #[serde(
        serialize_with = "Timestamp::serialize_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub timestamp: Option<Timestamp>,
}

/// What a process's control group has used and may use: an addition of ours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CgroupMetrics {
    /// CPU time that the group has used so far, in seconds.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// How many cores it may use, where that is limited.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_limit_cores: Option<f64>,
    /// Memory that it uses, in bytes, page cache included.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Memory that it may use, in bytes, where that is limited.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Seconds in which it had used up its CPU quota and wanted more. This and what
    /// follows are totals since the group was made.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_throttled_seconds: Option<f64>,
    /// Times that it exceeded `memory.high`.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub memory_high_events: Option<u64>,
    /// Processes that were killed for want of memory.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub memory_oom_kills: Option<u64>,
    /// Seconds in which one of its processes at least waited for CPU.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_waiting_seconds: Option<f64>,
    /// Seconds in which all of them did.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub cpu_stalled_seconds: Option<f64>,
    /// The same for memory.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub memory_waiting_seconds: Option<f64>,
    /// The same for memory.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub memory_stalled_seconds: Option<f64>,
    /// The same for I/O.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub io_waiting_seconds: Option<f64>,
    /// The same for I/O.
    #[serde(deserialize_with = "number", skip_serializing_if = "Option::is_none")]
    pub io_stalled_seconds: Option<f64>,
}

impl CgroupMetrics {
    /// Whether it has any of the totals of what happened in the group.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.cpu_throttled_seconds.is_some()
            || self.memory_high_events.is_some()
            || self.memory_oom_kills.is_some()
            || self.cpu_waiting_seconds.is_some()
            || self.memory_waiting_seconds.is_some()
            || self.io_waiting_seconds.is_some()
    }
}

/// What samples come to: mean and maximum over the history that is kept, totals
/// since monitoring began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aggregated {
    /// Percent of one core.
    #[serde(deserialize_with = "required_number")]
    pub avg_cpu_usage: f64,
    /// Percent of one core.
    #[serde(deserialize_with = "required_number")]
    pub max_cpu_usage: f64,
    /// Bytes.
    #[serde(deserialize_with = "required_count")]
    pub avg_memory_usage: u64,
    /// Bytes.
    #[serde(deserialize_with = "required_count")]
    pub max_memory_usage: u64,
    /// Bytes.
    #[serde(deserialize_with = "required_count")]
    pub total_disk_read: u64,
    /// Bytes.
    #[serde(deserialize_with = "required_count")]
    pub total_disk_write: u64,
    /// Bytes; absent where the network is not measured.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub total_network_rx: Option<u64>,
    /// Bytes; absent where the network is not measured.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub total_network_tx: Option<u64>,
    /// Samples in the history.
    #[serde(deserialize_with = "required_count")]
    pub sample_count: u64,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::super::PropletMetrics;
    use super::*;

    #[test]
    fn our_message_has_the_documents_keys_and_propellers_timestamp() {
        let at = Timestamp::At(UNIX_EPOCH + Duration::from_millis(1_736_937_000_000));
        let message = TaskMetrics {
            task_id: "t".to_owned(),
            proplet_id: "p".to_owned(),
            metrics: ProcessMetrics {
                cpu_percent: Some(42.5),
                memory_bytes: Some(67_108_864),
                memory_percent: Some(1.5),
                disk_read_bytes: Some(1_048_576),
                disk_write_bytes: Some(524_288),
                network_rx_bytes: Some(4096),
                network_tx_bytes: Some(8192),
                uptime_seconds: Some(120),
                thread_count: Some(4),
                file_descriptor_count: Some(12),
                timestamp: Some(at),
                ..ProcessMetrics::default()
            },
            aggregated: Some(Aggregated {
                avg_cpu_usage: 38.2,
                max_cpu_usage: 65.0,
                avg_memory_usage: 62_914_560,
                max_memory_usage: 71_303_168,
                total_disk_read: 2_097_152,
                total_disk_write: 1_048_576,
                total_network_rx: Some(12_288),
                total_network_tx: Some(24_576),
                sample_count: 24,
            }),
            timestamp: Some(at),
            traceparent: None,
        };
        let expected = json!({
            "task_id": "t",
            "proplet_id": "p",
            "metrics": {
                "cpu_percent": 42.5, "memory_bytes": 67_108_864, "memory_percent": 1.5,
                "disk_read_bytes": 1_048_576, "disk_write_bytes": 524_288,
                "network_rx_bytes": 4096, "network_tx_bytes": 8192, "uptime_seconds": 120,
                "thread_count": 4, "file_descriptor_count": 12,
                "timestamp": "2025-01-15T10:30:00.000Z"
            },
            "aggregated": {
                "avg_cpu_usage": 38.2, "max_cpu_usage": 65.0, "avg_memory_usage": 62_914_560,
                "max_memory_usage": 71_303_168, "total_disk_read": 2_097_152,
                "total_disk_write": 1_048_576, "total_network_rx": 12_288,
                "total_network_tx": 24_576, "sample_count": 24
            },
            "timestamp": "2025-01-15T10:30:00.000000Z"
        });
        assert_eq!(serde_json::to_value(&message).unwrap(), expected);
        let again: TaskMetrics = serde_json::from_value(expected).unwrap();
        assert_eq!(again, message);
        assert_eq!(again.dialect(), Dialect::Document);
    }

    #[test]
    fn propellers_rust_proplet_is_understood() {
        let message = r#"{"task_id":"550e8400","proplet_id":"7c9e6679",
            "metrics":{"cpu_percent":12.300000190734863,"memory_bytes":41536192512,
             "memory_percent":0.0,"disk_read_bytes":298450944,"disk_write_bytes":146755584,
             "uptime_seconds":10,"thread_count":5,"file_descriptor_count":12},
            "aggregated":null,
            "timestamp":{"secs_since_epoch":1737000000,"nanos_since_epoch":123456789}}"#;
        let message: TaskMetrics = serde_json::from_str(message).unwrap();
        assert_eq!(message.dialect(), Dialect::PropellerRust);
        assert_eq!(message.metrics.network_rx_bytes, None);
        let at = UNIX_EPOCH + Duration::new(1_737_000_000, 123_456_789);
        assert_eq!(message.identity(), Some(("7c9e6679", "550e8400", at)));
    }

    #[test]
    fn propellers_embedded_proplet_is_understood() {
        let message = json!({
            "task_id": "t", "proplet_id": "e",
            "metrics": {"cpu_percent": 3, "memory_bytes": 65536.0, "disk_read_bytes": 0},
            "aggregated": {"avg_cpu_usage": 3, "sample_count": 4},
            "timestamp": 120_000
        });
        let message: TaskMetrics = serde_json::from_value(message).unwrap();
        assert_eq!(message.dialect(), Dialect::PropellerEmbedded);
        assert_eq!(message.metrics.memory_bytes, Some(65_536));
        assert_eq!(message.identity(), None);
        assert_eq!(message.clock(), None);
        let own = json!({
            "proplet_id": "e", "namespace": "embedded", "timestamp": 120_000,
            "cpu_metrics": {"user_seconds": 0.5, "system_seconds": 0, "percent": 1.5},
            "memory_metrics": {"rss_bytes": 0, "heap_alloc_bytes": 10, "heap_sys_bytes": 20,
                "heap_inuse_bytes": 10, "heap_free_bytes": 10, "heap_max_alloc_bytes": 15}
        });
        let own: PropletMetrics = serde_json::from_value(own).unwrap();
        assert_eq!(own.memory_metrics.heap_free_bytes, Some(10));
        assert_eq!((own.identity(), &own.metrics), (None, &None));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let with = |field: &str, value: Value| {
            let mut message = json!({"task_id": "t", "proplet_id": "p", "metrics": {}});
            match field.split_once('.') {
                Some((object, field)) => message[object][field] = value,
                None => message[field] = value,
            }
            serde_json::from_value::<TaskMetrics>(message)
        };
        assert!(with("task_id", json!("t")).is_ok());
        for (field, value) in [
            ("task_id", json!("")),
            ("task_id", json!("a\nb")),
            ("task_id", json!(1)),
            ("proplet_id", json!("x".repeat(257))),
            ("metrics", json!(null)),
            ("metrics.cpu_percent", json!(-1)),
            ("metrics.cpu_percent", json!("1")),
            ("metrics.cpu_percent", json!(1.7e308)),
            (
                "metrics.custom",
                json!({"series": [{"name": "a b", "value": 1}]}),
            ),
            ("traceparent", json!("00-0-0-00")),
            ("metrics.memory_bytes", json!(-1)),
            ("metrics.memory_bytes", json!(1.5)),
            ("metrics.memory_bytes", json!(1e30)),
            ("aggregated", json!(3)),
            ("timestamp", json!("never")),
        ] {
            assert!(with(field, value.clone()).is_err(), "{field} {value}");
        }
    }
}
