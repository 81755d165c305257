//! What is in the files of a checkpoint. Only the messages, and whether they are of this
//! program's shape.

use std::fmt;

use crate::embedding_table::EmbeddingTable;
use crate::features::{DIMENSION, FEATURES};

/// Which checkpoint: each is saved once, whatever was saved at the same step before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
pub struct CheckpointId {
    /// The steps done.
    #[prost(uint64, tag = "1")]
    pub step: u64,
    /// The session of the trainer, see [`crate::messages::BatchRef::session`].
    #[prost(fixed64, tag = "2")]
    pub session: u64,
}

/// As in the names of its files.
impl CheckpointId {
    pub(super) fn in_file_names(self) -> String {
        format!("step-{}.{:016x}", self.step, self.session)
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.in_file_names())
    }
}

/// A shard's part of a checkpoint, as the manifest knows it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct SavedShard {
    /// The CRC-32 of its file's body.
    #[prost(fixed32, tag = "1")]
    pub checksum: u32,
    /// Its embeddings.
    #[prost(uint64, tag = "2")]
    pub entries: u64,
}

/// The manifest of a checkpoint, and what its trainer goes on from. Written last: where it
/// is, the shards' files are.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrainerState {
    /// Which one.
    #[prost(message, required, tag = "1")]
    pub id: CheckpointId,
    /// The age of the universe of ids.
    #[prost(double, tag = "2")]
    pub age: f64,
    /// The network, see [`crate::dense::DenseNetwork::state`].
    #[prost(float, repeated, tag = "3")]
    pub network: Vec<f32>,
    /// The shards' parts, in their order.
    #[prost(message, repeated, tag = "4")]
    pub shards: Vec<SavedShard>,
    /// The names of the features.
    #[prost(string, repeated, tag = "5")]
    pub features: Vec<String>,
    /// The length of every embedding.
    #[prost(uint32, tag = "6")]
    pub dimension: u32,
}

/// What a shard goes on from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ShardState {
    /// Which checkpoint it is a part of.
    #[prost(message, required, tag = "1")]
    pub id: CheckpointId,
    /// The ids, the one looked up longest ago first.
    #[prost(fixed64, repeated, tag = "2")]
    pub ids: Vec<u64>,
    /// An embedding and its optimiser's state for each.
    #[prost(float, repeated, tag = "3")]
    pub entries: Vec<f32>,
    /// The length of every embedding.
    #[prost(uint32, tag = "4")]
    pub dimension: u32,
}

/// [`DIMENSION`] as it is written.
#[expect(clippy::cast_possible_truncation, reason = "a few")]
pub(super) const WRITTEN_DIMENSION: u32 = DIMENSION as u32;

fn check_dimension(written: u32) -> Result<(), String> {
    if written == WRITTEN_DIMENSION {
        return Ok(());
    }
    Err(format!(
        "its embeddings have {written} numbers, and this program's have {DIMENSION}"
    ))
}

impl TrainerState {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        check_dimension(self.dimension)?;
        let ours = FEATURES.map(|feature| feature.name);
        if self.features != ours {
            let theirs = self.features.join(", ");
            let ours = ours.join(", ");
            return Err(format!(
                "its features are {theirs}, and this program's are {ours}"
            ));
        }
        Ok(())
    }
}

impl ShardState {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        check_dimension(self.dimension)?;
        if self.entries.len() == self.ids.len() * EmbeddingTable::ENTRY_LENGTH {
            return Ok(());
        }
        Err(format!(
            "it has {} numbers for {} embeddings",
            self.entries.len(),
            self.ids.len()
        ))
    }
}
