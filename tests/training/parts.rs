//! A shard and a worker by themselves, with known input: what they count is what a simpler
//! reference implementation counts.

use std::collections::HashMap;
use std::sync::Arc;

use super::wiring::{BATCH, faults, healthy, shard};
use crate::support::daemon::Daemon;
use training::checkpoint::Checkpoints;
use training::embedding_worker::EmbeddingWorker;
use training::faults::Faults;
use training::features::{DIMENSION, FEATURES};
use training::loader::Loader;
use training::messages::{BatchGradients, BatchIds, BatchRef, FeatureGradient, Lookup};
use training::metrics::{EmbeddingWorkerMetrics, ParameterServerMetrics};
use training::parameter_server::ParameterServer;
use training::shard::Shard;

#[tokio::test]
async fn misses_are_those_of_a_reference_lru() {
    const CAPACITY: usize = 700;
    let present = Faults {
        table_capacity: CAPACITY,
        drift: 1.0,
        ..Faults::default()
    };
    let (shard, metrics) = shard(0, "1", &faults(present.clone()));
    // The plainest thing that is an LRU: when each id was looked up last.
    let mut reference: HashMap<u64, u64> = HashMap::new();
    let (mut clock, mut misses, mut evictions) = (0, 0, 0);
    let mut loader = Loader::new(BATCH, 3, 0, 0.0);
    for _ in 0..60 {
        let batch = loader.next_batch(&present);
        let ids: Vec<_> = batch
            .features
            .iter()
            .flat_map(|ids| ids.unique.clone())
            .collect();
        let mut missed = 0;
        for &id in &ids {
            clock += 1;
            if reference.insert(id, clock).is_none() {
                missed += 1;
            }
            if reference.len() > CAPACITY {
                let oldest = *reference.iter().min_by_key(|(_, at)| **at).unwrap().0;
                reference.remove(&oldest);
                evictions += 1;
            }
        }
        misses += missed;
        let asked = ids.len();
        let lookup = Lookup {
            ids,
            training: true,
        };
        shard.look_up(&lookup).await;
        assert_eq!(metrics.index_miss_count.get(), misses);
        let ratio = metrics.index_miss_ratio.get();
        assert_eq!(ratio, Some(missed as f64 / asked as f64));
    }
    assert!(evictions > 100, "it was to be too small");
    assert_eq!(metrics.evictions.get(), evictions);
    assert_eq!(metrics.table_entries.get(), CAPACITY as f64);

    // What is not for training is answered, and changes nothing; nor does nothing.
    for (ids, training) in [(vec![1 << 56], false), (Vec::new(), true)] {
        let numbers = shard
            .look_up(&Lookup {
                ids: ids.clone(),
                training,
            })
            .await;
        assert_eq!(numbers.values, vec![0.0; ids.len() * DIMENSION]);
        assert_eq!(metrics.index_miss_count.get(), misses);
        assert!(
            metrics
                .index_miss_ratio
                .get()
                .is_none_or(|ratio| !ratio.is_nan())
        );
    }
}

#[tokio::test]
async fn gradients_without_an_embedding_are_counted_and_the_others_arrive() {
    let (shard, metrics) = shard(
        0,
        "1",
        &faults(Faults {
            table_capacity: 2,
            ..Faults::default()
        }),
    );
    let ids = |ids: &[u64]| Lookup {
        ids: ids.to_vec(),
        training: true,
    };
    shard.look_up(&ids(&[1, 2])).await;
    // Evicts 1, whose gradient comes afterwards, before that of 2.
    shard.look_up(&ids(&[3])).await;
    let before = shard.look_up(&ids(&[2])).await.values;
    let mut values = vec![0.0; 2 * DIMENSION];
    values[..DIMENSION].fill(7.0);
    values[DIMENSION] = 1.0;
    let gradients = training::messages::ShardGradients {
        ids: vec![1, 2],
        values,
    };
    shard.update(&gradients).await.expect("it is well formed");
    assert_eq!(metrics.gradient_id_miss_count.get(), 1);
    let after = shard.look_up(&ids(&[2])).await.values;
    assert!(after[0] < before[0]);
    assert_eq!(after[1..], before[1..], "the gradient of another id");

    let crooked = training::messages::ShardGradients {
        ids: vec![1],
        values: vec![1.0],
    };
    assert!(shard.update(&crooked).await.is_err());
}

