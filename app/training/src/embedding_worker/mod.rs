//! Between trainers and shards: keeps batches until they are claimed, divides
//! their ids among the shards, sums what comes back by sample, and takes the
//! gradients the same way back. Knows neither samples' labels nor the network.

mod buffers;
mod pooling;
mod split;

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::{join_all, try_join_all};

use self::buffers::Buffers;
use self::split::Split;
pub use self::split::owner;
use super::call::CallError;
use super::features::FEATURES;
use super::messages::{
    BatchGradients, BatchIds, BatchRef, Done, Embeddings, FeatureIds, Prepare, Save, SavedShards,
    Session,
};
use super::metrics::{EmbeddingWorkerMetrics, exact};
use super::shard::Shard;
use super::staleness::{OutBatch, Staleness};

/// One embedding worker.
#[derive(Debug)]
pub struct EmbeddingWorker {
    shards: Vec<Shard>,
    buffers: Buffers,
    staleness: Arc<Staleness>,
    metrics: Option<Arc<EmbeddingWorkerMetrics>>,
}

/// A batch that has been looked up, and waits for its gradients.
#[derive(Debug)]
struct LookedUp {
    features: Vec<FeatureIds>,
    split: Split,
    /// Ends the batch's being out when this is dropped.
    _out: OutBatch,
}

impl EmbeddingWorker {
    /// A worker before these shards, which divide the ids among them.
    ///
    /// # Panics
    ///
    /// Without any shard.
    #[must_use]
    pub fn new(shards: Vec<Shard>, metrics: Option<Arc<EmbeddingWorkerMetrics>>) -> Self {
        assert!(!shards.is_empty(), "ids need a shard to be in");
        let staleness = metrics
            .as_ref()
            .map(|metrics| Arc::clone(&metrics.staleness))
            .unwrap_or_default();
        Self {
            shards,
            buffers: Buffers::new(
                metrics
                    .as_ref()
                    .map(|metrics| metrics.num_pending_batches.clone()),
            ),
            staleness,
            metrics,
        }
    }

    /// Forgets what is left of other sessions of this trainer.
    ///
    /// # Errors
    ///
    /// If its name is too long, or it is one of too many.
    pub fn begin(&self, session: &Session) -> Result<Done, CallError> {
        let forgotten = self.buffers.begin(session)?;
        self.count_forgotten(forgotten);
        Ok(Done {})
    }

    /// Forgets what is left of this session.
    pub fn end(&self, session: &Session) -> Done {
        let forgotten = self.buffers.end(session.session);
        self.count_forgotten(forgotten);
        Done {}
    }

    /// Keeps a batch until its trainer claims it.
    ///
    /// # Errors
    ///
    /// If it makes no sense, or there is no room.
    pub fn forward_batched(&self, batch: BatchIds) -> Result<Done, CallError> {
        split::check(&batch.features)?;
        if let Some(metrics) = &self.metrics {
            for (place, ids) in batch.features.iter().enumerate() {
                // Without any id there is no rate, not that of an earlier batch either.
                let rate = (!ids.places.is_empty())
                    .then(|| exact(ids.unique.len() as u64) / exact(ids.places.len() as u64));
                metrics.batch_unique_indices_rate.of(place).set(rate);
            }
        }
        self.buffers.keep(batch.batch, batch.features)?;
        Ok(Done {})
    }

    /// Looks up a batch that was kept; its embeddings are out from here on.
    ///
    /// Waits for shards that do not answer.
    ///
    /// # Errors
    ///
    /// If the batch is not known, too many are out, or a shard refuses.
    pub async fn forward(&self, batch: BatchRef) -> Result<Embeddings, CallError> {
        let features = self.buffers.claim(&batch)?;
        let out = self.staleness.begin();
        let (split, embeddings) = self.look_up(&features, true).await?;
        self.buffers.wait_for_gradients(
            batch,
            LookedUp {
                features,
                split,
                _out: out,
            },
        );
        Ok(embeddings)
    }

    /// Looks up samples that are not trained on.
    ///
    /// # Errors
    ///
    /// If they make no sense, or a shard refuses.
    pub async fn evaluate(&self, batch: &BatchIds) -> Result<Embeddings, CallError> {
        split::check(&batch.features)?;
        let (_, embeddings) = self.look_up(&batch.features, false).await?;
        Ok(embeddings)
    }

