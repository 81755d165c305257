//! One proplet and its tasks, as they are known now.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use golden_metrics::{Traced, created_before};
use proplet_schema::{
    CgroupMetrics, CpuMetrics, Custom, MemoryMetrics, OutboxMetrics, ProcessMetrics, Traceparent,
    Traffic,
};

use super::counters::Counters;
use super::ends::Ends;
use super::network::Network;
use super::rate::Bucket;
use super::{Bounds, SERIES_OF_A_GROUP, SERIES_OF_A_TASK};
use crate::history::Identity;

/// How far the uptime of a proplet without a clock may part from its start as it
/// was first reckoned. Further away, the proplet has started anew.
const UPTIME_TOLERANCE: Duration = Duration::from_secs(60);

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
    /// When it started, where it has no clock and gives its uptime instead.
    pub(super) started: Option<i64>,
    pub(super) latest: Option<Latest>,
    pub(super) network: Network,
    pub(super) ends: Ends,
    pub(super) tasks: HashMap<Box<str>, Task>,
}

/// The latest sample of a proplet itself.
#[derive(Debug)]
pub(super) struct Latest {
    /// When it was taken.
    pub(super) at: i64,
    pub(super) cpu: CpuMetrics,
    pub(super) memory: MemoryMetrics,
    /// Only our proplets report it.
    pub(super) outbox: Option<OutboxMetrics>,
}

#[derive(Debug)]
pub(super) struct Task {
    /// The time of the latest sample.
    pub(super) at: i64,
    /// When it came.
    pub(super) seen: i64,
    /// When the first one came.
    first_seen: i64,
    /// Between the two latest samples.
    pub(super) interval: i64,
    pub(super) samples: u64,
    pub(super) metrics: ProcessMetrics,
    pub(super) counters: Counters,
    /// There are series for its control group.
    pub(super) group_shown: bool,
    /// What it exposed at its latest sample, as far as there are series for it.
    pub(super) custom: Option<Custom>,
    /// The trace that it belongs to.
    pub(super) traceparent: Option<Traceparent>,
}

/// The current state of a proplet.
#[derive(Clone, Debug, PartialEq)]
pub struct PropletView {
    /// Who it is.
    pub identity: Identity,
    /// Whether it is alive.
    pub alive: bool,
    /// Time of its last message, in nanoseconds since the epoch.
    pub seen: i64,
    /// Number of its tasks with recent samples.
    pub tasks: usize,
    /// Their CPU usage by their latest samples, in percent of one core.
    pub cpu_percent: f64,
    /// Their resident memory likewise, in bytes.
    pub memory_bytes: u64,
}

impl Proplet {
    pub(super) fn new(identity: Identity, seen: i64, rate: u32, now: i64) -> Self {
        Self {
            identity,
            bucket: Bucket::new(rate, now),
            seen,
            alive: None,
            shown: false,
            started: None,
            latest: None,
            network: Network::default(),
            ends: Ends::default(),
            tasks: HashMap::new(),
        }
    }

    /// The time of day of an uptime. The same uptime is the same time, however
    /// often and late it is reported, so that a message that is delivered again
    /// is known by its time, as one of a proplet with a clock is.
    pub(super) fn time_of_uptime(&mut self, uptime: Duration, now: i64) -> i64 {
        let uptime = nanoseconds(uptime);
        let started = self.started.unwrap_or(now.saturating_sub(uptime));
        let at = started.saturating_add(uptime);
        if at.abs_diff(now) <= nanoseconds(UPTIME_TOLERANCE).unsigned_abs() {
            self.started = Some(started);
            at
        } else {
            self.started = Some(now.saturating_sub(uptime));
            now
        }
    }

    pub(super) fn lives(&self, bounds: Bounds, now: i64) -> bool {
        let timeout = nanoseconds(bounds.alive_timeout);
        self.alive.is_some_and(|alive| now - alive < timeout)
    }

