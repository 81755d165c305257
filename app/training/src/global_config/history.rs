//! The sections and keys that Persia's `global_config` files have had, one generation after
//! the other, and that say nothing about metrics: they are accepted and have no effect here.
//! Only names; those of metrics are in the module above.
//!
//! Source: every `global_config` file and the structures that read them in the history of
//! <https://github.com/PersiaML/PERSIA>.

/// A section's keys, whose values may be anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keys {
    /// These, and what they hold.
    Of(&'static [&'static str]),
    /// A single value, or whatever is below it.
    Any,
}

/// The shards' section had six names.
const SERVER: Keys = Keys::Of(&[
    "capacity",
    "enable_incremental_update",
    "full_amount_manager_buffer_size",
    "incremental_buffer_size",
    "incremental_channel_capacity",
    "incremental_dir",
    "intent",
    "job_type",
    "local_buffer_dir",
    "num_embedding_io_workers",
    "num_hashmap_internal_shards",
    "num_persistence_workers",
    "num_signs_per_file",
    "storage",
]);

/// The workers' section had three.
const WORKER: Keys = Keys::Of(&["forward_buffer_size"]);

/// At the top of the file.
pub(super) const SECTIONS: [(&str, Keys); 9] = [
    ("PersiaEmbeddingServerConfig", SERVER),
    ("PersiaShardedServerConfig", SERVER),
    ("PersiaMiddlewareConfig", WORKER),
    ("shard_server_config", SERVER),
    ("sharded_server_config", SERVER),
    ("embedding_server_config", SERVER),
    ("embedding_parameter_server_config", SERVER),
    ("middleware_config", WORKER),
    ("embedding_worker_config", WORKER),
];

/// In `common_config`.
pub(super) const COMMON: [(&str, Keys); 5] = [
    ("checkpointing_config", Keys::Of(&["num_workers"])),
    (
        "infer_config",
        Keys::Of(&["embedding_checkpoint", "servers"]),
    ),
    ("intent", Keys::Any),
    ("job_type", Keys::Any),
    ("num_embedding_io_workers", Keys::Any),
];
