//! What the training counts and measures, role by role: each metric's name, help and
//! type beside its field. When something is counted is said where it happens.
//!
//! The fifteen of Persia's document have exactly its names, without the suffixes that
//! Prometheus advises today; the others keep that style, so that they stand together.

mod instruments;

use std::fmt;
use std::sync::Arc;

use golden_metrics::GaugeFunc;
use golden_metrics::model::{MetricFamily, MetricType};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::features::FEATURES;
use super::staleness::Staleness;
pub use instruments::{
    DistinctEstimates, Gauge, InFlight, OldestAge, PerFeature, SometimesGauge, TimeCost, exact,
};

/// Upper bounds of all time costs, in seconds.
///
/// Dividing and summing a batch takes tens of microseconds, a shard's lookup
/// a hundred or so, a call over the loopback a few hundred, a slow shard tens
/// of milliseconds, and a call that waits for a shard to be restarted some
/// seconds: six decades, three bounds in each. Persia's own bounds begin at
/// 5 ms, below which everything lies here as long as all is well. One set for
/// all, so that stages can be compared and stacked.
pub const TIME_COST_SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What a role counts.
pub trait RoleMetrics {
    /// Registers all of it.
    fn register(&self, registry: &mut Registry);
}

/// The present state of every metric of roles that are registered in `registry`, under
/// Persia's names: `prometheus_client` ends those of counters in `_total`, Persia's
/// document does not.
///
/// # Errors
///
/// If a collector fails.
pub fn gather(registry: &Registry) -> Result<Vec<MetricFamily>, fmt::Error> {
    let mut families = golden_metrics::gather(registry)?;
    // What is absent has no series, and readers of the format refuse a family of none.
    families.retain(|family| !family.metric.is_empty());
    for family in &mut families {
        if family.r#type() == MetricType::Counter
            && let Some(name) = family.name.strip_suffix("_total")
        {
            family.name.truncate(name.len());
        }
    }
    Ok(families)
}

