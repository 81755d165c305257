//! A cache without a lock: when its value expires, all that come until the first has
//! fetched it fetch it too. A sawtooth of misses at the lifetime.

use std::time::Duration;

use super::conditions::Cache;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "cache-stampede",
    level: 2,
    signals: &[Signal::Latency],
    components: &[Component::Cache],
    scopes: &[Scope::Some],
    visible_after: 120,
    magnitudes: &[&[30, 3], &[20, 2], &[40, 4]],
    describe: |of| {
        format!(
            "every {} s the cache expires, and fetching takes {} s",
            of[0], of[1]
        )
    },
    act: |of, conditions| {
        conditions.cache = Some(Cache {
            lives: Duration::from_secs(of[0].into()),
            fetch: Duration::from_secs(of[1].into()),
        });
    },
};
