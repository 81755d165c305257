//! The training's metrics are right: each is compared with what the test itself knows or
//! counts.

use std::collections::HashSet;
use std::sync::Arc;

use training::embedding_worker::EmbeddingWorker;
use training::faults::Faults;
use training::features::FEATURES;
use training::loader::Loader;
use training::metrics::{
    EmbeddingWorkerMetrics, ParameterServerMetrics, RoleMetrics, TrainerMetrics, gather,
};
use training::shard::Shard;
use training::trainer::Progress;
use training::worker::Worker;

use prometheus_client::registry::Registry;

use super::reading::{Watch, registered};
use crate::support::training::{DOCUMENTED, pushed};

use super::wiring::{self, BATCH, EVALUATE_EVERY, HELD_OUT, STALENESS, faults, healthy, shard};

/// A training in this process, and everything it counts.
struct Run {
    shards: Vec<Arc<ParameterServerMetrics>>,
    workers: Vec<Arc<EmbeddingWorkerMetrics>>,
    trainer: Arc<TrainerMetrics>,
    progress: Arc<Progress>,
    staleness: Vec<u64>,
}

const STEPS: u64 = 120;
const SEED: u64 = 5;

async fn train(shards: usize, workers: usize, admit: &str, present: Faults) -> Run {
    let faults = faults(present);
    let (servers, shards): (Vec<_>, Vec<_>) = (0..shards)
        .map(|place| shard(place, admit, &faults))
        .unzip();
    let servers: Vec<_> = servers.into_iter().map(Shard::Local).collect();
    let metrics: Vec<_> = (0..workers)
        .map(|_| Arc::<EmbeddingWorkerMetrics>::default())
        .collect();
    let workers: Vec<_> = metrics
        .iter()
        .map(|metrics| EmbeddingWorker::new(servers.clone(), Some(Arc::clone(metrics))))
        .map(Arc::new)
        .collect();
    let trainer_metrics = Arc::<TrainerMetrics>::default();
    let nodes = shards.iter().map(|node| &**node as &dyn RoleMetrics);
    let nodes = nodes.chain(metrics.iter().map(|node| &**node as _));
    let watched = Watch::start(nodes.chain([&*trainer_metrics as _]));
    let workers = workers.into_iter().map(Worker::Local).collect();
    let progress =
        wiring::train((STEPS, SEED), workers, faults, Arc::clone(&trainer_metrics)).await;
    watched.end();
    Run {
        shards,
        staleness: metrics
            .iter()
            .map(|metrics| metrics.staleness.peak())
            .collect(),
        workers: metrics,
        trainer: trainer_metrics,
        progress,
    }
}

/// The batches that such a training draws.
fn batches(present: &Faults) -> Vec<Vec<HashSet<u64>>> {
    let mut loader = Loader::new(BATCH, SEED, 0, 0.0);
    (0..STEPS)
        .map(|_| {
            let batch = loader.next_batch(present);
            let ids = |ids: &training::messages::FeatureIds| ids.unique.iter().copied().collect();
            batch.features.iter().map(ids).collect()
        })
        .collect()
}