macro_rules! role_metrics {
    ($(#[$about:meta])* $role:ident {
        $($field:ident: $kind:ty = $name:literal, $help:literal;)*
    } $($(#[$of_staleness:meta])* $staleness:ident: Arc<Staleness>)?) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $role {
            $(#[doc = concat!("`", $name, "`: ", $help, ".")]
            pub $field: $kind,)*
            $($(#[$of_staleness])* pub $staleness: Arc<Staleness>,)?
        }

        impl RoleMetrics for $role {
            fn register(&self, registry: &mut Registry) {
                $(registry.register($name, $help, self.$field.clone());)*
                $(register_staleness(&self.$staleness, registry);)?
            }
        }
    };
}

role_metrics! {
    /// A parameter server's.
    ParameterServerMetrics {
        index_miss_count: Counter = "index_miss_count",
            "Ids looked up for training that were not in the shard's table and were admitted to it";
        index_miss_ratio: SometimesGauge = "index_miss_ratio",
            "Share of the ids of the shard's last lookup for training that index_miss_count counted";
        gradient_id_miss_count: Counter = "gradient_id_miss_count",
            "Ids whose gradient found no embedding in the shard: evicted since the lookup, or never admitted";
        lookup_mixed_batch_time_cost: TimeCost = "lookup_mixed_batch_time_cost",
            "Seconds a shard takes to look a request's ids up, waiting for its table included";
        set_embedding_time_cost: TimeCost = "set_embedding_time_cost",
            "Seconds a shard takes to put a checkpoint's embeddings into its table";
        lookup_inference_batch_time_cost: TimeCost = "lookup_inference_batch_time_cost",
            "Seconds a shard takes to look up held-out ids, which are not trained on";
        table_entries: Gauge = "embedding_table_entries",
            "Embeddings in the shard's table";
        table_capacity: Gauge = "embedding_table_capacity",
            "Embeddings that the shard's table may hold";
        evictions: Counter = "embedding_evictions",
            "Embeddings that made room for others";
        admissions_refused: Counter = "embedding_admissions_refused",
            "Ids looked up for training that were neither in the table nor admitted to it";
        looked_up_ids: Counter = "lookup_ids",
            "Ids that the shard was asked for, for training";
        distinct: DistinctEstimates = "shard_distinct_id",
            "Distinct ids that this shard was asked for, estimated; shards share none, so they add up";
    }
}

role_metrics! {
    /// An embedding worker's.
    EmbeddingWorkerMetrics {
        batch_unique_indices_rate: PerFeature<SometimesGauge> = "batch_unique_indices_rate",
            "Distinct ids of the last batch divided by all its ids; 1 is no repetition, absent is no id";
        nan_count: PerFeature<Counter> = "nan_count",
            "Gradients of a batch's feature that arrived with a NaN and were dropped";
        nan_grad_skipped: PerFeature<Counter> = "nan_grad_skipped",
            "Gradients of a batch's feature that the trainer did not send because none reached it";
        num_pending_batches: Gauge = "num_pending_batches",
            "Batches that have arrived at this worker and that no trainer has claimed yet";
        num_shards: Gauge = "num_shards",
            "Shards that the worker divides ids among; the training stands still while one is missing";
        lookup_create_requests_time_cost: TimeCost = "lookup_create_requests_time_cost",
            "Seconds the worker takes to divide a batch's ids among the shards";
        lookup_rpc_time_cost: TimeCost = "lookup_rpc_time_cost",
            "Seconds from the lookup's being sent to the shards until all have answered";
        lookups_in_flight: OldestAge = "lookup_oldest_in_flight_age",
            "Seconds that the oldest lookup that a shard has not answered yet has waited; 0 where none waits";
        update_gradient_time_cost: TimeCost = "update_gradient_time_cost",
            "Seconds from a batch's gradients arriving until all shards have applied them";
        summation_time_cost: TimeCost = "summation_time_cost",
            "Seconds the worker takes to sum a batch's embeddings by sample";
        lookup_batched_time_cost: TimeCost = "lookup_batched_time_cost",
            "Seconds a batch's whole lookup takes: dividing, asking the shards, summing";
        shard_retries: Counter = "shard_retries",
            "Calls to a shard that were repeated because it did not answer";
        batches_forgotten: Counter = "batches_forgotten",
            "Batches of trainers that have gone, with which nothing can be done any more";
        distinct: DistinctEstimates = "estimated_distinct_id",
            "Distinct ids that this worker has looked up since it started, estimated by HyperLogLog";
    }
    /// The batches that are out: `staleness` and `staleness_peak`.
    staleness: Arc<Staleness>
}

role_metrics! {
    /// A trainer's.
    TrainerMetrics {
        train_loss: SometimesGauge = "train_loss",
            "Logistic loss of the batches trained on, smoothed over about a hundred; absent before the first";
        evaluation_loss: SometimesGauge = "evaluation_loss",
            "Logistic loss on the last held-out samples; absent before the first evaluation";
        evaluation_auc: SometimesGauge = "evaluation_auc",
            "Area under the ROC curve on the last held-out samples; 0.5 is guessing, absent before the first evaluation";
        checkpoint_time_cost: TimeCost = "checkpoint_time_cost",
            "Seconds the training stands still for a checkpoint, saved or failed";
        checkpoint_failures: Counter = "checkpoint_failures_total",
            "Checkpoints that could not be saved, by the trainer or by any shard";
        checkpoint_step: SometimesGauge = "checkpoint_step",
            "The step of the last complete checkpoint; absent where there is none";
        train_examples: Counter = "train_examples",
            "Samples trained on";
        train_batches: Counter = "train_batches",
            "Batches trained on";
        train_step: Gauge = "train_step",
            "The step of the training, counted on through checkpoints";
        dense_step_time_cost: TimeCost = "dense_step_time_cost",
            "Seconds the dense network takes for a batch, forward and backward";
        num_workers: Gauge = "num_workers",
            "Embedding workers that the trainer trains with; it stands still while one is missing";
        staleness_bound: Gauge = "staleness_bound",
            "Batches that may be out at a time";
        forward_client_time_cost: TimeCost = "forward_client_time_cost",
            "Seconds the trainer waits for a batch's embeddings, the staleness bound included";
        backward_client_time_cost: TimeCost = "backward_client_time_cost",
            "Seconds the trainer waits until a batch's gradients are applied";
        long_get_train_batch_time_cost: TimeCost = "long_get_train_batch_time_cost",
            "Seconds the dense step waited for a batch with its embeddings, where longer than 1 ms";
        long_update_gradient_batched_time_cost: TimeCost = "long_update_gradient_batched_time_cost",
            "Seconds the dense step waited to hand its gradients over, where longer than 1 ms";
        forward_error: Counter = "forward_error",
            "Lookups and updates that the worker refused or no longer knew the batch of";
        worker_retries: Counter = "worker_retries",
            "Calls to the worker that were repeated because it did not answer";
        batches_lost: Counter = "batches_lost",
            "Batches whose gradients could not be applied because the worker had lost them";
    }
}

role_metrics! {
    /// What every node tells of its own pushing.
    PushMetrics {
        pushes: Counter = "metrics_pushes",
            "Pushes that the gateway has taken, before this one";
        failures: Counter = "metrics_push_failures",
            "Pushes that the gateway has not taken";
        time_cost: TimeCost = "metrics_push_time_cost",
            "Seconds a push takes, until the gateway has answered or the time is over";
        bytes: Gauge = "metrics_push_bytes",
            "Bytes of the push before this one";
        ended: Gauge = "node_ended",
            "1 in the last push of a node that ends in order, 0 before";
    }
}

impl ParameterServerMetrics {
    /// The shard was asked for this id, whose highest byte tells its feature (see
    /// [`super::features::id`]); an id of no feature counts nowhere.
    pub fn count_distinct(&self, id: u64) {
        let place = usize::from((id >> 56) as u8).wrapping_sub(1);
        if place < FEATURES.len() {
            self.distinct.insert(place, id);
        }
    }
}

/// Asked for when it is pushed: a gauge that is set when a batch arrives would freeze
/// with the last one.
fn register_staleness(staleness: &Arc<Staleness>, registry: &mut Registry) {
    let now = Arc::clone(staleness);
    registry.register(
        "staleness",
        "Batches looked up through this worker whose gradients have not been applied yet",
        GaugeFunc(move || now.now()),
    );
    let peak = Arc::clone(staleness);
    registry.register(
        "staleness_peak",
        "The highest staleness since the worker started",
        GaugeFunc(move || peak.peak()),
    );
}
