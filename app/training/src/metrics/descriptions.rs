//! Every metric's name, help and type. The fifteen of Persia's document come
//! first, by exactly their names, without the suffixes that Prometheus advises
//! today; the rest keeps the same style, so that they stand together.

use golden_metrics::{Description, model::MetricType};

macro_rules! metrics {
    ($($constant:ident: $kind:ident, $name:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Description = Description {
                name: $name,
                help: $help,
                kind: MetricType::$kind,
            };
        )*
        /// All of them, in the order in which they stand here.
        pub const ALL: &[Description] = &[$($constant),*];
    };
}

/// So many of [`ALL`] are Persia's document's.
pub const DOCUMENTED: usize = 15;

metrics! {
    // The document's, related to accuracy.
    INDEX_MISS_COUNT: Counter, "index_miss_count",
        "Ids looked up for training that were not in the shard's table and were admitted to it";
    INDEX_MISS_RATIO: Gauge, "index_miss_ratio",
        "Share of the ids of the shard's last lookup for training that index_miss_count counted";
    GRADIENT_ID_MISS_COUNT: Counter, "gradient_id_miss_count",
        "Ids whose gradient found no embedding in the shard: evicted since the lookup, or never admitted";
    ESTIMATED_DISTINCT_ID: Gauge, "estimated_distinct_id",
        "Distinct ids that this worker has looked up since it started, estimated by HyperLogLog";
    BATCH_UNIQUE_INDICES_RATE: Gauge, "batch_unique_indices_rate",
        "Distinct ids of the last batch divided by all its ids; 1 is no repetition";
    STALENESS: Gauge, "staleness",
        "Batches looked up through this worker whose gradients have not been applied yet";
    NAN_COUNT: Counter, "nan_count",
        "Gradients of a batch's feature that arrived with a NaN and were dropped";
    NAN_GRAD_SKIPPED: Counter, "nan_grad_skipped",
        "Gradients of a batch's feature that the trainer did not send because none reached it";
    // The document's, related to efficiency.
    LOOKUP_MIXED_BATCH_TIME_COST: Histogram, "lookup_mixed_batch_time_cost",
        "Seconds a shard takes to look a request's ids up, waiting for its table included";
    NUM_PENDING_BATCHES: Gauge, "num_pending_batches",
        "Batches that have arrived at this worker and that no trainer has claimed yet";
    LOOKUP_CREATE_REQUESTS_TIME_COST: Histogram, "lookup_create_requests_time_cost",
        "Seconds the worker takes to divide a batch's ids among the shards";
    LOOKUP_RPC_TIME_COST: Histogram, "lookup_rpc_time_cost",
        "Seconds from the lookup's being sent to the shards until all have answered";
    UPDATE_GRADIENT_TIME_COST: Histogram, "update_gradient_time_cost",
        "Seconds from a batch's gradients arriving until all shards have applied them";
    SUMMATION_TIME_COST: Histogram, "summation_time_cost",
        "Seconds the worker takes to sum a batch's embeddings by sample";
    LOOKUP_BATCHED_TIME_COST: Histogram, "lookup_batched_time_cost",
        "Seconds a batch's whole lookup takes: dividing, asking the shards, summing";

    // Persia's code has these beside its document.
    SET_EMBEDDING_TIME_COST: Histogram, "set_embedding_time_cost",
        "Seconds a shard takes to put a checkpoint's embeddings into its table";
    LOOKUP_INFERENCE_BATCH_TIME_COST: Histogram, "lookup_inference_batch_time_cost",
        "Seconds a shard takes to look up held-out ids, which are not trained on";
    FORWARD_CLIENT_TIME_COST: Histogram, "forward_client_time_cost",
        "Seconds the trainer waits for a batch's embeddings, the staleness bound included";
    BACKWARD_CLIENT_TIME_COST: Histogram, "backward_client_time_cost",
        "Seconds the trainer waits until a batch's gradients are applied";
    FORWARD_ERROR: Counter, "forward_error",
        "Lookups and updates that the worker refused or no longer knew the batch of";
    LONG_GET_TRAIN_BATCH_TIME_COST: Histogram, "long_get_train_batch_time_cost",
        "Seconds the dense step waited for a batch with its embeddings, where longer than 1 ms";
    LONG_UPDATE_GRADIENT_BATCHED_TIME_COST: Histogram, "long_update_gradient_batched_time_cost",
        "Seconds the dense step waited to hand its gradients over, where longer than 1 ms";

    // The shard's own.
    TABLE_ENTRIES: Gauge, "embedding_table_entries", "Embeddings in the shard's table";
    TABLE_CAPACITY: Gauge, "embedding_table_capacity", "Embeddings that the shard's table may hold";
    EVICTIONS: Counter, "embedding_evictions", "Embeddings that made room for others";
    ADMISSIONS_REFUSED: Counter, "embedding_admissions_refused",
        "Ids looked up for training that were neither in the table nor admitted to it";
    LOOKED_UP_IDS: Counter, "lookup_ids", "Ids that the shard was asked for, for training";
    SHARD_DISTINCT_ID: Gauge, "shard_distinct_id",
        "Distinct ids that this shard was asked for, estimated; shards share none, so they add up";
    // The worker's own.
    STALENESS_PEAK: Gauge, "staleness_peak", "The highest staleness since the worker started";
    SHARD_RETRIES: Counter, "shard_retries", "Calls to a shard that were repeated because it did not answer";
    BATCHES_FORGOTTEN: Counter, "batches_forgotten",
        "Batches of trainers that have gone, with which nothing can be done any more";
    // The trainer's own.
    TRAIN_LOSS: Gauge, "train_loss",
        "Logistic loss of the batches trained on, smoothed over about a hundred";
    EVALUATION_LOSS: Gauge, "evaluation_loss", "Logistic loss on the last held-out samples";
    EVALUATION_AUC: Gauge, "evaluation_auc",
        "Area under the ROC curve on the last held-out samples; 0.5 is guessing";
    TRAIN_EXAMPLES: Counter, "train_examples", "Samples trained on";
    TRAIN_BATCHES: Counter, "train_batches", "Batches trained on";
    TRAIN_STEP: Gauge, "train_step", "The step of the training, counted on through checkpoints";
    DENSE_STEP_TIME_COST: Histogram, "dense_step_time_cost",
        "Seconds the dense network takes for a batch, forward and backward";
    STALENESS_BOUND: Gauge, "staleness_bound", "Batches that may be out at a time";
    WORKER_RETRIES: Counter, "worker_retries", "Calls to the worker that were repeated because it did not answer";
    BATCHES_LOST: Counter, "batches_lost",
        "Batches whose gradients could not be applied because the worker had lost them";
    // Of every node.
    METRICS_PUSHES: Counter, "metrics_pushes", "Pushes that the gateway has taken, before this one";
    METRICS_PUSH_FAILURES: Counter, "metrics_push_failures", "Pushes that the gateway has not taken";
    METRICS_PUSH_TIME_COST: Histogram, "metrics_push_time_cost",
        "Seconds a push takes, until the gateway has answered or the time is over";
    METRICS_PUSH_BYTES: Gauge, "metrics_push_bytes", "Bytes of the push before this one";
}
