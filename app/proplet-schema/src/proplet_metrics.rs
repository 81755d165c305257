//! Samples of the proplet itself as messages.
//!
//! Source of the shape: Propeller's proplet-level message, since the requirement
//! document shows none.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::metrics::{Aggregated, ProcessMetrics};
use super::numbers::{count, namespace, proplet_id, required_count, required_number};
use super::timestamp::Timestamp;

/// A sample of the proplet itself: Propeller's shape, with the document's
/// `metrics` and `aggregated` beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PropletMetrics {
    /// Id of the proplet.
    #[serde(deserialize_with = "proplet_id")]
    pub proplet_id: String,
    /// Kubernetes' namespace, "default" elsewhere.
    #[serde(default, deserialize_with = "namespace")]
    pub namespace: String,
    /// When the sample was taken.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// CPU.
    #[serde(default)]
    pub cpu_metrics: CpuMetrics,
    /// Memory.
    #[serde(default)]
    pub memory_metrics: MemoryMetrics,
    /// The sample, as of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<ProcessMetrics>,
    /// What the samples so far come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregated: Option<Aggregated>,
    /// What has become of the proplet's messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxMetrics>,
}

impl PropletMetrics {
    /// What tells this message from every other of the kind, as with a task's.
    #[must_use]
    pub fn identity(&self) -> Option<(&str, SystemTime)> {
        Some((&self.proplet_id, self.timestamp?.at()?))
    }
}

/// The CPU time that a proplet uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuMetrics {
    /// In user mode since its start, in seconds.
    #[serde(deserialize_with = "required_number")]
    pub user_seconds: f64,
    /// In the kernel since its start, in seconds.
    #[serde(deserialize_with = "required_number")]
    pub system_seconds: f64,
    /// Percent of one core since the sample before (0 in the first). Propeller's
    /// own proplet gives the machine's mean here.
    #[serde(deserialize_with = "required_number")]
    pub percent: f64,
}

/// The memory that a proplet uses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryMetrics {
    /// Resident, in bytes.
    #[serde(deserialize_with = "required_count")]
    pub rss_bytes: u64,
    /// Of the heap, allocated; 0 where unknown.
    #[serde(deserialize_with = "required_count")]
    pub heap_alloc_bytes: u64,
    /// Of the heap, asked from the system; 0 where unknown.
    #[serde(deserialize_with = "required_count")]
    pub heap_sys_bytes: u64,
    /// Of the heap, in use; 0 where unknown.
    #[serde(deserialize_with = "required_count")]
    pub heap_inuse_bytes: u64,
    /// What the container, the control group, uses.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub container_usage_bytes: Option<u64>,
    /// What it may use.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub container_limit_bytes: Option<u64>,
    /// The embedded proplet's.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub heap_free_bytes: Option<u64>,
    /// The embedded proplet's.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub heap_max_alloc_bytes: Option<u64>,
}

/// What has become of a proplet's messages: an addition of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutboxMetrics {
    /// Messages that wait for the broker.
    #[serde(deserialize_with = "required_count")]
    pub waiting: u64,
    /// Messages that it has acknowledged.
    #[serde(deserialize_with = "required_count")]
    pub acknowledged_total: u64,
    /// Messages dropped because too many waited.
    #[serde(deserialize_with = "required_count")]
    pub dropped_total: u64,
    /// Connections to the broker.
    #[serde(deserialize_with = "required_count")]
    pub connections_total: u64,
}