    async fn look_up(
        &self,
        features: &[FeatureIds],
        training: bool,
    ) -> Result<(Split, Embeddings), CallError> {
        let started = Instant::now();
        let split = Split::new(features, self.shards.len());
        // What is not trained on is not measured: each time cost counts exactly
        // the batches.
        let metrics = self.metrics.as_ref().filter(|_| training);
        if let Some(metrics) = metrics {
            for (place, ids) in features.iter().enumerate() {
                for &id in &ids.unique {
                    metrics.distinct.insert(place, id);
                }
            }
        }
        let sent = Instant::now();
        let lookups = self.shards.iter().enumerate().map(|(number, shard)| {
            // Every shard is asked, if for nothing: all count the same batches.
            shard.look_up(split.ids_of(number), training, || self.count_retry())
        });
        // Also of what is not trained on: whoever waits, waits for the same shard.
        let in_flight = self.metrics.as_ref();
        let in_flight = in_flight.map(|metrics| metrics.lookups_in_flight.begin());
        let answers = try_join_all(lookups).await?;
        drop(in_flight);
        let answered = Instant::now();
        let embeddings = pooling::sum(features, &split, &answers);
        if let Some(metrics) = metrics {
            let ended = Instant::now();
            let observe = |cost: &super::metrics::TimeCost, from, to: Instant| {
                cost.observe(to.duration_since(from));
            };
            observe(&metrics.lookup_create_requests_time_cost, started, sent);
            observe(&metrics.lookup_rpc_time_cost, sent, answered);
            observe(&metrics.summation_time_cost, answered, ended);
            observe(&metrics.lookup_batched_time_cost, started, ended);
        }
        Ok((split, embeddings))
    }

    /// Takes a batch's gradients to the shards; its embeddings are not out any
    /// more then, whatever comes of it.
    ///
    /// A feature's gradient that holds a NaN anywhere is dropped: it would spoil
    /// every embedding it touches, for good.
    ///
    /// # Errors
    ///
    /// If the batch is not known, the gradients are not of its shape, or a shard
    /// refuses.
    pub async fn update(&self, gradients: BatchGradients) -> Result<Done, CallError> {
        let started = Instant::now();
        let looked_up = self.buffers.take_looked_up(&gradients.batch);
        let looked_up = looked_up.ok_or(CallError::UnknownBatch)?;
        let mut summed: Vec<Option<Vec<f32>>> = Vec::with_capacity(FEATURES.len());
        pooling::check(&looked_up.features, &gradients.features)?;
        for (place, gradient) in gradients.features.iter().enumerate() {
            let metrics = self.metrics.as_ref();
            summed.push(if gradient.skipped {
                metrics.map(|metrics| metrics.nan_grad_skipped.of(place).inc());
                None
            } else if gradient.values.iter().any(|value| value.is_nan()) {
                metrics.map(|metrics| metrics.nan_count.of(place).inc());
                None
            } else {
                let ids = &looked_up.features[place];
                Some(pooling::sum_by_id(ids, &gradient.values))
            });
        }
        let updates = self.shards.iter().enumerate().map(|(number, shard)| {
            let gradients = looked_up.split.gradients_of(number, &summed);
            shard.update(gradients, || self.count_retry())
        });
        try_join_all(updates).await?;
        if let Some(metrics) = &self.metrics {
            metrics.update_gradient_time_cost.observe(started.elapsed());
        }
        Ok(Done {})
    }

    /// Has every shard make ready for a trainer.
    ///
    /// # Errors
    ///
    /// If a shard cannot save, or does not have what the trainer goes on from.
    pub async fn prepare(&self, prepare: Prepare) -> Result<Done, CallError> {
        let shards = self.written_shards();
        let prepared = (0..shards).zip(&self.shards).map(|(number, shard)| {
            let prepare = Prepare {
                shard: number,
                shards,
                ..prepare.clone()
            };
            shard.prepare(prepare, || self.count_retry())
        });
        try_join_all(prepared).await?;
        Ok(Done {})
    }

    /// Has every shard save its embeddings. Where one of them cannot, none keeps what it
    /// has saved: it would be no checkpoint.
    ///
    /// # Errors
    ///
    /// If a shard cannot.
    pub async fn save(&self, save: Save) -> Result<SavedShards, CallError> {
        let saved = self.each_saves(save).await;
        if saved.is_err() && !save.discard {
            let discard = Save {
                discard: true,
                ..save
            };
            // What is not discarded now goes with the next checkpoint.
            self.each_saves(discard).await.ok();
        }
        saved
    }

    async fn each_saves(&self, save: Save) -> Result<SavedShards, CallError> {
        let shards = self.written_shards();
        let saves = (0..shards).zip(&self.shards).map(|(number, shard)| {
            let save = Save {
                shard: number,
                shards,
                ..save
            };
            shard.save(save, || self.count_retry())
        });
        let mut all = SavedShards { shards: Vec::new() };
        // All are waited for, so that none still writes when it is discarded.
        for saved in join_all(saves).await {
            all.shards.extend(saved?.shards);
        }
        Ok(all)
    }

    /// How many shards there are, as messages say it.
    fn written_shards(&self) -> u32 {
        u32::try_from(self.shards.len()).expect("shards are few")
    }

    /// The batches that are out.
    #[must_use]
    pub fn staleness(&self) -> &Staleness {
        &self.staleness
    }

    fn count_retry(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.shard_retries.inc();
        }
    }

    fn count_forgotten(&self, batches: usize) {
        if let Some(metrics) = &self.metrics {
            metrics.batches_forgotten.inc_by(batches as u64);
        }
    }
}
