//! What the training counts and measures, role by role. Names stand in
//! [`descriptions`]; when something is counted is said where it happens.

pub mod descriptions;
mod instruments;

use std::sync::Arc;

use descriptions as d;
use instruments::Instrument;
pub use instruments::{Counter, Gauge, PerFeature, TimeCost, exact};

use super::distinct::DistinctIds;
use super::features::FEATURES;
use super::staleness::Staleness;
use golden_metrics::{Collect, Description, model};

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

fn expose(
    into: &mut Vec<model::MetricFamily>,
    description: &Description,
    instrument: &dyn Instrument,
) {
    into.push(description.family(instrument.series(description)));
}

fn expose_number(into: &mut Vec<model::MetricFamily>, description: &Description, value: f64) {
    into.push(description.family(vec![description.sample(&[], value)]));
}

fn expose_distinct(
    into: &mut Vec<model::MetricFamily>,
    description: &Description,
    distinct: &DistinctIds,
) {
    let series = FEATURES.iter().enumerate().map(|(place, feature)| {
        description.sample(&[("feat", feature.name)], exact(distinct.estimate(place)))
    });
    into.push(description.family(series.collect()));
}

macro_rules! role_metrics {
    ($(#[$about:meta])* $name:ident { $($field:ident: $kind:ty = $description:ident,)* }
        with { $($(#[$of_shared:meta])* $shared:ident: $shared_kind:ty,)* }
        exposing $more:expr) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $name {
            $(#[doc = concat!("See [`descriptions::", stringify!($description), "`].")]
            pub $field: $kind,)*
            $($(#[$of_shared])* pub $shared: $shared_kind,)*
        }

        impl Collect for $name {
            fn collect(&self, into: &mut Vec<model::MetricFamily>) {
                $(expose(into, &d::$description, &self.$field);)*
                let more: fn(&Self, &mut Vec<model::MetricFamily>) = $more;
                more(self, into);
            }
        }
    };
}

role_metrics! {
    /// A parameter server's.
    ParameterServerMetrics {
        index_miss_count: Counter = INDEX_MISS_COUNT,
        index_miss_ratio: Gauge = INDEX_MISS_RATIO,
        gradient_id_miss_count: Counter = GRADIENT_ID_MISS_COUNT,
        lookup_mixed_batch_time_cost: TimeCost = LOOKUP_MIXED_BATCH_TIME_COST,
        set_embedding_time_cost: TimeCost = SET_EMBEDDING_TIME_COST,
        lookup_inference_batch_time_cost: TimeCost = LOOKUP_INFERENCE_BATCH_TIME_COST,
        table_entries: Gauge = TABLE_ENTRIES,
        table_capacity: Gauge = TABLE_CAPACITY,
        evictions: Counter = EVICTIONS,
        admissions_refused: Counter = ADMISSIONS_REFUSED,
        looked_up_ids: Counter = LOOKED_UP_IDS,
    } with {
        /// The ids that this shard was asked for.
        distinct: DistinctIds,
    } exposing |metrics, into| {
        expose_distinct(into, &d::SHARD_DISTINCT_ID, &metrics.distinct);
    }
}

role_metrics! {
    /// An embedding worker's.
    EmbeddingWorkerMetrics {
        batch_unique_indices_rate: PerFeature<Gauge> = BATCH_UNIQUE_INDICES_RATE,
        nan_count: PerFeature<Counter> = NAN_COUNT,
        nan_grad_skipped: PerFeature<Counter> = NAN_GRAD_SKIPPED,
        num_pending_batches: Gauge = NUM_PENDING_BATCHES,
        lookup_create_requests_time_cost: TimeCost = LOOKUP_CREATE_REQUESTS_TIME_COST,
        lookup_rpc_time_cost: TimeCost = LOOKUP_RPC_TIME_COST,
        update_gradient_time_cost: TimeCost = UPDATE_GRADIENT_TIME_COST,
        summation_time_cost: TimeCost = SUMMATION_TIME_COST,
        lookup_batched_time_cost: TimeCost = LOOKUP_BATCHED_TIME_COST,
        shard_retries: Counter = SHARD_RETRIES,
        batches_forgotten: Counter = BATCHES_FORGOTTEN,
    } with {
        /// The ids looked up through this worker.
        distinct: DistinctIds,
        /// The batches that are out.
        staleness: Arc<Staleness>,
    } exposing |metrics, into| {
        expose_distinct(into, &d::ESTIMATED_DISTINCT_ID, &metrics.distinct);
        // Read when asked for: a gauge that is set when a batch arrives would
        // freeze with the last one.
        expose_number(into, &d::STALENESS, exact(metrics.staleness.now()));
        expose_number(into, &d::STALENESS_PEAK, exact(metrics.staleness.peak()));
    }
}

role_metrics! {
    /// A trainer's.
    TrainerMetrics {
        train_loss: Gauge = TRAIN_LOSS,
        evaluation_loss: Gauge = EVALUATION_LOSS,
        evaluation_auc: Gauge = EVALUATION_AUC,
        train_examples: Counter = TRAIN_EXAMPLES,
        train_batches: Counter = TRAIN_BATCHES,
        train_step: Gauge = TRAIN_STEP,
        dense_step_time_cost: TimeCost = DENSE_STEP_TIME_COST,
        staleness_bound: Gauge = STALENESS_BOUND,
        forward_client_time_cost: TimeCost = FORWARD_CLIENT_TIME_COST,
        backward_client_time_cost: TimeCost = BACKWARD_CLIENT_TIME_COST,
        long_get_train_batch_time_cost: TimeCost = LONG_GET_TRAIN_BATCH_TIME_COST,
        long_update_gradient_batched_time_cost: TimeCost = LONG_UPDATE_GRADIENT_BATCHED_TIME_COST,
        forward_error: Counter = FORWARD_ERROR,
        worker_retries: Counter = WORKER_RETRIES,
        batches_lost: Counter = BATCHES_LOST,
    } with {} exposing |_, _| {}
}

role_metrics! {
    /// What every node tells of its own pushing.
    PushMetrics {
        pushes: Counter = METRICS_PUSHES,
        failures: Counter = METRICS_PUSH_FAILURES,
        time_cost: TimeCost = METRICS_PUSH_TIME_COST,
        bytes: Gauge = METRICS_PUSH_BYTES,
    } with {} exposing |_, _| {}
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
