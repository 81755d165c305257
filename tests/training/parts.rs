//! A shard and a worker by themselves, with known input: what they count is what a simpler
//! reference implementation counts.

use std::collections::HashMap;
use std::sync::Arc;

use super::wiring::{BATCH, faults, healthy, shard};
use training::distinct::DistinctIds;
use training::embedding_worker::{self, EmbeddingWorker};
use training::faults::Faults;
use training::features::{DIMENSION, FEATURES, mix};
use training::loader::Loader;
use training::messages::{BatchGradients, BatchIds, BatchRef, FeatureGradient, Lookup};
use training::metrics::EmbeddingWorkerMetrics;
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

/// What is told of a guarded value is told in the order in which it changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn with_many_threads_no_gauge_leaves_the_bounds_of_what_it_shows() {
    const TRAINERS: u64 = 16;
    const BATCHES: u64 = 200;
    let (server, shard) = shard(0, "1", &faults(healthy()));
    let metrics = Arc::<EmbeddingWorkerMetrics>::default();
    let shards = vec![Shard::Local(server)];
    let worker = Arc::new(EmbeddingWorker::new(shards, Some(Arc::clone(&metrics))));
    let features = Loader::new(1, 1, 0, 0.0).next_batch(&healthy()).features;
    let distinct: usize = features.iter().map(|ids| ids.unique.len()).sum();
    let one_after_the_other = |session| {
        let (worker, features) = (Arc::clone(&worker), features.clone());
        let metrics = Arc::clone(&metrics);
        async move {
            for number in 0..BATCHES {
                let batch = BatchRef { session, number };
                let ids = BatchIds {
                    batch,
                    features: features.clone(),
                };
                worker.forward_batched(ids).expect("it makes sense");
                // Each keeps one at most.
                let pending = metrics.num_pending_batches.get();
                assert!(pending <= TRAINERS as f64, "{pending}");
                worker.forward(batch).await.expect("it is known");
            }
        }
    };
    let trainers: Vec<_> = (0..TRAINERS)
        .map(|session| tokio::spawn(one_after_the_other(session)))
        .collect();
    for trainer in trainers {
        trainer.await.expect("it holds");
    }
    assert_eq!(metrics.num_pending_batches.get(), 0.0);
    assert_eq!(metrics.staleness.now(), TRAINERS * BATCHES);
    assert_eq!(shard.table_entries.get(), distinct as f64);
    // The last lookup missed nothing, whoever made it.
    assert_eq!(shard.index_miss_ratio.get(), Some(0.0));
    assert_eq!(metrics.lookups_in_flight.get(), std::time::Duration::ZERO);
}

/// A lookup that does not end says nothing in the histogram of those that have ended.
#[tokio::test(start_paused = true)]
async fn while_a_shard_does_not_answer_the_age_of_the_lookup_says_so() {
    let slow = Faults {
        slow_shard: "0=30s".parse().ok(),
        ..healthy()
    };
    let (server, _) = shard(0, "1", &faults(slow));
    let metrics = Arc::<EmbeddingWorkerMetrics>::default();
    let shards = vec![Shard::Local(server)];
    let worker = EmbeddingWorker::new(shards, Some(Arc::clone(&metrics)));
    let batch = BatchRef {
        session: 1,
        number: 1,
    };
    let features = Loader::new(4, 1, 0, 0.0).next_batch(&healthy()).features;
    worker
        .forward_batched(BatchIds { batch, features })
        .expect("it makes sense");
    let mut lookup = std::pin::pin!(worker.forward(batch));
    let at_once = std::time::Duration::from_millis(1);
    assert!(tokio::time::timeout(at_once, &mut lookup).await.is_err());
    let age = metrics.lookups_in_flight.get();
    std::thread::sleep(at_once);
    assert!(metrics.lookups_in_flight.get() >= age + at_once);
    assert_eq!(metrics.lookup_rpc_time_cost.count(), 0);
    lookup.await.expect("it is only slow");
    assert_eq!(metrics.lookups_in_flight.get(), std::time::Duration::ZERO);
}

/// Whatever the number of shards: the shard of an id says nothing of how rare its hash is.
#[test]
fn distinct_ids_are_right_by_shards_however_many_there_are() {
    for shards in [1, 2, 3, 8] {
        let all: Vec<_> = (0..shards).map(|_| DistinctIds::default()).collect();
        let mut exact = vec![0_u64; shards];
        let mut next = 0;
        for count in [10_000_u64, 100_000, 1_000_000] {
            while next < count {
                let id = 2 << 56 | mix(next) >> 8;
                let owner = embedding_worker::owner(id, shards);
                all[owner].insert(1, id);
                exact[owner] += 1;
                next += 1;
            }
            let of = |shard: &DistinctIds| shard.estimate(1) as f64;
            for (number, (shard, &exact)) in all.iter().zip(&exact).enumerate() {
                let error = of(shard) / exact as f64 - 1.0;
                assert!(
                    error.abs() <= 0.015,
                    "shard {number} of {shards}, {exact} ids: {error}"
                );
            }
            let sum: f64 = all.iter().map(of).sum();
            let error = sum / count as f64 - 1.0;
            assert!(error.abs() <= 0.015, "{shards} shards, {count}: {error}");
        }
    }
}