    pub(super) fn view(&self, bounds: Bounds, now: i64) -> PropletView {
        let metrics = || self.tasks.values().map(|task| &task.metrics);
        PropletView {
            identity: self.identity.clone(),
            alive: self.lives(bounds, now),
            seen: self.seen,
            tasks: self.tasks.len(),
            cpu_percent: metrics().filter_map(|metrics| metrics.cpu_percent).sum(),
            // A task may say anything.
            memory_bytes: metrics()
                .filter_map(|metrics| metrics.memory_bytes)
                .fold(0, u64::saturating_add),
        }
    }
}

impl Task {
    pub(super) fn new(at: i64, now: i64) -> Self {
        Self {
            // Before the first sample, which is observed next.
            at: at - 1,
            seen: now,
            first_seen: now,
            interval: 0,
            samples: 0,
            metrics: ProcessMetrics::default(),
            counters: Counters::default(),
            group_shown: false,
            custom: None,
            traceparent: None,
        }
    }

    /// Whether its control group has events, and no series yet.
    pub(super) fn wants_group(&self) -> bool {
        let group = self.metrics.cgroup.as_ref();
        !self.group_shown && group.is_some_and(CgroupMetrics::has_events)
    }

    /// How many series are reserved for it.
    pub(super) fn series(&self) -> usize {
        let of_group = if self.group_shown {
            SERIES_OF_A_GROUP
        } else {
            0
        };
        SERIES_OF_A_TASK + of_group + self.custom_series()
    }

    /// How many of them are for what it exposes itself.
    pub(super) fn custom_series(&self) -> usize {
        let custom = self.custom.as_ref();
        custom.map_or(0, |custom| custom.series().len())
    }

    /// Since when its samples and bytes are counted.
    pub(super) fn created(&self) -> SystemTime {
        let since_epoch = Duration::from_nanos(u64::try_from(self.first_seen).unwrap_or(0));
        created_before(UNIX_EPOCH + since_epoch)
    }

    /// Its last sample as an event of its trace, if it belongs to one.
    pub(super) fn traced(&self) -> Option<Traced> {
        let trace_id = self.traceparent.as_ref()?.trace_id();
        let since_epoch = Duration::from_nanos(u64::try_from(self.at).ok()?);
        Some(Traced {
            trace_id: u128::from_str_radix(trace_id, 16).ok()?,
            at: UNIX_EPOCH + since_epoch,
        })
    }

    pub(super) fn is_newer(&self, at: i64) -> bool {
        at > self.at
    }

    /// Whether it is the latest sample.
    pub(super) fn observe(
        &mut self,
        at: i64,
        metrics: &ProcessMetrics,
        reported: Traffic,
        now: i64,
    ) -> bool {
        let newer = self.is_newer(at);
        self.seen = self.seen.max(now);
        self.counters.add(metrics.traffic(), reported, newer);
        self.samples += 1;
        // What comes late, after an outage, counts, but shows nothing.
        if newer {
            if self.samples > 1 {
                self.interval = at - self.at;
            }
            self.at = at;
            self.metrics = metrics.clone();
        }
        newer
    }
}

pub(super) fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn an_uptime_is_one_time_until_its_proplet_starts_anew() {
        let identity = Identity {
            name: "p".to_owned(),
            domain: "d".to_owned(),
            channel: "c".to_owned(),
            namespace: None,
            metadata: None,
            first_seen: 0,
            last_seen: 0,
        };
        let mut proplet = Proplet::new(identity, 0, 1, 0);
        let mut time = |uptime, now| {
            proplet.time_of_uptime(Duration::from_secs(uptime), now * SECOND) / SECOND
        };
        assert_eq!(time(120, 1_000), 1_000);
        // The same again, later; the next one; an earlier one that comes late.
        assert_eq!(time(120, 1_030), 1_000);
        assert_eq!(time(130, 1_030), 1_010);
        assert_eq!(time(110, 1_030), 990);
        // It has started anew.
        assert_eq!(time(1, 1_040), 1_040);
        assert_eq!(time(2, 1_042), 1_041);
        // Its clock runs slow, or it was delayed for long.
        assert_eq!(time(100, 1_400), 1_400);
        assert_eq!(time(100, 1_401), 1_400);
    }
}
