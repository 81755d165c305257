//! The trainer: loader, prefetching, dense step and gradients, each on its own
//! and all at once, under the staleness bound.
//!
//! ```text
//! loader ─► keeper ─► prefetchers ─► dense step ─► updaters
//!            │ ids     │ embeddings                │ gradients
//!            ▼         ▼                           ▼
//!           embedding worker, and behind it the shards
//! ```
//!
//! Dense steps are sequential, embeddings asynchronous: a batch's embeddings may
//! lack what the batches that are out at the time will change. The bound is on
//! those.

mod dense_step;
mod progress;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

pub use self::progress::{Progress, Summary};
use super::call::CallError;
use super::checkpoint::{Checkpoints, TrainerState};
use super::dense::DenseNetwork;
use super::faults::CurrentFaults;
use super::loader::{Loader, Samples};
use super::messages::{BatchGradients, BatchIds, BatchRef, Embeddings, Session};
use super::metrics::{TrainerMetrics, exact};
use super::worker::Worker;

/// Batches with their embeddings that wait for the dense step, and gradients
/// that wait to be sent: as in Persia.
const QUEUE: usize = 10;
/// Lookups, and updates, under way at a time. More than the cores: remote ones
/// wait for the network.
const CONCURRENT_CALLS: usize = 8;
/// Batches drawn ahead of the keeper.
const MAX_DRAWN_AHEAD: usize = 4;

/// How a trainer is to train.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name to the workers.
    pub name: String,
    /// Samples of a batch.
    pub batch_size: usize,
    /// The step with which it ends; none where it does not by itself.
    pub steps: Option<u64>,
    /// Batches that may be out at a time.
    pub staleness_bound: usize,
    /// Batches that may wait at the workers for being looked up.
    pub pending_bound: usize,
    /// Samples a second at most.
    pub examples_per_second: Option<f64>,
    /// Steps between two evaluations; none where 0.
    pub evaluate_every: u64,
    /// Held-out samples of an evaluation.
    pub held_out: usize,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Makes everything drawn repeatable.
    pub seed: u64,
}

/// What a training starts from.
#[derive(Debug)]
pub struct Start {
    /// The steps done before.
    pub step: u64,
    /// The age of the universe of ids; see [`super::features::id`].
    pub age: f64,
    /// The network, as far as it was trained.
    pub network: DenseNetwork,
    /// Whether it goes on from a checkpoint, if there is one: then the shards do, too.
    pub resuming: bool,
    /// The manifest of the last complete checkpoint.
    pub last: Option<TrainerState>,
}

/// Trains the network, with workers that hold the embeddings.
#[derive(Debug)]
pub struct Trainer {
    /// Batch size, bounds and periods.
    pub settings: Settings,
    /// The workers that batches are dealt to.
    pub workers: Vec<Worker>,
    /// The injected faults, as they change.
    pub faults: CurrentFaults,
    /// Where checkpoints go.
    pub checkpoints: Option<Checkpoints>,
    /// The metrics, unless nothing is measured.
    pub metrics: Option<Arc<TrainerMetrics>>,
    /// How far the training is, for those who display it.
    pub progress: Arc<Progress>,
}

/// Drawn, and not sent yet.
struct Drawn {
    number: u64,
    samples: Samples,
    /// Samples to judge the network on after this batch.
    held_out: Option<Samples>,
    age: f64,
}

/// Kept by a worker.
struct Kept {
    ids: BatchIds,
    clicks: Vec<bool>,
    held_out: Option<Samples>,
    age: f64,
    /// Dropped once the worker has been asked for it: it is not pending any more.
    pending: Option<OwnedSemaphorePermit>,
}

/// Looked up: it is out until the permit is dropped.
struct Ready {
    batch: Kept,
    embeddings: Embeddings,
    permit: OwnedSemaphorePermit,
}

/// Trained on; the permit is dropped when its gradients are applied.
struct Trained {
    gradients: BatchGradients,
    permit: OwnedSemaphorePermit,
}

