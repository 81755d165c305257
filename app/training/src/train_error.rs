//! Why a process of a training does not start, or ends early, in the words of whoever
//! started it. Each cause is raised, and told in detail, where it is found.

use std::path::PathBuf;

use golden_pushgateway::GroupError;

use super::call::CallError;
use super::checkpoint::CheckpointError;
use super::global_config::ConfigError;
use super::listening::ListeningError;

/// Why a process of a training does not start, or ends early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The configuration says what cannot be.
    #[error("--global-config {path}: {error}")]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        error: ConfigError,
    },
    /// The file of faults cannot be used.
    #[error("--faults-file {path}: {wrong}")]
    Faults {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        wrong: String,
    },
    /// A shard that is not there cannot be slow.
    #[error("--slow-shard {named}: the shards are 0 to {last}")]
    NoSuchShard {
        /// The one that was named.
        named: usize,
        /// The greatest there is.
        last: usize,
    },
    /// It cannot listen, or nobody would find it.
    #[error(transparent)]
    Listening(#[from] ListeningError),
    /// The job's name cannot be used.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The training cannot go on.
    #[error("the training ended")]
    Call(#[from] CallError),
    /// What listens has failed.
    #[error("serving ended")]
    Serve(#[from] tonic::transport::Error),
}
