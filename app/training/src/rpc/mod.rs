//! Calls between roles in different processes: gRPC over TCP, by `tonic`. What is called for
//! each batch goes over one stream a pair, which lasts. Knows the messages and nothing of
//! what they do.

mod answers;
mod client;
mod incoming;
mod pipe;
mod server;

pub use client::{EmbeddingWorkerClient, ParameterServerClient, Peer, PeerError};
pub use server::{serve_embedding_worker, serve_parameter_server};

use super::call::CallError;
use super::features::{DIMENSION, FEATURES};
use super::messages::MAX_SAMPLES;

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

/// The longest message: the gradients of all ids of the greatest batch, none of
/// which comes twice, to a single shard.
const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes on their way of a stream, and of all streams of a connection, before the receiver
/// has said that it takes more: several messages of a usual batch, so that none waits for
/// that.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;

/// The longest frame: a usual message is one, and not three of 16 KiB.
const MAX_FRAME_BYTES: u32 = 256 * 1024;

/// What can be asked over a stream: of a shard the first two, of a worker the others.
const LOOK_UP: u32 = 1;
const UPDATE: u32 = 2;
const FORWARD_BATCHED: u32 = 3;
const FORWARD: u32 = 4;

const _: () = {
    let mut ids_per_sample = 0;
    let mut place = 0;
    while place < FEATURES.len() {
        ids_per_sample += FEATURES[place].ids_per_sample.1 as usize;
        place += 1;
    }
    // An id of eight bytes, and four bytes for each number of its gradient.
    let longest = MAX_SAMPLES * ids_per_sample * (8 + 4 * DIMENSION);
    assert!(
        longest + 1024 < MAX_MESSAGE_BYTES,
        "the greatest batch must fit"
    );
};

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        use tonic::Code;
        match status.code() {
            Code::NotFound => Self::UnknownBatch,
            Code::Aborted => Self::BufferFull,
            // The last two are tonic's own, of a message that is too long.
            Code::InvalidArgument | Code::OutOfRange | Code::ResourceExhausted => {
                Self::Invalid(status.message().to_owned())
            }
            Code::FailedPrecondition => Self::Refused(status.message().to_owned()),
            Code::Unimplemented => Self::UnknownCall(String::new()),
            _ => Self::Unavailable(status.message().to_owned()),
        }
    }
}

impl From<CallError> for tonic::Status {
    fn from(error: CallError) -> Self {
        match error {
            CallError::UnknownBatch => Self::not_found(error.to_string()),
            CallError::BufferFull => Self::aborted(error.to_string()),
            CallError::Invalid(reason) => Self::invalid_argument(reason),
            CallError::Refused(reason) => Self::failed_precondition(reason),
            // It is not the caller's call that is unknown.
            CallError::UnknownCall(_) => Self::failed_precondition(error.to_string()),
            CallError::Unavailable(reason) => Self::unavailable(reason),
        }
    }
}
