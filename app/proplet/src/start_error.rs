//! Why a proplet does not start.

use thiserror::Error;

use golden_mqtt::OptionsError;
use proplet_schema::Refusal;

/// Why a proplet does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The TLS files cannot be used.
    #[error(transparent)]
    Mqtt(#[from] OptionsError),
    /// A process that is to be watched is not there.
    #[error("--watch {id}={pid}: {reason}; give the id of a running process")]
    Watch {
        /// The task's id.
        id: String,
        /// The process's.
        pid: u32,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A task that is to be started with the proplet cannot be.
    #[error("--task {0}")]
    Task(Refusal),
    /// An id, of a task or of the proplet.
    #[error("{0}")]
    Identifier(Refusal),
    /// The system gives no thread, or no look at the proplet itself.
    #[error("cannot start monitoring: {0}; disable it with --enable-monitoring false")]
    Monitor(std::io::Error),
}
