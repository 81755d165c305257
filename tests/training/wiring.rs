//! A shard and a trainer assembled in this process for the tests of their counts: the input
//! is given, and nothing else is started.

use std::sync::Arc;

use simulation::Probability;
use tokio::sync::watch;
use training::dense::DenseNetwork;
use training::faults::{CurrentFaults, Faults};
use training::metrics::{ParameterServerMetrics, TrainerMetrics};
use training::parameter_server::ParameterServer;
use training::trainer::{Progress, Settings, Start, Trainer};
use training::worker::Worker;

/// Examples of a batch.
pub(crate) const BATCH: usize = 64;
/// How many batches may be out at a time.
pub(crate) const STALENESS: usize = 4;
/// How many batches may wait at the workers.
pub(crate) const PENDING: usize = 8;

/// Batches from one evaluation to the next.
pub(crate) const EVALUATE_EVERY: u64 = 50;
/// Samples of an evaluation.
pub(crate) const HELD_OUT: usize = 256;

/// Faults that never change.
pub(crate) fn faults(faults: Faults) -> CurrentFaults {
    watch::channel(faults).1
}

/// No faults, and room for every id.
pub(crate) fn healthy() -> Faults {
    Faults {
        table_capacity: 1_000_000,
        ..Faults::default()
    }
}

/// A shard that admits this share of new ids, and what it counts.
pub(crate) fn shard(
    place: usize,
    admit: &str,
    faults: &CurrentFaults,
) -> (Arc<ParameterServer>, Arc<ParameterServerMetrics>) {
    let metrics = Arc::<ParameterServerMetrics>::default();
    let admit: Probability = admit.parse().expect("it is a probability");
    let shard = ParameterServer::new(
        place,
        admit,
        1,
        faults.clone(),
        None,
        Some(Arc::clone(&metrics)),
    );
    (Arc::new(shard), metrics)
}

/// Trains this many steps with these workers, to the end.
pub(crate) async fn train(
    (steps, seed): (u64, u64),
    workers: Vec<Worker>,
    faults: CurrentFaults,
    metrics: Arc<TrainerMetrics>,
) -> Arc<Progress> {
    let progress = Arc::<Progress>::default();
    let trainer = Trainer {
        settings: Settings {
            name: "trainer-0".to_owned(),
            batch_size: BATCH,
            steps: Some(steps),
            staleness_bound: STALENESS,
            pending_bound: PENDING,
            examples_per_second: None,
            evaluate_every: EVALUATE_EVERY,
            held_out: HELD_OUT,
            checkpoint_every: u64::MAX,
            seed,
        },
        workers,
        faults,
        checkpoints: None,
        metrics: Some(metrics),
        progress: Arc::clone(&progress),
    };
    let start = Start {
        step: 0,
        age: 0.0,
        network: DenseNetwork::new(seed),
        resuming: false,
        last: None,
    };
    let (_going_on, stop) = watch::channel(false);
    trainer.run(start, stop).await.expect("nobody refuses");
    progress
}
