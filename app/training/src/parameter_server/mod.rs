//! A shard: holds the embeddings of its share of the ids, looks them up and
//! applies gradients to them. Knows neither batches nor the network.

mod saving;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use self::saving::Origin;
use super::call::CallError;
use super::checkpoint::Checkpoints;
use super::embedding_table::EmbeddingTable;
use super::faults::CurrentFaults;
use super::features::{DIMENSION, mix};
use super::messages::{Done, Lookup, Numbers, ShardGradients};
use super::metrics::{ParameterServerMetrics, exact};
use simulation::Probability;

/// One shard.
#[derive(Debug)]
pub struct ParameterServer {
    shard: usize,
    admit_probability: Probability,
    state: Mutex<State>,
    faults: CurrentFaults,
    checkpoints: Option<Checkpoints>,
    metrics: Option<Arc<ParameterServerMetrics>>,
}

#[derive(Debug)]
struct State {
    table: EmbeddingTable,
    /// Decides on admissions.
    stream: Xoshiro256PlusPlus,
    /// The checkpoint that the table was filled with.
    origin: Option<Origin>,
    /// Whether it has been trained on since it started.
    trained: bool,
}

impl ParameterServer {
    /// The shard with this number and an empty table. A new id gets into the
    /// table with `admit_probability`, as `seed` decides.
    #[must_use]
    pub fn new(
        shard: usize,
        admit_probability: Probability,
        seed: u64,
        faults: CurrentFaults,
        checkpoints: Option<Checkpoints>,
        metrics: Option<Arc<ParameterServerMetrics>>,
    ) -> Self {
        let capacity = faults.borrow().table_capacity;
        if let Some(metrics) = &metrics {
            metrics.table_capacity.set(exact(capacity as u64));
        }
        Self {
            shard,
            admit_probability,
            state: Mutex::new(State {
                table: EmbeddingTable::new(capacity),
                stream: Xoshiro256PlusPlus::seed_from_u64(mix(mix(seed) ^ shard as u64)),
                origin: None,
                trained: false,
            }),
            faults,
            checkpoints,
            metrics,
        }
    }

    /// Its number, from 0.
    #[must_use]
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// The embeddings of the ids, one after the other. In training a missing id
    /// is admitted, or not; what is not in the table is all zeroes.
    ///
    /// A lookup that is not for training changes nothing and counts nowhere but in
    /// a time cost of its own: misses of held-out samples say nothing about the
    /// training, and the other time costs count exactly the batches.
    pub async fn look_up(&self, lookup: &Lookup) -> Numbers {
        let started = Instant::now();
        self.be_slow().await;
        let values = self.look_up_now(lookup);
        if let Some(metrics) = &self.metrics {
            let cost = if lookup.training {
                &metrics.lookup_mixed_batch_time_cost
            } else {
                &metrics.lookup_inference_batch_time_cost
            };
            cost.observe(started.elapsed());
        }
        Numbers { values }
    }

    fn look_up_now(&self, lookup: &Lookup) -> Vec<f32> {
        let capacity = self.faults.borrow().table_capacity;
        let mut values = Vec::with_capacity(lookup.ids.len() * DIMENSION);
        let mut state = self.state();
        let State {
            table,
            stream,
            trained,
            ..
        } = &mut *state;
        if !lookup.training {
            for &id in &lookup.ids {
                values.extend_from_slice(table.peek(id).unwrap_or(&[0.0; DIMENSION]));
            }
            return values;
        }
        *trained = true;
        let mut evicted = 0;
        if table.capacity() != capacity {
            evicted += table.set_capacity(capacity);
        }
        let mut misses = 0;
        let mut refused = 0;
        let mut unknown = Vec::new();
        for &id in &lookup.ids {
            if let Some(embedding) = table.look_up(id) {
                values.extend_from_slice(embedding);
                continue;
            }
            unknown.push(id);
            if stream.random_bool(self.admit_probability.get()) {
                let (embedding, made_room) = table.admit(id);
                values.extend_from_slice(embedding);
                evicted += made_room;
                misses += 1;
            } else {
                values.extend_from_slice(&[0.0; DIMENSION]);
                refused += 1;
            }
        }
        if let Some(metrics) = &self.metrics {
            // While the table is held: of two lookups, the later one is told last.
            metrics.table_entries.set(exact(table.len() as u64));
            metrics.table_capacity.set(exact(table.capacity() as u64));
            // Nothing asked for is no ratio.
            if !lookup.ids.is_empty() {
                let ratio = exact(misses) / exact(lookup.ids.len() as u64);
                metrics.index_miss_ratio.set(ratio);
            }
            drop(state);
            metrics.index_miss_count.inc_by(misses);
            metrics.admissions_refused.inc_by(refused);
            metrics.evictions.inc_by(evicted as u64);
            metrics.looked_up_ids.inc_by(lookup.ids.len() as u64);
            // What is in the table was counted when it was not.
            for &id in &unknown {
                metrics.count_distinct(id);
            }
        }
        values
    }

    /// Applies one gradient to each id. One whose embedding is not there (any
    /// more) is dropped, and the others keep theirs.
    ///
    /// # Errors
    ///
    /// If there is not one gradient for each id.
    pub async fn update(&self, gradients: &ShardGradients) -> Result<Done, CallError> {
        let (ids, values) = (gradients.ids.len(), gradients.values.len());
        if values != ids * DIMENSION {
            return Err(CallError::Invalid(format!(
                "{values} numbers as gradients of {ids} ids"
            )));
        }
        self.be_slow().await;
        let mut misses = 0;
        {
            let mut state = self.state();
            state.trained = true;
            for (&id, gradient) in gradients.ids.iter().zip(gradients.values.chunks(DIMENSION)) {
                misses += u64::from(!state.table.update(id, gradient));
            }
        }
        if let Some(metrics) = &self.metrics {
            metrics.gradient_id_miss_count.inc_by(misses);
        }
        Ok(Done {})
    }

    /// How many embeddings it holds.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.state().table.len()
    }

    async fn be_slow(&self) {
        let slow = self.faults.borrow().slow_shard;
        if let Some(slow) = slow.filter(|slow| slow.shard == self.shard) {
            tokio::time::sleep(slow.delay).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the table")
    }
}
