//! The dense stage: from embeddings to gradients, one batch after the other, on
//! a thread of its own; and what is done between batches.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::{Kept, Ready, Start, Trained, Trainer};
use crate::call::CallError;
use crate::checkpoint::{CheckpointId, Checkpoints};
use crate::dense::DenseNetwork;
use crate::evaluation::Evaluation;
use crate::faults::FeatureName;
use crate::features::{DIMENSION, FEATURES, WIDTH};
use crate::loader::Samples;
use crate::messages::{
    BatchGradients, BatchIds, BatchRef, Embeddings, FeatureGradient, Prepare, Save,
};
use crate::metrics::{TimeCost, exact};

/// How much the loss of one batch counts in the smoothed one.
const SMOOTHING: f64 = 0.01;

/// The feature whose gradient gets the NaN by default.
const DEFAULT_NAN_FEATURE: usize = 1;

/// The state of the training: what a checkpoint saves.
pub(super) struct TrainingState {
    step: u64,
    /// The age of the universe of ids; see [`crate::features::id`].
    age: f64,
    network: DenseNetwork,
    /// Whether this very state is a checkpoint, or what it started from.
    is_saved: bool,
    session: u64,
    /// The last checkpoint that is complete.
    complete: Option<CheckpointId>,
}

/// Trains on what comes until nothing comes any more.
pub(super) fn run(
    trainer: &Trainer,
    start: Start,
    session: u64,
    mut from: mpsc::Receiver<Ready>,
    to: &mpsc::Sender<Trained>,
) -> Result<TrainingState, CallError> {
    let mut state = TrainingState {
        step: start.step,
        age: start.age,
        network: start.network,
        is_saved: true,
        session,
        complete: start.last.map(|last| last.id),
    };
    let mut smoothed = None;
    loop {
        let waits = Instant::now();
        let Some(ready) = from.blocking_recv() else {
            return Ok(state);
        };
        let Ready {
            batch,
            embeddings,
            permit,
        } = ready;
        let begins = Instant::now();
        let inputs = by_sample(&embeddings, batch.clicks.len())?;
        let trained = state.network.train(&inputs, &batch.clicks);
        state.step += 1;
        state.age = batch.age;
        state.is_saved = false;
        let step = state.step;
        let gradients = gradients(trainer, &batch, &trained.inputs, step);
        let ends = Instant::now();

        let loss = smoothed.map_or(trained.loss, |before: f64| {
            before + SMOOTHING * (trained.loss - before)
        });
        smoothed = Some(loss);
        trainer.progress.step(step, batch.clicks.len() as u64, loss);
        if let Some(metrics) = &trainer.metrics {
            observe_long(
                &metrics.long_get_train_batch_time_cost,
                begins.duration_since(waits),
            );
            metrics
                .dense_step_time_cost
                .observe(ends.duration_since(begins));
            metrics.train_loss.set(loss);
            metrics.train_batches.inc();
            metrics.train_examples.inc_by(batch.clicks.len() as u64);
            metrics.train_step.set(exact(step));
        }
        let sent = to.blocking_send(Trained { gradients, permit });
        if let Some(metrics) = &trainer.metrics {
            let cost = &metrics.long_update_gradient_batched_time_cost;
            observe_long(cost, ends.elapsed());
        }
        if sent.is_err() {
            return Ok(state);
        }
        if let Some(held_out) = &batch.held_out {
            evaluate(trainer, &state.network, batch.ids.batch, held_out)?;
        }
        if step.is_multiple_of(trainer.settings.checkpoint_every) {
            // Training goes on without; the next one may succeed.
            Handle::current().block_on(save(trainer, &mut state)).ok();
        }
    }
}

/// The embeddings as the network wants them: all of a sample side by side.
fn by_sample(embeddings: &Embeddings, samples: usize) -> Result<Vec<f32>, CallError> {
    let fits = embeddings.features.len() == FEATURES.len()
        && embeddings
            .features
            .iter()
            .all(|numbers| numbers.values.len() == samples * DIMENSION);
    if !fits {
        return Err(CallError::Invalid(
            "embeddings that are not of the batch's shape".to_owned(),
        ));
    }
    let mut inputs = vec![0.0; samples * WIDTH];
    for (place, numbers) in embeddings.features.iter().enumerate() {
        let inputs = inputs.chunks_mut(WIDTH);
        for (input, embedding) in inputs.zip(numbers.values.chunks(DIMENSION)) {
            input[place * DIMENSION..][..DIMENSION].copy_from_slice(embedding);
        }
    }
    Ok(inputs)
}

