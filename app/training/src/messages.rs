//! The messages between the roles, in one process as over the network. Only
//! the messages, in the encoding of Protocol Buffers; no behaviour.
//!
//! Ids and numbers are sent at their fixed width: ids are hashes, for which a
//! variable width would be longer and slower.

use super::checkpoint::{CheckpointId, SavedShard};
use super::packed;

/// The most samples of a batch, as in Persia.
pub const MAX_SAMPLES: usize = 65_535;

/// The most bytes of a trainer's name: it is kept for as long as the worker runs.
pub const MAX_NAME_BYTES: usize = 256;

/// A batch, as the trainer that made it names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct BatchRef {
    /// A random number for each start of a trainer, so that nothing left over
    /// from one that has died is taken for a batch of the next.
    #[prost(fixed64, tag = "1")]
    pub session: u64,
    /// Counts the trainer's batches.
    #[prost(uint64, tag = "2")]
    pub number: u64,
}

/// The ids of one feature in a batch, each named once.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FeatureIds {
    /// The distinct ids.
    #[prost(fixed64, repeated, tag = "1")]
    pub unique: Vec<u64>,
    /// For each id of each sample, in order: its place among the distinct ones.
    #[prost(uint32, repeated, tag = "2")]
    pub places: Vec<u32>,
    /// For each sample: how many of the places are its.
    #[prost(uint32, repeated, tag = "3")]
    pub lengths: Vec<u32>,
}

/// The ids of a batch, feature by feature.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchIds {
    /// Whose they are.
    #[prost(message, required, tag = "1")]
    pub batch: BatchRef,
    /// One for each feature, in the order of the features.
    #[prost(message, repeated, tag = "2")]
    pub features: Vec<FeatureIds>,
}

/// Numbers: an embedding after the other, or a gradient after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The numbers.
    pub values: Vec<f32>,
}

packed::message!(Numbers { 1 => values: numbers });

/// A batch's embeddings: for each feature, one sum a sample.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Embeddings {
    /// One for each feature, in the order of the features.
    #[prost(message, repeated, tag = "1")]
    pub features: Vec<Numbers>,
}

/// The gradient that reached one feature's summed embeddings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureGradient {
    /// No gradient reached it: there is nothing to send.
    pub skipped: bool,
    /// One gradient a sample, unless skipped.
    pub values: Vec<f32>,
}

packed::message!(FeatureGradient { 1 => skipped: flag, 2 => values: numbers });

/// A batch's gradients.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchGradients {
    /// Which batch's embeddings they belong to.
    #[prost(message, required, tag = "1")]
    pub batch: BatchRef,
    /// One for each feature, in the order of the features.
    #[prost(message, repeated, tag = "2")]
    pub features: Vec<FeatureGradient>,
}

/// Ids that a shard is to look up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lookup {
    /// The ids, each once.
    pub ids: Vec<u64>,
    /// Whether ids that are missing are to be admitted, and recency renewed.
    pub training: bool,
}

packed::message!(Lookup { 1 => ids: numbers, 2 => training: flag });

/// Gradients that a shard is to apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardGradients {
    /// The ids, each once.
    pub ids: Vec<u64>,
    /// One gradient an id.
    pub values: Vec<f32>,
}

packed::message!(ShardGradients { 1 => ids: numbers, 2 => values: numbers });

/// A message on a stream that lasts: a question, or the answer to it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Envelope {
    /// Counts the questions of a stream; of an answer, which it answers.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// What is asked, see `rpc`; of an answer 0, or the gRPC status of a failure.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// The message itself, or of a failure its reason.
    #[prost(bytes = "bytes", tag = "3")]
    pub body: prost::bytes::Bytes,
}

/// A trainer begins, or ends: what is left of others with its name, or of
/// itself, is to be forgotten.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Session {
    /// The trainer's name.
    #[prost(string, tag = "1")]
    pub trainer: String,
    /// Its session, see [`BatchRef::session`].
    #[prost(fixed64, tag = "2")]
    pub session: u64,
}

/// A trainer is about to begin: the shards are to be able to save, and to have what it
/// goes on from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Prepare {
    /// Checkpoints will be saved.
    #[prost(bool, tag = "1")]
    pub saving: bool,
    /// It goes on from a checkpoint, if there is one.
    #[prost(bool, tag = "2")]
    pub resuming: bool,
    /// That checkpoint.
    #[prost(message, optional, tag = "3")]
    pub checkpoint: Option<CheckpointId>,
    /// The shards that saved it, in their order.
    #[prost(message, repeated, tag = "4")]
    pub saved: Vec<SavedShard>,
    /// Which shard is asked; the worker knows.
    #[prost(uint32, tag = "5")]
    pub shard: u32,
    /// How many shards there are now; the worker knows.
    #[prost(uint32, tag = "6")]
    pub shards: u32,
}

/// Everything learned is to be saved.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Save {
    /// As this checkpoint.
    #[prost(message, required, tag = "1")]
    pub id: CheckpointId,
    /// The last complete checkpoint, whose files stay.
    #[prost(message, optional, tag = "2")]
    pub keep: Option<CheckpointId>,
    /// It will not become complete: what was saved as this checkpoint is to go.
    #[prost(bool, tag = "3")]
    pub discard: bool,
    /// Which shard is asked; the worker knows.
    #[prost(uint32, tag = "4")]
    pub shard: u32,
    /// How many shards there are; the worker knows.
    #[prost(uint32, tag = "5")]
    pub shards: u32,
}

/// What was saved, shard by shard.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SavedShards {
    /// One for each shard, in their order.
    #[prost(message, repeated, tag = "1")]
    pub shards: Vec<SavedShard>,
}

/// It has been done.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Done {}
