//! The options of `train`, their ranges and their defaults. Values are parsed
//! into types that cannot be wrong.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::faults::{Faults, FeatureName, SlowShard};
use super::rpc::Peer;
use command_line::flags::whole;
use golden_pushgateway::Address;
use simulation::Probability;

/// Which part of the training a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleOption {
    /// Everything in one process
    All,
    /// One shard of the embeddings; listens on --bind
    ParameterServer,
    /// Between trainers and shards; listens on --bind
    EmbeddingWorker,
    /// The dense network, and the data
    Trainer,
}

/// The options of `train`. Each can come from the environment instead.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct Options {
    /// Role of this process in the training
    #[arg(long, env = "GOLDEN_ROLE", value_name = "ROLE", default_value = "all")]
    pub role: RoleOption,

    /// YAML file whose section PersiaMetricsConfig says whether metrics are
    /// pushed, under which job name and how often [default: metrics are not
    /// pushed]
    #[arg(long, env = "GOLDEN_GLOBAL_CONFIG", value_name = "FILE")]
    pub global_config: Option<PathBuf>,

    /// Address of the Pushgateway: HOST:PORT or an http URL
    #[arg(
        long,
        env = "PERSIA_METRICS_GATEWAY_ADDR",
        value_name = "ADDRESS",
        default_value = "metrics_gateway:9091"
    )]
    pub metrics_gateway_addr: Address,

    /// Delete this process's metrics from the Pushgateway at the end; otherwise
    /// they stay there
    #[arg(long, env = "GOLDEN_DELETE_METRICS")]
    pub delete_metrics: bool,

    /// File to touch every second in which the trainer made a step; checked by
    /// `golden-signals healthcheck file:///FILE?max_age=30s`
    #[arg(long, env = "GOLDEN_HEARTBEAT", value_name = "FILE")]
    pub heartbeat: Option<PathBuf>,

    /// Where a parameter server (default 127.0.0.1:7070) or an embedding worker
    /// (default 127.0.0.1:7071) listens; port 0 picks a free one
    #[arg(long, env = "GOLDEN_BIND", value_name = "ADDRESS", value_parser = bind_address)]
    pub bind: Option<SocketAddr>,

    /// Addresses of all parameter servers in the order of their shards,
    /// separated by commas
    #[arg(
        long,
        env = "GOLDEN_PARAMETER_SERVERS",
        value_name = "PEERS",
        value_delimiter = ',',
        default_value = "127.0.0.1:7070"
    )]
    pub parameter_servers: Vec<Peer>,

    /// Addresses of all embedding workers, separated by commas; batches go to
    /// them in turn
    #[arg(
        long,
        env = "GOLDEN_EMBEDDING_WORKERS",
        value_name = "PEERS",
        value_delimiter = ',',
        default_value = "127.0.0.1:7071"
    )]
    pub embedding_workers: Vec<Peer>,

    /// Index of this process among those of its role, from 0 [default: found by
    /// its own address in --parameter-servers or --embedding-workers]
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_REPLICA_INDEX", value_name = "N", value_parser = whole::<usize>(0, 1023))]
    pub replica_index: Option<usize>,

    /// Number of parameter servers; --role all only
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_SHARDS", value_name = "N", default_value = "2", value_parser = whole::<usize>(1, 64))]
    pub shards: usize,

    /// Number of embedding workers; --role all only
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_WORKERS", value_name = "N", default_value = "1", value_parser = whole::<usize>(1, 64))]
    pub workers: usize,

    /// Number of samples per batch
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_BATCH_SIZE", value_name = "N", default_value = "256", value_parser = whole::<usize>(1, 65_535))]
    pub batch_size: usize,

    /// Number of steps to train; 0 trains until stopped
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_STEPS", value_name = "N", default_value = "0", value_parser = whole::<u64>(0, u64::MAX))]
    pub steps: u64,

    /// Staleness bound: maximum number of batches looked up and not yet updated
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_STALENESS", value_name = "N", default_value = "10", value_parser = whole::<usize>(1, 10_000))]
    pub staleness: usize,

    /// Maximum number of batches waiting at the workers to be looked up
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_FORWARD_BUFFER_SIZE", value_name = "N", default_value = "32", value_parser = whole::<usize>(2, 1000))]
    pub forward_buffer_size: usize,

    /// Maximum number of samples per second; 0 is unlimited
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_EXAMPLES_PER_SECOND", value_name = "RATE", default_value = "0", value_parser = rate)]
    pub examples_per_second: f64,

    /// Number of steps between evaluations on held-out samples; 0 never evaluates
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_EVALUATE_EVERY", value_name = "STEPS", default_value = "200", value_parser = whole::<u64>(0, u64::MAX))]
    pub evaluate_every: u64,

    /// Number of held-out samples per evaluation
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_HELD_OUT", value_name = "N", default_value = "4096", value_parser = whole::<usize>(1, 65_535))]
    pub held_out: usize,

    /// Directory for this process's checkpoints [default: none are saved]
    #[arg(long, env = "GOLDEN_CHECKPOINTS", value_name = "DIRECTORY")]
    pub checkpoints: Option<PathBuf>,

    /// Number of steps between checkpoints
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_CHECKPOINT_EVERY", value_name = "STEPS", default_value = "1000", value_parser = whole::<u64>(1, u64::MAX))]
    pub checkpoint_every: u64,

    /// Resume from the checkpoint in --checkpoints, if there is one
    #[arg(long, env = "GOLDEN_RESUME", requires = "checkpoints")]
    pub resume: bool,

    /// Seed of everything random: samples, initial weights, admissions
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_SEED", value_name = "N", default_value = "1", value_parser = whole::<u64>(0, u64::MAX))]
    pub seed: u64,

    /// Probability that a new id gets an embedding, from 0 to 1
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_ADMIT_PROBABILITY",
        value_name = "P",
        default_value = "1"
    )]
    pub admit_probability: Probability,

    /// Maximum number of embeddings per shard; fewer than the ids in use make
    /// it forget what it learned
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_TABLE_CAPACITY", value_name = "N", default_value = "100000", value_parser = whole::<usize>(1, 10_000_000))]
    pub table_capacity: usize,

    /// Share of the ids in use that is replaced by new ones in 1000 batches
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_DRIFT", value_name = "SHARE", default_value = "0.01", value_parser = drift)]
    pub drift: f64,

    /// Fault: number of batches between NaNs put into a gradient; 0 disables
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_NAN_EVERY", value_name = "BATCHES", default_value = "0", value_parser = whole::<u64>(0, u64::MAX))]
    pub nan_every: u64,

    /// Fault: feature whose gradient gets the NaN
    #[arg(
        long,
        env = "GOLDEN_NAN_FEATURE",
        value_name = "FEATURE",
        default_value = "item"
    )]
    pub nan_feature: FeatureName,

    /// Fault: features to deliver without ids, separated by commas
    #[arg(
        long,
        env = "GOLDEN_MASKED_FEATURES",
        value_name = "FEATURES",
        value_delimiter = ','
    )]
    pub masked_features: Vec<FeatureName>,

    /// Fault: a shard and the delay added to each of its calls, like 1=50ms
    #[arg(long, env = "GOLDEN_SLOW_SHARD", value_name = "SHARD=TIME")]
    pub slow_shard: Option<SlowShard>,

    /// YAML file of faults, read again whenever it changes; overrides the
    /// options of the same name
    #[arg(long, env = "GOLDEN_FAULTS_FILE", value_name = "FILE")]
    pub faults_file: Option<PathBuf>,

    /// Time between progress lines in the log; a terminal shows a progress bar
    /// instead
    #[arg(long, env = "GOLDEN_PROGRESS_EVERY", value_name = "DURATION", default_value = "10s", value_parser = interval)]
    pub progress_every: Duration,
}

