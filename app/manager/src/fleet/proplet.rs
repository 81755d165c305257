//! One proplet and its tasks, as they are known now.

use std::collections::HashMap;
use std::time::Duration;

use super::counters::{Counters, Counting, TRAFFIC};
use super::rate::Bucket;
use super::{Bounds, Outbox};
use crate::history::{Identity, METRICS, PROPLET_METRICS};

#[derive(Debug)]
pub(super) struct Proplet {
    pub(super) identity: Identity,
    pub(super) bucket: Bucket,
    /// When it last sent anything, in nanoseconds since the epoch.
    pub(super) seen: i64,
    /// When it last said that it was alive; `None` once it said it was not.
    pub(super) alive: Option<i64>,
    /// There are series for it.
    pub(super) shown: bool,
    /// The time of the latest sample, and the sample.
    pub(super) latest: Option<(i64, [Option<f64>; PROPLET_METRICS.len()])>,
    /// Of that sample; ours only tell it.
    pub(super) outbox: Option<Outbox>,
    pub(super) tasks: HashMap<Box<str>, Task>,
}

#[derive(Debug)]
pub(super) struct Task {
    /// The time of the latest sample.
    pub(super) at: i64,
    /// When it came.
    pub(super) seen: i64,
    /// Between the two latest samples.
    pub(super) interval: i64,
    pub(super) samples: u64,
    pub(super) metrics: [Option<f64>; METRICS.len()],
    pub(super) counters: Counters,
}

/// What is told of a proplet now.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// Who it is.
    pub identity: Identity,
    /// Whether it lives.
    pub alive: bool,
    /// When it last sent anything, in nanoseconds since the epoch.
    pub seen: i64,
    /// How many tasks it has sent samples of lately.
    pub tasks: usize,
}

impl Proplet {
    pub(super) fn new(identity: Identity, seen: i64, rate: u32, now: i64) -> Self {
        Self {
            identity,
            bucket: Bucket::new(rate, now),
            seen,
            alive: None,
            shown: false,
            latest: None,
            outbox: None,
            tasks: HashMap::new(),
        }
    }

    pub(super) fn lives(&self, bounds: Bounds, now: i64) -> bool {
        let timeout = nanoseconds(bounds.alive_timeout);
        self.alive.is_some_and(|alive| now - alive < timeout)
    }

    pub(super) fn present(&self, bounds: Bounds, now: i64) -> Present {
        Present {
            identity: self.identity.clone(),
            alive: self.lives(bounds, now),
            seen: self.seen,
            tasks: self.tasks.len(),
        }
    }
}

impl Task {
    pub(super) fn new(at: i64, now: i64, metrics: &[Option<f64>; METRICS.len()]) -> Self {
        Self {
            // Before the first sample, which is observed next.
            at: at - 1,
            seen: now,
            interval: 0,
            samples: 0,
            metrics: *metrics,
            counters: Counters::default(),
        }
    }

    pub(super) fn observe(
        &mut self,
        at: i64,
        metrics: &[Option<f64>; METRICS.len()],
        counting: Counting,
        now: i64,
    ) -> [f64; TRAFFIC.len()] {
        self.seen = self.seen.max(now);
        let newer = at > self.at;
        let growth = self.counters.count(metrics, counting, newer);
        self.samples += 1;
        // What comes late, after an outage, counts, but shows nothing.
        if newer {
            if self.samples > 1 {
                self.interval = at - self.at;
            }
            self.at = at;
            self.metrics = *metrics;
        }
        growth
    }
}

pub(super) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
