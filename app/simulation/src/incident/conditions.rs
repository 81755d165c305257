//! What holds while the service works: what it pretends, and what goes wrong in it.
//! An incident changes the conditions; whoever serves puts them into force.

use std::fmt;
use std::time::Duration;

use crate::{ArrivalRate, DelayDistribution, Faults, Probability};

/// The conditions that the service works under.
///
/// `Debug` shows none of them: they are what an incident hides.
#[derive(Clone, PartialEq)]
pub struct Conditions {
    /// How requests fail, how long they take, what they answer.
    pub faults: Faults,
    /// The share of the requests whose handler panics.
    pub panic_rate: Probability,
    /// The requests that the service sends itself.
    pub traffic: ArrivalRate,
    /// How those who send them repeat what fails.
    pub retries: Option<Retries>,
    /// More traffic for the beginning of the incident only: its cause, not its course.
    pub surge: Option<Surge>,
    /// Requests worked on at once, where that is less than the configured limit.
    pub concurrency: Option<usize>,
    /// A dependency that every request calls.
    pub dependency: Option<Dependency>,
    /// A cache that every request reads.
    pub cache: Option<Cache>,
    /// The runtime stands still now and then.
    pub pauses: Option<Pauses>,
    /// Memory that is taken and never given back, in KiB a second.
    pub leaked_kib_per_second: u32,
    /// Descriptors that are opened and never closed, a minute.
    pub leaked_descriptors_per_minute: u32,
    /// Percent of one core that a loop burns.
    pub burnt_percent: u32,
    /// Series that each request adds.
    pub series_per_request: u32,
    /// Percent of the scrapes that get no metrics.
    pub lost_scrapes_percent: u32,
    /// By what the recorded numbers are multiplied, the answered ones not.
    pub recorded_factor: u32,
}

/// Clients give up after a time, and send what failed again at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How long a client waits for the answer.
    pub patience: Duration,
    /// How often it repeats a request at most.
    pub attempts: u32,
}

/// Traffic that rises for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surge {
    /// By how much.
    pub times: u32,
    /// For how long from the onset on.
    pub lasts: Duration,
}

/// A dependency behind a pool of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependency {
    /// Connections of the pool: calls at once.
    pub places: usize,
    /// How long a call takes.
    pub takes: DelayDistribution,
}

/// A cache of one value, which all that find it expired fetch, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    /// How long a value is good.
    pub lives: Duration,
    /// How long fetching it takes.
    pub fetch: Duration,
}

/// The process stands still for a moment, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// From one beginning to the next.
    pub every: Duration,
    /// How long each lasts.
    pub length: Duration,
}

impl Conditions {
    /// The traffic so long after the onset.
    #[must_use]
    pub fn traffic_after(&self, onset: Duration) -> ArrivalRate {
        match self.surge {
            Some(surge) if onset < surge.lasts => self.traffic.times(f64::from(surge.times)),
            _ => self.traffic,
        }
    }

    /// Without any incident.
    #[must_use]
    pub fn usual(faults: Faults, panic_rate: Probability, traffic: ArrivalRate) -> Self {
        Self {
            faults,
            panic_rate,
            traffic,
            retries: None,
            surge: None,
            concurrency: None,
            dependency: None,
            cache: None,
            pauses: None,
            leaked_kib_per_second: 0,
            leaked_descriptors_per_minute: 0,
            burnt_percent: 0,
            series_per_request: 0,
            lost_scrapes_percent: 0,
            recorded_factor: 1,
        }
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conditions").finish_non_exhaustive()
    }
}

/// A number of percent as a share.
pub(super) fn share(percent: f64) -> Probability {
    Probability::try_from((percent / 100.0).min(1.0)).expect("from 0 to 1")
}

/// The share of what happens so often already, or for this further reason.
pub(super) fn either(before: Probability, percent: u32) -> Probability {
    let before = before.get();
    share(100.0 * before + (1.0 - before) * f64::from(percent))
}
