//! What can be made to go wrong, so that it can be seen from the metrics alone.
//! Only the settings; what each does is done where it happens.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;

use super::features::{FEATURES, place_of};

/// A feature, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureName(usize);

impl FeatureName {
    /// Its place among the features.
    #[must_use]
    pub fn place(self) -> usize {
        self.0
    }
}

impl FromStr for FeatureName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        place_of(text).map(Self).ok_or_else(|| {
            let names = FEATURES.map(|feature| feature.name).join(", ");
            format!("must be one of {names}")
        })
    }
}

impl fmt::Display for FeatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FEATURES[self.0].name)
    }
}

/// A shard that takes longer than it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowShard {
    /// Its place among the shards, from 0.
    pub shard: usize,
    /// How much longer each of its lookups and updates takes.
    pub delay: Duration,
}

impl FromStr for SlowShard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MAX_DELAY: Duration = Duration::from_secs(60);
        let (shard, delay) = text.split_once('=').unwrap_or_default();
        match (
            shard.trim().parse(),
            humantime::parse_duration(delay.trim()),
        ) {
            (Ok(shard), Ok(delay)) if delay <= MAX_DELAY => Ok(Self { shard, delay }),
            _ => Err("must be a shard and a time of at most 60s, like 1=50ms".to_owned()),
        }
    }
}

/// Everything that goes wrong at the moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// One gradient in so many batches gets a NaN; none where 0.
    pub nan_every: u64,
    /// The feature whose gradient gets it.
    pub nan_feature: Option<FeatureName>,
    /// Features without any id.
    pub masked_features: Vec<FeatureName>,
    /// A slow shard.
    pub slow_shard: Option<SlowShard>,
    /// How many embeddings each shard may hold.
    pub table_capacity: usize,
    /// The share of the ids in use that is replaced by new ones in a thousand
    /// batches.
    pub drift: f64,
}

impl Faults {
    /// Whether the slow shard is one of so many; where it is not, its number and
    /// the greatest there is.
    pub(super) fn check_slow_shard(&self, shards: Option<usize>) -> Result<(), (usize, usize)> {
        match (self.slow_shard, shards) {
            (Some(SlowShard { shard, .. }), Some(shards)) if shard >= shards => {
                Err((shard, shards.saturating_sub(1)))
            }
            _ => Ok(()),
        }
    }
}

/// The faults as they are now; they may change while the training runs.
pub type CurrentFaults = watch::Receiver<Faults>;
