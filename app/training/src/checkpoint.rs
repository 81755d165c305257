//! Saves what was learned and reads it back. A file is complete or not there:
//! it is written under another name first.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use prost::Message;

use super::embedding_table::EmbeddingTable;

/// The directory of a training's checkpoints: one file a shard, one for the
/// trainer. Each process writes its own, wherever it runs.
#[derive(Clone, Debug)]
pub struct Checkpoints(PathBuf);

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system does not let it be.
    #[error("checkpoint {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file is none of ours.
    #[error("checkpoint {path}: {what}; remove the file, or train without --resume")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// What a trainer goes on from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrainerState {
    /// The steps done.
    #[prost(uint64, tag = "1")]
    pub step: u64,
    /// The age of the universe of ids.
    #[prost(double, tag = "2")]
    pub age: f64,
    /// The network, see [`super::dense::DenseNetwork::state`].
    #[prost(float, repeated, tag = "3")]
    pub network: Vec<f32>,
}

/// What a shard goes on from.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ShardState {
    /// The steps done, about: updates under way belong to the next ones.
    #[prost(uint64, tag = "1")]
    pub step: u64,
    /// The ids, the one looked up longest ago first.
    #[prost(fixed64, repeated, tag = "2")]
    pub ids: Vec<u64>,
    /// An embedding and its optimiser's state for each.
    #[prost(float, repeated, tag = "3")]
    pub entries: Vec<f32>,
}

impl ShardState {
    /// Whether there is an entry for each id.
    fn is_whole(&self) -> bool {
        self.entries.len() == self.ids.len() * EmbeddingTable::ENTRY_LENGTH
    }
}

impl Checkpoints {
    /// Checkpoints in this directory, which is made when it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn in_directory(directory: &Path) -> Result<Self, CheckpointError> {
        fs::create_dir_all(directory).map_err(|error| CheckpointError::Io {
            path: directory.to_owned(),
            error,
        })?;
        Ok(Self(directory.to_owned()))
    }

    /// Saves the trainer's.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_trainer(&self, state: &TrainerState) -> Result<(), CheckpointError> {
        write(self.0.join(TRAINER), state)
    }

    /// The trainer's; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn trainer(&self) -> Result<Option<TrainerState>, CheckpointError> {
        read(self.0.join(TRAINER))
    }

    /// Saves a shard's.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_shard(&self, shard: usize, state: &ShardState) -> Result<(), CheckpointError> {
        write(self.0.join(shard_file(shard)), state)
    }

    /// A shard's; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn shard(&self, shard: usize) -> Result<Option<ShardState>, CheckpointError> {
        let path = self.0.join(shard_file(shard));
        match read::<ShardState>(path.clone())? {
            Some(state) if !state.is_whole() => Err(CheckpointError::Unreadable {
                path,
                what: "ids without embeddings".to_owned(),
            }),
            state => Ok(state),
        }
    }
}

const TRAINER: &str = "trainer.checkpoint";

fn shard_file(shard: usize) -> String {
    format!("shard-{shard}.checkpoint")
}

fn write(path: PathBuf, state: &impl Message) -> Result<(), CheckpointError> {
    let unfinished = path.with_extension("unfinished");
    let written = File::create(&unfinished).and_then(|mut file| {
        file.write_all(&state.encode_to_vec())?;
        // Else the new name could reach the disk before the content.
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    });
    written.map_err(|error| CheckpointError::Io { path, error })
}

fn read<T: Message + Default>(path: PathBuf) -> Result<Option<T>, CheckpointError> {
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CheckpointError::Io { path, error }),
        Ok(bytes) => match T::decode(&*bytes) {
            Ok(state) => Ok(Some(state)),
            Err(error) => Err(CheckpointError::Unreadable {
                path,
                what: error.to_string(),
            }),
        },
    }
}
