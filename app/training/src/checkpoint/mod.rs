//! Saves what was learned and reads it back. A checkpoint is one thing, complete or not
//! there: each shard writes its file, then the trainer the manifest, which names them all
//! with their checksums. Knows neither the table nor the network.
//!
//! Each process keeps its files in its own directory, or all in the same:
//! `shard-0-of-2.step-3000.0123456789abcdef.checkpoint` of a shard, `trainer.checkpoint`
//! of the trainer. Those of the checkpoint before stay until the next one is complete.

mod file;
mod state;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use self::file::ReadError;
pub use self::state::{CheckpointId, SavedShard, ShardState, TrainerState};
use crate::features::FEATURES;

/// The directory of a process's checkpoints.
#[derive(Clone, Debug)]
pub struct Checkpoints(PathBuf);

/// Which part of a training's embeddings: one shard of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its place, from 0.
    pub shard: usize,
    /// How many there are.
    pub shards: usize,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system does not let it be.
    #[error(
        "checkpoint {path}: {error}; make room there, or give --checkpoints a directory that can be written"
    )]
    Write {
        /// Which file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file system does not give it.
    #[error("checkpoint {path}: {error}; give --checkpoints a directory that can be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file is none of ours, or damaged.
    #[error(
        "checkpoint {path}: {what}; put a copy of it there, or train anew with another --checkpoints directory"
    )]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file is missing.
    #[error(
        "checkpoint {path} is not there; copy the files of all {shards} shards of {id} into this directory, or train anew with another --checkpoints directory"
    )]
    Missing {
        /// Which file.
        path: PathBuf,
        /// Of which checkpoint.
        id: CheckpointId,
        /// How many shards that has.
        shards: usize,
    },
}

const TRAINER: &str = "trainer.checkpoint";
const EXTENSION: &str = "checkpoint";