/// The gradients, feature by feature: skipped where no id of the batch could
/// use one, and spoilt where that is asked for.
fn gradients(trainer: &Trainer, batch: &Kept, by_input: &[f32], step: u64) -> BatchGradients {
    let (nan_every, spoilt) = {
        let faults = trainer.faults.borrow();
        let spoilt = faults
            .nan_feature
            .map_or(DEFAULT_NAN_FEATURE, FeatureName::place);
        (faults.nan_every, spoilt)
    };
    let features = batch.ids.features.iter().enumerate().map(|(place, ids)| {
        if ids.places.is_empty() {
            return FeatureGradient {
                skipped: true,
                values: Vec::new(),
            };
        }
        let mut values = Vec::with_capacity(batch.clicks.len() * DIMENSION);
        for sample in by_input.chunks(WIDTH) {
            values.extend_from_slice(&sample[place * DIMENSION..][..DIMENSION]);
        }
        if nan_every > 0 && place == spoilt && step.is_multiple_of(nan_every) {
            values[0] = f32::NAN;
        }
        FeatureGradient {
            skipped: false,
            values,
        }
    });
    BatchGradients {
        batch: batch.ids.batch,
        features: features.collect(),
    }
}

fn evaluate(
    trainer: &Trainer,
    network: &DenseNetwork,
    batch: BatchRef,
    held_out: &Samples,
) -> Result<(), CallError> {
    let ids = BatchIds {
        batch,
        features: held_out.features.clone(),
    };
    let worker = trainer.worker_of(batch);
    let embeddings = Handle::current().block_on(worker.evaluate(&ids, || trainer.count_retry()))?;
    let inputs = by_sample(&embeddings, held_out.clicks.len())?;
    let evaluation = Evaluation::of(&network.log_odds(&inputs), &held_out.clicks);
    trainer.progress.evaluate(evaluation);
    if let Some(metrics) = &trainer.metrics {
        metrics.evaluation_loss.set(evaluation.loss);
        metrics.evaluation_auc.set(evaluation.auc);
    }
    Ok(())
}

/// Finds out before anything is trained whether it can be saved, and has the shards go
/// on from where this training does.
pub(super) async fn prepare(trainer: &Trainer, start: &Start) -> Result<(), CallError> {
    let last = start.last.as_ref();
    if let (Some(metrics), Some(last)) = (&trainer.metrics, last) {
        metrics.checkpoint_step.set(exact(last.id.step));
    }
    let last = last.filter(|_| start.resuming);
    let prepare = Prepare {
        saving: trainer.checkpoints.is_some(),
        resuming: start.resuming,
        checkpoint: last.map(|last| last.id),
        saved: last.map(|last| last.shards.clone()).unwrap_or_default(),
        shard: 0,
        shards: 0,
    };
    // All workers have the same shards.
    let worker = &trainer.workers[0];
    worker.prepare(&prepare, || trainer.count_retry()).await?;
    Ok(())
}

/// Has the shards save, and then saves itself, unless it is saved or there is nowhere to. What goes wrong
/// is logged and counted here.
///
/// # Errors
///
/// If it is not saved.
pub(super) async fn save(trainer: &Trainer, state: &mut TrainingState) -> Result<(), CallError> {
    let checkpoints = trainer.checkpoints.as_ref();
    let Some(checkpoints) = checkpoints.filter(|_| !state.is_saved) else {
        return Ok(());
    };
    let started = Instant::now();
    let saved = save_to(trainer, checkpoints, state).await;
    let step = state.step;
    if let Some(metrics) = &trainer.metrics {
        metrics.checkpoint_time_cost.observe(started.elapsed());
        match &saved {
            Ok(_) => metrics.checkpoint_step.set(exact(step)),
            Err(_) => drop(metrics.checkpoint_failures.inc()),
        }
    }
    match saved {
        Ok(id) => {
            state.complete = Some(id);
            state.is_saved = true;
            tracing::info!(step, checkpoint = %id, "saved a checkpoint");
            Ok(())
        }
        Err(error) => {
            let complete = state.complete.map(|id| id.step);
            tracing::error!(step, last_complete_step = complete, %error, "cannot save a checkpoint");
            Err(error)
        }
    }
}

async fn save_to(
    trainer: &Trainer,
    checkpoints: &Checkpoints,
    state: &TrainingState,
) -> Result<CheckpointId, CallError> {
    let id = CheckpointId {
        step: state.step,
        session: state.session,
    };
    let save = Save {
        id,
        keep: state.complete,
        discard: false,
        shard: 0,
        shards: 0,
    };
    // All workers have the same shards.
    let worker = &trainer.workers[0];
    let saved = worker.save(save, || trainer.count_retry()).await?;
    let written = checkpoints.save_trainer(id, state.age, state.network.state(), saved.shards);
    if let Err(error) = written {
        let discard = Save {
            discard: true,
            ..save
        };
        // What is not discarded now goes with the next checkpoint.
        worker.save(discard, || trainer.count_retry()).await.ok();
        return Err(CallError::Refused(error.to_string()));
    }
    Ok(id)
}

/// Waiting that nobody would notice is none.
fn observe_long(cost: &TimeCost, took: Duration) {
    if took > Duration::from_millis(1) {
        cost.observe(took);
    }
}
