//! What goes over MQTT between a proplet and a manager: topics, messages,
//! commands, monitoring profiles. Knows no role and no socket.
//!
//! Three dialects are read, one is written. Ours is the document's message
//! with Propeller's `timestamp` beside `metrics`, in RFC 3339, which its real
//! manager understands. Read are also Propeller's Rust proplet's (a `timestamp`
//! of seconds and nanoseconds, no network) and its embedded proplet's (a number
//! of milliseconds since its start).
//!
//! - [`Topics`], [`Topic`]: where what is published.
//! - [`TaskMetrics`], [`PropletMetrics`]: samples; [`Alive`], [`Create`]:
//!   presence; [`TaskResult`]: how a task ended, or why it never began.
//! - [`TaskReport`]: a task's sample in one form, whatever dialect it came in.
//! - [`StartTask`], [`StopTask`]: commands; [`Workload`]: what a task does.
//! - [`MonitoringProfile`], [`Interval`]: what is sampled, and how often; [`Endpoint`],
//!   [`Custom`]: what a task exposes itself, and where.
//! - [`Traceparent`]: the trace that a task belongs to.
//! - [`payload`]: messages as bytes, one or a batch, compressed or not.
//!
//! A message is identified by its proplet, its task and its `timestamp`: a second
//! one with the same three is a duplicate ([`TaskMetrics::identity`]). Where the
//! proplet has no clock, its uptime takes the place of the time.
//!
//! Anything refused is refused by a [`Refusal`]: field, value, remedy.

mod command;
mod custom;
mod endpoint;
mod fields;
mod interval;
mod metrics;
mod numbers;
pub mod payload;
mod presence;
mod profile;
#[cfg(test)]
mod propeller;
mod proplet_metrics;
mod refusal;
mod report;
mod timestamp;
mod topics;
mod traceparent;
mod workload;

pub use command::{StartTask, StopTask, TaskResult};
pub use custom::{Custom, MAX_SERIES as MAX_CUSTOM_SERIES, SeriesName};
pub use endpoint::{Endpoint, Listener};
pub use interval::Interval;
pub use metrics::{Aggregated, CgroupMetrics, Dialect, ProcessMetrics, TaskMetrics};
pub use presence::{Alive, ClockNotice, Create, Metadata, Status};
pub use profile::{MonitoringProfile, ProfileName};
pub use proplet_metrics::{CpuMetrics, MemoryMetrics, OutboxMetrics, PropletMetrics};
pub use refusal::Refusal;
pub use report::{Counting, TaskReport, Traffic};
pub use timestamp::Timestamp;
pub use topics::{Topic, TopicKind, Topics, check_identifier};
pub use traceparent::Traceparent;
pub use workload::{Workload, WorkloadKind};