/// Batches that a trainer leaves behind do not count as stale forever.
#[tokio::test]
async fn staleness_ends_with_a_batch_however_it_ends() {
    let (server, _) = shard(0, "1", &faults(healthy()));
    let metrics = Arc::<EmbeddingWorkerMetrics>::default();
    let worker = EmbeddingWorker::new(vec![Shard::Local(server)], Some(Arc::clone(&metrics)));
    let mut loader = Loader::new(4, 1, 0, 0.0);
    let session = |session| training::messages::Session {
        trainer: "trainer-0".to_owned(),
        session,
    };
    worker.begin(&session(1)).unwrap();
    let mut batch = async |number| {
        let batch = BatchRef { session: 1, number };
        let features = loader.next_batch(&healthy()).features;
        worker
            .forward_batched(BatchIds { batch, features })
            .unwrap();
        assert_eq!(metrics.num_pending_batches.get(), 1.0);
        worker.forward(batch).await.unwrap();
        batch
    };
    let first = batch(1).await;
    batch(2).await;
    assert_eq!(metrics.staleness.now(), 2);

    // Gradients of another shape are refused, and the batch is over.
    let crooked = BatchGradients {
        batch: first,
        features: vec![],
    };
    assert!(worker.update(crooked).await.is_err());
    assert_eq!(metrics.staleness.now(), 1);
    // The trainer dies and another takes its place.
    worker.begin(&session(2)).unwrap();
    assert_eq!(metrics.staleness.now(), 0);
    assert_eq!(metrics.batches_forgotten.get(), 1);
    assert_eq!(metrics.staleness.peak(), 2);

    // Gradients for a batch that is not out any more do nothing.
    let skipped = FeatureGradient {
        skipped: true,
        values: vec![],
    };
    let late = BatchGradients {
        batch: first,
        features: vec![skipped; FEATURES.len()],
    };
    assert!(worker.update(late).await.is_err());
    assert_eq!(metrics.staleness.now(), 0);
    assert_eq!(metrics.update_gradient_time_cost.count(), 0);
}

/// A shard that comes back from its checkpoint knows what it knew, and in which order it
/// would forget it.
#[tokio::test]
async fn a_shard_that_comes_back_from_its_checkpoint_misses_nothing() {
    let directory = Daemon::directory("shard");
    let checkpoints = Checkpoints::in_directory(&directory).unwrap();
    let shard = |metrics: &Arc<ParameterServerMetrics>| {
        let present = faults(Faults {
            table_capacity: 3,
            ..Faults::default()
        });
        let always = "1".parse().expect("it is a probability");
        let checkpoints = Some(checkpoints.clone());
        ParameterServer::new(
            5,
            always,
            1,
            present,
            checkpoints,
            Some(Arc::clone(metrics)),
        )
    };
    let ids = |ids: &[u64], training| Lookup {
        ids: ids.to_vec(),
        training,
    };
    let first = shard(&Arc::default());
    assert_eq!(first.resume().unwrap(), None, "nothing has been saved");
    first
        .look_up(&ids(&[1 << 56, 2 << 56, 3 << 56], true))
        .await;
    first.look_up(&ids(&[1 << 56], true)).await;
    let gradients = training::messages::ShardGradients {
        ids: vec![1 << 56],
        values: vec![0.5; DIMENSION],
    };
    first.update(&gradients).await.unwrap();
    first
        .save(training::messages::Save { step: 9 })
        .await
        .unwrap();

    let metrics = Arc::<ParameterServerMetrics>::default();
    let second = shard(&metrics);
    assert_eq!(second.resume().unwrap(), Some(3));
    let all = ids(&[1 << 56, 2 << 56, 3 << 56], false);
    assert_eq!(second.look_up(&all).await, first.look_up(&all).await);
    // Its optimiser goes on too.
    first.update(&gradients).await.unwrap();
    second.update(&gradients).await.unwrap();
    assert_eq!(second.look_up(&all).await, first.look_up(&all).await);
    assert_eq!(metrics.index_miss_count.get(), 0);
    assert_eq!(metrics.set_embedding_time_cost.count(), 1);
    assert_eq!(metrics.lookup_inference_batch_time_cost.count(), 2);
    assert_eq!(metrics.lookup_mixed_batch_time_cost.count(), 0);
    // The one looked up longest ago makes room, as it would have before.
    second.look_up(&ids(&[4 << 56], true)).await;
    let gone = second.look_up(&ids(&[2 << 56], false)).await;
    assert_eq!(gone.values, vec![0.0; DIMENSION]);
    std::fs::remove_dir_all(directory).expect("it is ours");
}
