//! A shard's part of a checkpoint: saved when a trainer asks for it, read when the shard
//! starts, or when a trainer goes on from another one. Knows no batch.

use std::sync::Arc;
use std::time::Instant;

use super::{ParameterServer, State};
use crate::call::CallError;
use crate::checkpoint::{CheckpointError, CheckpointId, Checkpoints, Part, SavedShard};
use crate::embedding_table::EmbeddingTable;
use crate::embedding_worker::owner;
use crate::messages::{Done, Prepare, Save, SavedShards};
use crate::metrics::exact;

/// What a table was filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    id: CheckpointId,
    /// How many shards saved it.
    saved_by: usize,
    /// The files that were read, as the manifest knows them.
    files: Vec<SavedShard>,
}

/// What is read from the files, the one looked up longest ago first.
struct Loaded {
    origin: Origin,
    embeddings: Vec<(u64, [f32; EmbeddingTable::ENTRY_LENGTH])>,
}

impl ParameterServer {
    /// Fills the table with what was saved last; returns how many embeddings those are,
    /// `None` where nothing was. `shards` are as many as there are now, where that is known.
    ///
    /// # Errors
    ///
    /// If what was saved cannot be read.
    pub fn resume(&self, shards: Option<usize>) -> Result<Option<usize>, CheckpointError> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(None);
        };
        let Some((id, saved_by)) = checkpoints.last_for(self.shard, shards) else {
            return Ok(None);
        };
        let started = Instant::now();
        let part = Part {
            shard: self.shard,
            shards: shards.unwrap_or(saved_by),
        };
        let loaded = load(checkpoints, part, (id, saved_by), &[])?;
        Ok(Some(self.fill(loaded, started)))
    }

    /// Makes ready for a trainer: there is somewhere to save, where it will; and the table
    /// holds what it goes on from, unless it has been trained on since, which is newer.
    ///
    /// # Errors
    ///
    /// If there is nowhere to save, or what the trainer goes on from cannot be read.
    pub async fn prepare(self: &Arc<Self>, prepare: Prepare) -> Result<Done, CallError> {
        let part = self.part(prepare.shard, prepare.shards)?;
        let Some(checkpoints) = self.checkpoints.clone() else {
            if prepare.saving {
                return Err(CallError::Refused(format!(
                    "shard {} has nowhere to save a checkpoint; start it with --checkpoints DIRECTORY too, or the trainer without",
                    self.shard
                )));
            }
            return Ok(Done {});
        };
        if !prepare.resuming {
            return Ok(Done {});
        }
        let Some(id) = prepare.checkpoint else {
            let mut state = self.state();
            if !state.trained && state.origin.is_some() {
                // It was saved, and the rest of that checkpoint was not.
                tracing::warn!(
                    shard = self.shard,
                    "forgot what it had resumed from: that checkpoint is not complete"
                );
                self.empty(&mut state);
            }
            return Ok(Done {});
        };
        let has = {
            let state = self.state();
            if state.trained {
                tracing::info!(shard = self.shard, checkpoint = %id, "keeps what it has learned since the checkpoint");
                return Ok(Done {});
            }
            state.origin.clone()
        };
        let wanted = Origin {
            id,
            saved_by: prepare.saved.len(),
            files: if prepare.saved.len() == part.shards {
                prepare.saved.get(part.shard).copied().into_iter().collect()
            } else {
                prepare.saved.clone()
            },
        };
        if has == Some(wanted) {
            return Ok(Done {});
        }
        let server = Arc::clone(self);
        let loading = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let loaded = load(
                &checkpoints,
                part,
                (id, prepare.saved.len()),
                &prepare.saved,
            )?;
            server.fill(loaded, started);
            Ok(Done {})
        });
        match loading.await {
            Ok(loaded) => {
                loaded.map_err(|error: CheckpointError| CallError::Refused(error.to_string()))
            }
            Err(failed) => Err(CallError::Refused(failed.to_string())),
        }
    }

    /// Saves its embeddings.
    ///
    /// # Errors
    ///
    /// If it cannot; then nothing of it is left.
    pub async fn save(&self, save: Save) -> Result<SavedShards, CallError> {
        let part = self.part(save.shard, save.shards)?;
        let Some(checkpoints) = self.checkpoints.clone() else {
            return Err(CallError::Refused(format!(
                "shard {} has nowhere to save a checkpoint; start it with --checkpoints DIRECTORY too",
                self.shard
            )));
        };
        if save.discard {
            checkpoints.discard_shard(part, save.id);
            return Ok(SavedShards { shards: Vec::new() });
        }
        let (ids, entries) = {
            let state = self.state();
            let mut ids = Vec::with_capacity(state.table.len());
            let mut entries = Vec::with_capacity(state.table.len() * EmbeddingTable::ENTRY_LENGTH);
            for (id, entry) in state.table.entries() {
                ids.push(id);
                entries.extend_from_slice(entry);
            }
            (ids, entries)
        };
        let written = tokio::task::spawn_blocking(move || {
            checkpoints.save_shard(part, save.id, save.keep, ids, entries)
        });
        let saved = match written.await {
            Ok(Ok(saved)) => {
                return Ok(SavedShards {
                    shards: vec![saved],
                });
            }
            Ok(Err(error)) => error.to_string(),
            Err(failed) => failed.to_string(),
        };
        tracing::error!(
            shard = self.shard,
            error = saved,
            "cannot save a checkpoint; serving continues"
        );
        Err(CallError::Refused(saved))
    }

    /// Which part of the embeddings it has, where its worker agrees.
    fn part(&self, shard: u32, shards: u32) -> Result<Part, CallError> {
        let part = Part {
            shard: shard as usize,
            shards: shards as usize,
        };
        if part.shard == self.shard && part.shard < part.shards {
            return Ok(part);
        }
        Err(CallError::Refused(format!(
            "it is shard {} by its own options, and {shard} of {shards} by the worker's; give both the same --parameter-servers",
            self.shard
        )))
    }

    /// Replaces the table; returns how many embeddings it then holds.
    fn fill(&self, loaded: Loaded, started: Instant) -> usize {
        let Loaded { origin, embeddings } = loaded;
        let mut state = self.state();
        self.empty(&mut state);
        for (id, entry) in &embeddings {
            state.table.insert(*id, entry);
        }
        let entries = state.table.len();
        tracing::info!(
            shard = self.shard,
            checkpoint = %origin.id,
            shards_of_checkpoint = origin.saved_by,
            entries,
            "resuming from a checkpoint"
        );
        state.origin = Some(origin);
        if let Some(metrics) = &self.metrics {
            metrics.set_embedding_time_cost.observe(started.elapsed());
            metrics.table_entries.set(exact(entries as u64));
            for (id, _) in &embeddings {
                metrics.count_distinct(*id);
            }
        }
        entries
    }

    fn empty(&self, state: &mut State) {
        state.table = EmbeddingTable::new(state.table.capacity());
        state.origin = None;
        if let Some(metrics) = &self.metrics {
            metrics.table_entries.set(0.0);
        }
    }
}

