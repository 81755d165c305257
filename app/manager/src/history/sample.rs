//! A sample as it is written, read back, and answered: one type for all three,
//! so that whoever watches sees what the history will answer.

use proplet_schema::{Aggregated, CpuMetrics, MemoryMetrics, OutboxMetrics, ProcessMetrics};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;

/// A task's sample, as Propeller's manager answers it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TaskSample {
    /// The task.
    pub task_id: String,
    /// The proplet that it runs on.
    pub proplet_id: String,
    /// The measurements; absent where not measured.
    #[schema(value_type = Object)]
    pub metrics: ProcessMetrics,
    /// Aggregates since monitoring began; absent where no history is retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub aggregated: Option<Aggregated>,
    /// When it was taken, RFC 3339.
    #[serde(rename = "timestamp", serialize_with = "clock::serialize")]
    #[schema(value_type = String, example = "2025-01-15T10:30:00.000Z")]
    pub at: i64,
}

/// A proplet's sample, as Propeller's manager answers it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PropletSample {
    /// The proplet.
    pub proplet_id: String,
    /// Its namespace.
    pub namespace: String,
    /// When it was taken, RFC 3339.
    #[serde(rename = "timestamp", serialize_with = "clock::serialize")]
    #[schema(value_type = String, example = "2025-01-15T10:30:00.000Z")]
    pub at: i64,
    /// `user_seconds`, `system_seconds` and `percent`.
    #[schema(value_type = Object)]
    pub cpu_metrics: CpuMetrics,
    /// `rss_bytes` and others.
    #[schema(value_type = Object)]
    pub memory_metrics: MemoryMetrics,
    /// The measurements, as of a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub metrics: Option<ProcessMetrics>,
    /// Aggregates of the samples so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub aggregated: Option<Aggregated>,
    /// Counters of the proplet's outgoing messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub outbox: Option<OutboxMetrics>,
}