impl Trainer {
    /// Trains until the last step, or until `stop` becomes true; then ends the
    /// batches that are out, and saves. Waits for workers that do not answer,
    /// however long.
    ///
    /// # Errors
    ///
    /// If a worker refuses what it is sent, a shard cannot save or does not have what the
    /// training goes on from, or what was learned at last could not be saved.
    pub async fn run(self, start: Start, stop: watch::Receiver<bool>) -> Result<(), CallError> {
        let trainer = Arc::new(self);
        let settings = &trainer.settings;
        let session = Session {
            trainer: settings.name.clone(),
            session: rand::random(),
        };
        if let Some(metrics) = &trainer.metrics {
            metrics
                .staleness_bound
                .set(exact(settings.staleness_bound as u64));
        }
        for worker in &trainer.workers {
            worker.begin(&session, || trainer.count_retry()).await?;
        }
        dense_step::prepare(&trainer, &start).await?;

        let (drawn_to, drawn) = mpsc::channel(MAX_DRAWN_AHEAD);
        // One more is kept while it waits to be put into the queue.
        let (kept_to, kept) = mpsc::channel(settings.pending_bound.saturating_sub(1).max(1));
        let (ready_to, ready) = mpsc::channel(QUEUE);
        let (trained_to, trained) = mpsc::channel(QUEUE);
        let kept = Arc::new(Mutex::new(kept));
        let trained = Arc::new(Mutex::new(trained));
        let permits = Arc::new(Semaphore::new(settings.staleness_bound));

        let mut stages: JoinSet<Result<(), CallError>> = JoinSet::new();
        let loader = Loader::new(settings.batch_size, settings.seed, start.step, start.age);
        let first = start.step;
        stages.spawn_blocking({
            let trainer = Arc::clone(&trainer);
            let stop = stop.clone();
            move || {
                trainer.draw(loader, first, &drawn_to, &stop);
                Ok(())
            }
        });
        stages.spawn(Arc::clone(&trainer).keep(session.session, drawn, kept_to, stop.clone()));
        for _ in 0..CONCURRENT_CALLS {
            stages.spawn(Arc::clone(&trainer).prefetch(
                Arc::clone(&permits),
                Arc::clone(&kept),
                ready_to.clone(),
                stop.clone(),
            ));
            stages.spawn(Arc::clone(&trainer).update(Arc::clone(&trained)));
        }
        // Each stage ends when nobody can hand it anything any more, nor take.
        drop((ready_to, kept, trained));
        let dense = tokio::task::spawn_blocking({
            let trainer = Arc::clone(&trainer);
            move || dense_step::run(&trainer, start, session.session, ready, &trained_to)
        });
        while let Some(stage) = stages.join_next().await {
            ended(stage)?;
        }
        let mut state = ended(dense.await)?;
        // All gradients have been applied: nothing is ahead of what is saved.
        let saved = dense_step::save(&trainer, &mut state).await;
        for worker in &trainer.workers {
            // One that does not answer now will hear of the next session.
            worker.end(session.clone()).await.ok();
        }
        saved
    }

    /// The first stage, on a thread of its own: drawing takes processor time.
    fn draw(
        &self,
        mut loader: Loader,
        first: u64,
        to: &mpsc::Sender<Drawn>,
        stop: &watch::Receiver<bool>,
    ) {
        let settings = &self.settings;
        let mut number = first;
        while !*stop.borrow() && settings.steps.is_none_or(|steps| number < steps) {
            let faults = self.faults.borrow().clone();
            let samples = loader.next_batch(&faults);
            number += 1;
            let evaluates =
                settings.evaluate_every > 0 && number.is_multiple_of(settings.evaluate_every);
            let drawn = Drawn {
                number,
                samples,
                held_out: evaluates.then(|| loader.held_out(settings.held_out, &faults)),
                age: loader.age(),
            };
            if to.blocking_send(drawn).is_err() {
                return;
            }
        }
    }