impl Checkpoints {
    /// Checkpoints in this directory, which is made when it is not there.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn in_directory(directory: &Path) -> Result<Self, CheckpointError> {
        fs::create_dir_all(directory).map_err(|error| CheckpointError::Write {
            path: directory.to_owned(),
            error,
        })?;
        Ok(Self(directory.to_owned()))
    }

    /// Saves the manifest; with that the checkpoint is complete.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_trainer(
        &self,
        id: CheckpointId,
        age: f64,
        network: Vec<f32>,
        shards: Vec<SavedShard>,
    ) -> Result<(), CheckpointError> {
        let state = TrainerState {
            id,
            age,
            network,
            shards,
            features: FEATURES.map(|feature| feature.name.to_owned()).to_vec(),
            dimension: state::WRITTEN_DIMENSION,
        };
        write(self.0.join(TRAINER), &state.encode_to_vec()).map(drop)
    }

    /// The manifest; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not this program's.
    pub fn trainer(&self) -> Result<Option<TrainerState>, CheckpointError> {
        let path = self.0.join(TRAINER);
        let read = read::<TrainerState>(&path, TrainerState::check)?;
        Ok(read.map(|(state, _)| state))
    }

    /// The error of a manifest whose network is of another shape.
    #[must_use]
    pub fn other_network(&self) -> CheckpointError {
        CheckpointError::Wrong {
            path: self.0.join(TRAINER),
            what: "its network is of another shape than this program's".to_owned(),
        }
    }

    /// Saves a shard's part: these ids, with the entries of each. Those of other
    /// checkpoints go, except for `keep`: the last one that is complete.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save_shard(
        &self,
        part: Part,
        id: CheckpointId,
        keep: Option<CheckpointId>,
        ids: Vec<u64>,
        entries: Vec<f32>,
    ) -> Result<SavedShard, CheckpointError> {
        // First: it may be for want of room that the last one failed.
        self.remove_others(part, keep);
        let count = ids.len() as u64;
        let state = ShardState {
            id,
            ids,
            entries,
            dimension: state::WRITTEN_DIMENSION,
        };
        let checksum = write(self.path_of(part, id), &state.encode_to_vec())?;
        Ok(SavedShard {
            checksum,
            entries: count,
        })
    }

    /// Removes a shard's part of a checkpoint that is not to become complete.
    pub fn discard_shard(&self, part: Part, id: CheckpointId) {
        // What cannot be removed, or is not there, is tried again at the next one.
        let _ = fs::remove_file(self.path_of(part, id));
    }

    /// A shard's part, and what the manifest of its checkpoint says of it.
    ///
    /// # Errors
    ///
    /// If it is not there, cannot be read, or is not what the manifest says, where that is
    /// given.
    pub fn shard(
        &self,
        part: Part,
        id: CheckpointId,
        saved: Option<SavedShard>,
    ) -> Result<(ShardState, SavedShard), CheckpointError> {
        let path = self.path_of(part, id);
        let Some((state, checksum)) = read::<ShardState>(&path, ShardState::check)? else {
            let shards = part.shards;
            return Err(CheckpointError::Missing { path, id, shards });
        };
        let wrong = |what: String| CheckpointError::Wrong {
            path: path.clone(),
            what,
        };
        if state.id != id {
            return Err(wrong(format!("it is of {}", state.id)));
        }
        match saved {
            Some(saved) if saved.checksum != checksum => Err(wrong(format!(
                "it is not the file that {TRAINER} names: its checksum is {checksum:08x} and should be {:08x}",
                saved.checksum
            ))),
            _ => {
                let entries = state.ids.len() as u64;
                Ok((state, SavedShard { checksum, entries }))
            }
        }
    }

    /// The checkpoint that a shard alone takes for the last one: that of the manifest, if
    /// it is here, or the last step. With the number of shards that it was saved by.
    ///
    /// `shards` are as many as there are now; where they are others, all files of the
    /// checkpoint must be here.
    #[must_use]
    pub fn last_for(&self, shard: usize, shards: Option<usize>) -> Option<(CheckpointId, usize)> {
        let mut found: BTreeMap<(CheckpointId, usize), Vec<usize>> = BTreeMap::new();
        for (part, id, _) in self.parts() {
            found.entry((id, part.shards)).or_default().push(part.shard);
        }
        let committed = self.trainer().ok().flatten().map(|state| state.id);
        let usable = found.into_iter().filter(|((_, saved_by), files)| {
            let same = shards.is_none_or(|shards| shards == *saved_by);
            (same && files.contains(&shard)) || (!same && files.len() == *saved_by)
        });
        usable
            .map(|(of, _)| of)
            .max_by_key(|(id, _)| (Some(*id) == committed, *id))
    }

    /// Removes what a process that died while it wrote has left behind.
    pub fn remove_unfinished(&self, shard: Option<usize>) {
        let prefix = shard.map_or("trainer.".to_owned(), |shard| format!("shard-{shard}-of-"));
        for path in self.files() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_ours = name.starts_with(&prefix);
            if is_ours && path.extension().is_some_and(|is| is == file::UNFINISHED) {
                let _ = fs::remove_file(&path);
            }
        }
    }

    fn remove_others(&self, of: Part, keep: Option<CheckpointId>) {
        for (part, id, path) in self.parts() {
            // Also those of shards that there are no more.
            let is_ours = part.shard % of.shards == of.shard;
            if is_ours && Some(id) != keep {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn path_of(&self, Part { shard, shards }: Part, id: CheckpointId) -> PathBuf {
        let id = id.in_file_names();
        self.0
            .join(format!("shard-{shard}-of-{shards}.{id}.{EXTENSION}"))
    }

    /// The shards' files that are here, as their names tell.
    fn parts(&self) -> impl Iterator<Item = (Part, CheckpointId, PathBuf)> {
        self.files().into_iter().filter_map(|path| {
            let (part, id) = parse(path.file_name()?.to_str()?)?;
            Some((part, id, path))
        })
    }

    fn files(&self) -> Vec<PathBuf> {
        // A directory that cannot be read is found out by whoever needs a file of it.
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

/// What the name of a shard's file tells.
fn parse(name: &str) -> Option<(Part, CheckpointId)> {
    let rest = name.strip_prefix("shard-")?.strip_suffix(".checkpoint")?;
    let (part, id) = rest.split_once(".step-")?;
    let (shard, shards) = part.split_once("-of-")?;
    let (step, session) = id.split_once('.')?;
    let part = Part {
        shard: shard.parse().ok()?,
        shards: shards.parse().ok()?,
    };
    let id = CheckpointId {
        step: step.parse().ok()?,
        session: u64::from_str_radix(session, 16).ok()?,
    };
    (part.shard < part.shards).then_some((part, id))
}

fn write(path: PathBuf, body: &[u8]) -> Result<u32, CheckpointError> {
    file::write(&path, body).map_err(|error| CheckpointError::Write { path, error })
}

fn read<T: Message + Default>(
    path: &Path,
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<Option<(T, u32)>, CheckpointError> {
    let wrong = |what| CheckpointError::Wrong {
        path: path.to_owned(),
        what,
    };
    let (body, checksum) = match file::read(path) {
        Ok(None) => return Ok(None),
        Ok(Some(read)) => read,
        Err(ReadError::Wrong(what)) => return Err(wrong(what)),
        Err(ReadError::Io(error)) => {
            let path = path.to_owned();
            return Err(CheckpointError::Read { path, error });
        }
    };
    let state = T::decode(&*body).map_err(|error| wrong(error.to_string()))?;
    check(&state).map_err(wrong)?;
    Ok(Some((state, checksum)))
}