impl Options {
    /// How many shards there are, for those roles that know all of them.
    pub(super) fn known_shards(&self) -> Option<usize> {
        match self.role {
            RoleOption::All => Some(self.shards),
            RoleOption::EmbeddingWorker => Some(self.parameter_servers.len()),
            // One that was told its place need not know the others.
            RoleOption::ParameterServer if self.replica_index.is_none() => {
                Some(self.parameter_servers.len())
            }
            RoleOption::ParameterServer | RoleOption::Trainer => None,
        }
    }

    /// What goes wrong by these options alone.
    pub(super) fn faults(&self) -> Faults {
        Faults {
            nan_every: self.nan_every,
            nan_feature: Some(self.nan_feature),
            masked_features: self.masked_features.clone(),
            slow_shard: self.slow_shard,
            table_capacity: self.table_capacity,
            drift: self.drift,
        }
    }
}

fn within(text: &str, max: f64) -> Option<f64> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| (0.0..=max).contains(number))
}

fn rate(text: &str) -> Result<f64, String> {
    within(text, 1e9).ok_or_else(|| "must be a number from 0 to 1e9".to_owned())
}

/// A share of the ids in 1000 batches, from 0 to 1000.
pub(super) fn drift(text: &str) -> Result<f64, String> {
    within(text, 1000.0).ok_or_else(|| "must be a number from 0 to 1000".to_owned())
}

fn bind_address(text: &str) -> Result<SocketAddr, String> {
    let error = "must be an IP address and a port, like 127.0.0.1:7070 or [::1]:0";
    text.parse().map_err(|_| error.to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(100)..=Duration::from_secs(24 * 60 * 60);
    let interval = humantime::parse_duration(text).ok();
    interval
        .filter(|interval| RANGE.contains(interval))
        .ok_or_else(|| "must be a time from 100ms to 24h with its unit, like 10s".to_owned())
}
