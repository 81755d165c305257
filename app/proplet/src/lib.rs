//! The proplet: monitors itself and its tasks, and publishes what it sees over
//! MQTT, as the requirement document and Propeller's manager understand it.
//! Knows no manager and no service.
//!
//! - [`options`]: what it may be told.
//! - [`agent`]: takes commands, runs tasks, says that it lives.
//! - [`tasks`]: the processes that are tasks; [`workload`]: what those do that
//!   are started here.
//! - [`sampler`]: what the system says of a process; [`history`]: what samples
//!   come to; [`monitor`]: when they are taken.
//! - [`outgoing`]: samples on their way to the outbox of [`golden_mqtt`].
//!
//! Messages, profiles and commands are in [`proplet_schema`].

pub mod agent;
pub mod history;
pub mod monitor;
pub mod options;
pub mod outgoing;
mod presence;
pub mod sampler;
mod start_error;
pub mod tasks;
pub mod workload;

pub use start_error::StartError;