    /// Has the workers keep the batches, in turn, and no faster than is asked.
    async fn keep(
        self: Arc<Self>,
        session: u64,
        mut from: mpsc::Receiver<Drawn>,
        to: mpsc::Sender<Kept>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), CallError> {
        let pause = self.settings.examples_per_second.map(|rate| {
            #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
            Duration::from_secs_f64(self.settings.batch_size as f64 / rate)
        });
        let mut due = Instant::now();
        let pending = Arc::new(Semaphore::new(self.settings.pending_bound));
        while let Some(drawn) = from.recv().await {
            if let Some(pause) = pause {
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = stopped(&mut stop) => {}
                }
                // Time that was lost is caught up with for a second at most.
                let now = Instant::now();
                let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
                due = due.max(earliest) + pause;
            }
            if *stop.borrow() {
                break;
            }
            let permit = tokio::select! {
                permit = Arc::clone(&pending).acquire_owned() => permit,
                () = stopped(&mut stop) => break,
            };
            let batch = BatchRef {
                session,
                number: drawn.number,
            };
            let kept = Kept {
                ids: BatchIds {
                    batch,
                    features: drawn.samples.features,
                },
                clicks: drawn.samples.clicks,
                held_out: drawn.held_out,
                age: drawn.age,
                pending: Some(permit.expect("the semaphore is never closed")),
            };
            let worker = self.worker_of(batch);
            worker
                .forward_batched(&kept.ids, || self.count_retry())
                .await?;
            if to.send(kept).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn prefetch(
        self: Arc<Self>,
        permits: Arc<Semaphore>,
        from: Arc<Mutex<mpsc::Receiver<Kept>>>,
        to: mpsc::Sender<Ready>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), CallError> {
        loop {
            let started = Instant::now();
            let permit = Arc::clone(&permits).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            let next = from.lock().await.recv().await;
            // A batch that is not out yet need not be any more; the worker forgets
            // it with the session.
            let Some(mut batch) = next.filter(|_| !*stop.borrow()) else {
                return Ok(());
            };
            let embeddings = self.look_up(&batch.ids).await?;
            batch.pending = None;
            if let Some(metrics) = &self.metrics {
                metrics.forward_client_time_cost.observe(started.elapsed());
            }
            let ready = Ready {
                batch,
                embeddings,
                permit,
            };
            if to.send(ready).await.is_err() {
                return Ok(());
            }
        }
    }

    /// A batch's embeddings. A worker that was restarted has lost the batch and
    /// gets it again.
    async fn look_up(&self, ids: &BatchIds) -> Result<Embeddings, CallError> {
        let worker = self.worker_of(ids.batch);
        loop {
            match worker.forward(ids.batch, || self.count_retry()).await {
                Err(CallError::UnknownBatch) => {
                    self.count_error();
                    worker.forward_batched(ids, || self.count_retry()).await?;
                }
                ended => return ended,
            }
        }
    }

    async fn update(
        self: Arc<Self>,
        from: Arc<Mutex<mpsc::Receiver<Trained>>>,
    ) -> Result<(), CallError> {
        loop {
            let next = from.lock().await.recv().await;
            let Some(Trained { gradients, permit }) = next else {
                return Ok(());
            };
            let started = Instant::now();
            let worker = self.worker_of(gradients.batch);
            match worker.update(gradients, || self.count_retry()).await {
                Ok(_) => {
                    if let Some(metrics) = &self.metrics {
                        metrics.backward_client_time_cost.observe(started.elapsed());
                    }
                }
                // The worker was restarted: what it had lent out is lost.
                Err(CallError::UnknownBatch) => {
                    self.count_error();
                    self.progress.batch_lost();
                    if let Some(metrics) = &self.metrics {
                        metrics.batches_lost.inc();
                    }
                }
                Err(error) => return Err(error),
            }
            drop(permit);
        }
    }

    fn worker_of(&self, batch: BatchRef) -> &Worker {
        let place = batch.number % self.workers.len() as u64;
        &self.workers[usize::try_from(place).expect("less than there are workers")]
    }

    fn count_retry(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.worker_retries.inc();
        }
    }

    fn count_error(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.forward_error.inc();
        }
    }
}

/// Resolves when it is to stop; never, if nobody is left who could say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a stage ended with, also where it panicked.
fn ended<T>(stage: Result<Result<T, CallError>, tokio::task::JoinError>) -> Result<T, CallError> {
    stage.unwrap_or_else(|failed| Err(CallError::Invalid(failed.to_string())))
}
