//! A small embedding training that is monitored as Persia is: a click model on
//! sparse ids, really trained, by roles that push their metrics to a
//! Pushgateway. Knows no other role of the workshop.
//!
//! From the data to the metrics:
//!
//! - [`features`] and [`loader`]: the samples, and what is true of them.
//! - [`trainer`]: the stages of a training, around [`dense`], the network, and
//!   [`evaluation`].
//! - [`embedding_worker`]: divides ids among shards and sums what comes back.
//! - [`parameter_server`]: a shard, around its [`embedding_table`].
//! - [`worker`], [`shard`], [`rpc`], [`messages`], [`call`]: how the roles reach
//!   each other, in one process or several.
//! - [`metrics`], [`distinct`], [`staleness`]: what is measured;
//!   [`node`] and [`push`]: whose it is and how it gets to the gateway;
//!   [`global_config`]: whether it does.
//! - [`faults`]: what can be made to go wrong. [`checkpoint`]: what survives.
//! - [`options`], [`listening`] and [`mod@run`]: one process from its start to its end.

pub mod call;
pub mod checkpoint;
pub mod dense;
pub mod distinct;
pub mod embedding_table;
pub mod embedding_worker;
pub mod evaluation;
pub mod faults;
mod faults_file;
pub mod features;
pub mod global_config;
pub mod listening;
pub mod loader;
pub mod messages;
pub mod metrics;
pub mod node;
pub mod options;
mod packed;
pub mod parameter_server;
mod progress_display;
pub mod push;
pub mod rpc;
pub mod run;
pub mod shard;
pub mod staleness;
pub mod train_error;
pub mod trainer;
pub mod worker;

pub use options::Options;
pub use run::run;
pub use train_error::TrainError;
