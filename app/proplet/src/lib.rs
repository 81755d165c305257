//! The proplet: monitors itself and its tasks, and publishes what it sees over
//! MQTT, as the requirement document and Propeller's manager understand it.
//! Knows no manager and no service.
//!
//! - [`options`]: the command-line options.
//! - [`agent`]: handles commands, runs tasks, reports liveness.
//! - [`tasks`]: the processes of tasks; [`workload`]: the built-in workloads.
//! - [`sampler`]: reads a process's metrics from the system; [`history`]:
//!   aggregates samples; [`monitor`]: schedules sampling.
//! - [`application`]: asks tasks for the metrics that they expose themselves.
//! - [`outgoing`]: batches and compresses samples for the outbox of
//!   [`golden_mqtt`].
//!
//! Messages, profiles and commands are in [`proplet_schema`].

pub mod agent;
pub mod application;
pub mod history;
pub mod monitor;
mod number;
pub mod options;
pub mod outgoing;
mod presence;
pub mod sampler;
mod start_error;
pub mod tasks;
pub mod workload;

pub use start_error::StartError;