/// Reads a shard's own file; or those of all, where they were others, and takes its own
/// embeddings from them.
fn load(
    checkpoints: &Checkpoints,
    part: Part,
    (id, saved_by): (CheckpointId, usize),
    saved: &[SavedShard],
) -> Result<Loaded, CheckpointError> {
    let moved = saved_by != part.shards;
    let files = if moved {
        0..saved_by
    } else {
        part.shard..part.shard + 1
    };
    let mut origin = Origin {
        id,
        saved_by,
        files: Vec::new(),
    };
    let mut found = Vec::new();
    for shard in files {
        let of = Part {
            shard,
            shards: saved_by,
        };
        let (state, file) = checkpoints.shard(of, id, saved.get(shard).copied())?;
        origin.files.push(file);
        let count = state.ids.len().max(1) as f64;
        let entries = state.entries.chunks_exact(EmbeddingTable::ENTRY_LENGTH);
        for (place, (&id, entry)) in state.ids.iter().zip(entries).enumerate() {
            if !moved || owner(id, part.shards) == part.shard {
                let mut embedding = [0.0; EmbeddingTable::ENTRY_LENGTH];
                embedding.copy_from_slice(entry);
                found.push((place as f64 / count, id, embedding));
            }
        }
    }
    // How long ago it was looked up, among those of its file, says about as much among all:
    // each had its share of every batch.
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let embeddings = found
        .into_iter()
        .map(|(_, id, entry)| (id, entry))
        .collect();
    Ok(Loaded { origin, embeddings })
}