#[test]
fn the_document_s_metrics_have_its_names_and_the_types_of_its_time() {
    let exposed = pushed();
    for (name, kind) in DOCUMENTED {
        let family = exposed.iter().find(|family| family.name == name);
        let family = family.unwrap_or_else(|| panic!("{name} is not exposed"));
        assert_eq!(family.r#type(), kind, "{name}");
    }

    // What is not known yet is not 0: a graph would begin with a fall or a rise from there.
    let mut registry = Registry::default();
    ParameterServerMetrics::default().register(&mut registry);
    TrainerMetrics::default().register(&mut registry);
    let at_first = gather(&registry).expect("no collector fails");
    for late in [
        "index_miss_ratio",
        "train_loss",
        "evaluation_loss",
        "evaluation_auc",
    ] {
        assert!(exposed.iter().any(|family| family.name == late), "{late}");
        assert!(at_first.iter().all(|family| family.name != late), "{late}");
    }

    // Every metric is exposed by exactly one role, all its other series from the start.
    let names: HashSet<_> = exposed.iter().map(|family| &family.name).collect();
    assert_eq!(names.len(), exposed.len());
    for family in &exposed {
        let by_feature = family.metric[0]
            .label
            .iter()
            .any(|label| label.name == "feat");
        let expected = if by_feature { FEATURES.len() } else { 1 };
        assert_eq!(family.metric.len(), expected, "{}", family.name);
        assert!(
            family.help.ends_with('.') && !family.help.ends_with("..") && family.help.len() > 10
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage_counts_every_batch_and_staleness_keeps_its_bound() {
    for shards in [1, 3] {
        let run = train(shards, 1, "1", healthy()).await;
        let worker = &run.workers[0];
        for (name, cost) in [
            ("create", &worker.lookup_create_requests_time_cost),
            ("rpc", &worker.lookup_rpc_time_cost),
            ("summation", &worker.summation_time_cost),
            ("batched", &worker.lookup_batched_time_cost),
            ("update", &worker.update_gradient_time_cost),
            ("dense", &run.trainer.dense_step_time_cost),
            ("forward", &run.trainer.forward_client_time_cost),
            ("backward", &run.trainer.backward_client_time_cost),
        ] {
            assert_eq!(cost.count(), STEPS, "{name}");
        }
        for shard in &run.shards {
            assert_eq!(shard.lookup_mixed_batch_time_cost.count(), STEPS);
            let ratio = shard.index_miss_ratio.get();
            assert!(
                ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)),
                "{ratio:?}"
            );
        }
        assert_eq!(run.trainer.train_batches.get(), STEPS);
        assert_eq!(run.trainer.train_examples.get(), STEPS * BATCH as u64);
        assert_eq!(run.trainer.train_step.get(), STEPS as f64);

        // Something was out, and never more than may be.
        let peak = run.staleness[0];
        assert!((1..=STALENESS as u64).contains(&peak), "{peak}");
        assert_eq!(worker.staleness.now(), 0, "after the last batch");
        assert_eq!(worker.num_pending_batches.get(), 0.0);

        // The parts of a lookup are the whole of it: each begins where one ends.
        let sum = |name: &str| sum_of(worker.as_ref(), name);
        let parts = sum("lookup_create_requests_time_cost")
            + sum("lookup_rpc_time_cost")
            + sum("summation_time_cost");
        let whole = sum("lookup_batched_time_cost");
        let difference = (parts / whole - 1.0).abs();
        assert!(difference < 1e-6, "{parts} of {whole}");
        // It has learned: guessing has an AUC of 0.5, and 256 samples a standard
        // deviation of 0.04. They are the same each time; only the order in which
        // batches arrive differs, which moves the AUC by a hundredth.
        let auc = run.trainer.evaluation_auc.get().expect("it was evaluated");
        assert!(auc > 0.6, "{auc}");
        // The loss of single batches does not show it: it depends on which arrived first. On
        // held-out samples it is less than that of always answering the share of clicks.
        let loss = run.trainer.evaluation_loss.get().expect("it was evaluated");
        let guessing = loss_of_guessing();
        assert!(loss < guessing, "{loss}, guessing {guessing}");
        let summary = run.progress.now();
        let evaluated = summary.evaluation.expect("it was, twice");
        assert_eq!((evaluated.loss, evaluated.auc), (loss, Some(auc)));
        assert_eq!(summary.loss, run.trainer.train_loss.get());
    }
}

/// The loss on the samples of the last evaluation of always answering their share of clicks:
/// the entropy of that share.
fn loss_of_guessing() -> f64 {
    let mut loader = Loader::new(BATCH, SEED, 0, 0.0);
    for _ in 0..STEPS / EVALUATE_EVERY * EVALUATE_EVERY {
        loader.next_batch(&healthy());
    }
    let clicks = loader.held_out(HELD_OUT, &healthy()).clicks;
    let share = clicks.iter().filter(|click| **click).count() as f64 / clicks.len() as f64;
    -share * share.ln() - (1.0 - share) * (1.0 - share).ln()
}

fn sum_of(metrics: &dyn RoleMetrics, name: &str) -> f64 {
    let families = gather(&registered(metrics)).expect("nothing fails");
    let family = families.iter().find(|family| family.name == name);
    let histogram = family.and_then(|family| family.metric[0].histogram.as_ref());
    histogram.expect("it is a histogram").sample_sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distinct_ids_are_right_with_one_worker_and_with_several() {
    let drawn = batches(&healthy());
    for workers in [1, 3] {
        let run = train(2, workers, "1", healthy()).await;
        for (place, feature) in FEATURES.iter().enumerate() {
            let near = |estimate: f64, exact: usize, of: &str| {
                let error = estimate / exact as f64 - 1.0;
                assert!(error.abs() <= 0.01, "{of} {}: {error}", feature.name);
            };
            // Each worker sees its own batches, in turn.
            for (number, worker) in run.workers.iter().enumerate() {
                // Batches count from 1.
                let own = (1..).zip(&drawn);
                let own = own.filter(|(batch, _)| batch % workers == number);
                let exact: HashSet<_> = own.flat_map(|(_, batch)| &batch[place]).collect();
                near(
                    worker.distinct.estimate(place) as f64,
                    exact.len(),
                    "worker",
                );
            }
            // No id is in two shards: their counts add up, whichever worker asked.
            let exact: HashSet<_> = drawn.iter().flat_map(|batch| &batch[place]).collect();
            let shards = run
                .shards
                .iter()
                .map(|shard| shard.distinct.estimate(place));
            near(shards.sum::<u64>() as f64, exact.len(), "shards");
        }
        // With room for all, each id is missed once, whichever worker asks first.
        let distinct: HashSet<_> = drawn.iter().flatten().flatten().collect();
        let misses: u64 = run
            .shards
            .iter()
            .map(|shard| shard.index_miss_count.get())
            .sum();
        assert_eq!(misses, distinct.len() as u64);
        let asked: u64 = run
            .shards
            .iter()
            .map(|shard| shard.looked_up_ids.get())
            .sum();
        let distinct_by_batch: usize = drawn.iter().flatten().map(HashSet::len).sum();
        assert_eq!(asked, distinct_by_batch as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_are_not_admitted_are_no_misses_but_their_gradients_are() {
    let run = train(1, 1, "0", healthy()).await;
    let shard = &run.shards[0];
    assert_eq!(shard.index_miss_count.get(), 0);
    assert_eq!(shard.table_entries.get(), 0.0);
    assert_eq!(shard.admissions_refused.get(), shard.looked_up_ids.get());
    assert_eq!(
        shard.gradient_id_miss_count.get(),
        shard.looked_up_ids.get()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nan_is_found_and_a_masked_feature_is_skipped() {
    let present = Faults {
        nan_every: 7,
        nan_feature: "user".parse().ok(),
        masked_features: vec!["context".parse().unwrap()],
        ..healthy()
    };
    let run = train(2, 1, "1", present).await;
    for (place, feature) in FEATURES.iter().enumerate() {
        let nan = run.workers[0].nan_count.of(place).get();
        let skipped = run.workers[0].nan_grad_skipped.of(place).get();
        let expected = match feature.name {
            "user" => (STEPS / 7, 0),
            "context" => (0, STEPS),
            _ => (0, 0),
        };
        assert_eq!((nan, skipped), expected, "{}", feature.name);
        let rate = run.workers[0].batch_unique_indices_rate.of(place).get();
        if feature.name == "context" {
            // It never had an id, and so no rate: neither a number nor NaN.
            assert_eq!(rate, None);
        } else {
            assert!(
                rate.is_some_and(|rate| rate > 0.0 && rate <= 1.0),
                "{rate:?}"
            );
        }
    }
    assert!(
        run.progress.now().loss.is_some_and(f64::is_finite),
        "a NaN went through"
    );
}
