//! Calls between roles in different processes: gRPC over TCP, by `tonic`. Knows
//! the messages and nothing of what they do.

mod client;
mod server;

pub use client::{EmbeddingWorkerClient, ParameterServerClient, Peer, PeerError};
pub use server::{serve_embedding_worker, serve_parameter_server};

use super::call::CallError;

/// What `build.rs` writes.
#[allow(
    missing_docs,
    unreachable_pub,
    rust_2018_idioms,
    clippy::all,
    clippy::pedantic
)]
mod generated {
    pub mod parameter_server {
        include!(concat!(
            env!("OUT_DIR"),
            "/golden_signals.ParameterServer.rs"
        ));
    }
    pub mod embedding_worker {
        include!(concat!(
            env!("OUT_DIR"),
            "/golden_signals.EmbeddingWorker.rs"
        ));
    }
}

/// The longest message: a batch of Persia's greatest size has some MiB.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        use tonic::Code;
        match status.code() {
            Code::NotFound => Self::UnknownBatch,
            Code::ResourceExhausted => Self::BufferFull,
            Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => {
                Self::Invalid(status.message().to_owned())
            }
            _ => Self::Unavailable(status.message().to_owned()),
        }
    }
}

impl From<CallError> for tonic::Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownBatch => Self::not_found(error.to_string()),
            CallError::BufferFull => Self::resource_exhausted(error.to_string()),
            CallError::Invalid(reason) => Self::invalid_argument(reason),
            CallError::Unavailable(reason) => Self::unavailable(reason),
        }
    }
}
