//! The current state of every proplet and its tasks: identity, liveness, latest
//! samples, and counters that continue across a task's restarts. Bounded; expired
//! entries are dropped. Knows no topic, no file and no socket.

mod admission;
mod columns;
mod counters;
mod ends;
mod exposition;
mod network;
mod proplet;
mod rate;
mod totals;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::admission::Refused;
pub use self::columns::{SERIES_OF_A_GROUP, SERIES_OF_A_PROPLET, SERIES_OF_A_TASK};
use self::counters::Counters;
pub use self::ends::End;
pub use self::proplet::PropletView;
use self::proplet::{Latest, Proplet, Task, nanoseconds};
pub use self::totals::Totals;
use super::history::{Identity, PropletSample, TaskSample};
use proplet_schema::{Counting, Custom, Traceparent, Traffic};

/// Intervals without a sample that a task's series survive.
const MIN_INTERVALS: i64 = 3;

/// Time after which a silent proplet is dropped.
pub const FORGET_PROPLET_AFTER: Duration = Duration::from_secs(60 * 60);

/// Limits of the state.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Maximum number of series.
    pub series: usize,
    /// Maximum number of proplets.
    pub proplets: usize,
    /// Maximum messages per second of one proplet.
    pub rate: u32,
    /// A proplet that has not said so for this long is not alive.
    pub alive_timeout: Duration,
    /// A task that has had no sample for this long, and for three of its
    /// intervals, is gone.
    pub expire_after: Duration,
}

/// What comes with a task's sample and is not kept in the history.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What the task exposes itself.
    pub custom: Option<Custom>,
    /// The trace that it belongs to.
    pub traceparent: Option<Traceparent>,
}

/// The part of what all proplets may have together that one of them may have: one at
/// least, `most` at most.
fn share(all: usize, most: usize, proplets: usize) -> usize {
    (all / proplets.max(1)).clamp(1, most)
}

/// The state of all proplets.
#[derive(Debug)]
pub struct Fleet {
    bounds: Bounds,
    state: Mutex<FleetState>,
}

#[derive(Debug, Default)]
struct FleetState {
    proplets: HashMap<Arc<str>, Proplet>,
    series: usize,
    refused: u64,
}

impl Fleet {
    /// Knows nobody but these.
    #[must_use]
    pub fn new(bounds: Bounds, known: Vec<Identity>, now: i64) -> Self {
        let fleet = Self {
            bounds,
            state: Mutex::default(),
        };
        {
            let mut state = fleet.lock();
            for identity in known.into_iter().take(bounds.proplets) {
                let name = Arc::from(identity.name.as_str());
                let seen = identity.last_seen;
                let proplet = Proplet::new(identity, seen, bounds.rate, now);
                state.proplets.insert(name, proplet);
            }
        }
        fleet
    }

    /// What it is bounded by.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn lock(&self) -> MutexGuard<'_, FleetState> {
        // A panic leaves at worst one sample half counted.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A proplet says that it lives, or its last will that it does not. `true`
    /// if it did not live before.
    pub fn alive(&self, name: &str, alive: bool, now: i64) -> bool {
        let bounds = self.bounds;
        let mut state = self.lock();
        let Some(proplet) = state.proplets.get_mut(name) else {
            return false;
        };
        let lived = proplet.lives(bounds, now);
        proplet.alive = alive.then_some(now);
        let unseen = !proplet.shown;
        if unseen && state.room_for(SERIES_OF_A_PROPLET, bounds) {
            state.series += SERIES_OF_A_PROPLET;
            if let Some(proplet) = state.proplets.get_mut(name) {
                proplet.shown = true;
            }
        }
        alive && !lived
    }

    /// The time of day of a proplet's uptime, where it has no clock.
    pub fn time_of_uptime(&self, name: &str, uptime: Duration, now: i64) -> i64 {
        let mut state = self.lock();
        let proplet = state.proplets.get_mut(name);
        proplet.map_or(now, |proplet| proplet.time_of_uptime(uptime, now))
    }

    /// A proplet's sample, which has not come before.
    pub fn observe_proplet(&self, sample: &PropletSample) {
        let name = &*sample.proplet_id;
        let mut state = self.lock();
        let shown = state
            .proplets
            .get(name)
            .is_some_and(|proplet| proplet.shown);
        if !shown {
            if !state.room_for(SERIES_OF_A_PROPLET, self.bounds) {
                return;
            }
            state.series += SERIES_OF_A_PROPLET;
        }
        if let Some(proplet) = state.proplets.get_mut(name) {
            proplet.shown = true;
            let latest = proplet.latest.as_ref();
            if latest.is_none_or(|latest| sample.at > latest.at) {
                proplet.latest = Some(Latest {
                    at: sample.at,
                    cpu: sample.cpu_metrics.clone(),
                    memory: sample.memory_metrics.clone(),
                    outbox: sample.outbox.clone(),
                });
            }
        }
    }

    /// What a task's sample of the time `at` adds to its bytes. Changes nothing.
    #[must_use]
    pub fn growth(
        &self,
        name: &str,
        task: &str,
        at: i64,
        reported: Traffic,
        counting: Counting,
    ) -> Traffic {
        if counting == Counting::SinceLast {
            return reported;
        }
        let state = self.lock();
        let known = state.proplets.get(name).and_then(|p| p.tasks.get(task));
        match known {
            Some(task) => task.counters.growth(reported, counting, task.is_newer(at)),
            None => Counters::default().growth(reported, counting, true),
        }
    }

    /// Whether the network bytes of a task's sample count in sums, where a namespace
    /// that several tasks tell of counts once. To be asked once for each sample.
    pub fn counts_network(&self, sample: &TaskSample) -> bool {
        let mut state = self.lock();
        let proplets = state.proplets.len();
        let proplet = state.proplets.get_mut(&*sample.proplet_id);
        proplet.is_none_or(|proplet| {
            let network = &mut proplet.network;
            network.counts(&sample.task_id, sample.at, &sample.metrics, proplets)
        })
    }

    /// A task's sample, which has not come before. The bytes in it are what
    /// [`Self::growth`] made of those `reported`.
    pub fn observe_task(&self, sample: &TaskSample, beside: Beside, reported: Traffic, now: i64) {
        let (name, task) = (&*sample.proplet_id, &*sample.task_id);
        let mut state = self.lock();
        let known = state
            .proplets
            .get(name)
            .is_some_and(|proplet| proplet.tasks.contains_key(task));
        if !known {
            if !state.room_for(SERIES_OF_A_TASK, self.bounds) {
                return;
            }
            state.series += SERIES_OF_A_TASK;
        }
        // Its fields, and not the whole, are borrowed from here on.
        let state = &mut *state;
        let Some(proplet) = state.proplets.get_mut(name) else {
            return;
        };
        proplet.ends.sampled(task, sample.at);
        let task = proplet
            .tasks
            .entry(task.into())
            .or_insert_with(|| Task::new(sample.at, now));
        if task.observe(sample.at, &sample.metrics, reported, now) {
            let others = state.series - task.custom_series();
            let wanted = beside
                .custom
                .as_ref()
                .map_or(0, |custom| custom.series().len());
            let room = others + wanted <= self.bounds.series;
            state.refused += u64::from(!room);
            task.custom = beside.custom.filter(|_| room);
            task.traceparent = beside.traceparent;
            state.series = others + task.custom_series();
        }
        if task.wants_group() && state.series + SERIES_OF_A_GROUP <= self.bounds.series {
            task.group_shown = true;
            state.series += SERIES_OF_A_GROUP;
        }
    }

    /// How many samples of a task were observed.
    #[cfg(test)]
    pub(crate) fn samples(&self, name: &str, task: &str) -> u64 {
        let state = self.lock();
        let task = state.proplets.get(name).and_then(|p| p.tasks.get(task));
        task.map_or(0, |task| task.samples)
    }

    /// Forgets what is gone.
    pub fn expire(&self, now: i64) {
        let bounds = self.bounds;
        let after = nanoseconds(bounds.expire_after);
        let forget = nanoseconds(FORGET_PROPLET_AFTER);
        let mut state = self.lock();
        let mut freed = 0;
        state.proplets.retain(|_, proplet| {
            proplet.tasks.retain(|_, task| {
                let recent = now - task.seen < after.max(MIN_INTERVALS * task.interval);
                freed += if recent { 0 } else { task.series() };
                recent
            });
            let gone = proplet.tasks.is_empty() && now - proplet.seen >= forget;
            if gone && proplet.shown {
                freed += SERIES_OF_A_PROPLET;
            }
            !gone
        });
        state.series -= freed;
    }

    /// Forgets a task of a proplet that has been deleted.
    pub fn forget_task(&self, name: &str, task: &str) {
        let mut state = self.lock();
        let removed = state
            .proplets
            .get_mut(name)
            .and_then(|proplet| proplet.tasks.remove(task));
        state.series -= removed.map_or(0, |task| task.series());
    }

    /// The sum of what is known.
    #[must_use]
    pub fn totals(&self, now: i64) -> Totals {
        let state = self.lock();
        let mut totals = Totals {
            proplets: state.proplets.len(),
            ..Totals::default()
        };
        for proplet in state.proplets.values() {
            totals.add(proplet, self.bounds, now);
        }
        totals
    }
}

impl FleetState {
    fn room_for(&mut self, series: usize, bounds: Bounds) -> bool {
        let room = self.series + series <= bounds.series;
        self.refused += u64::from(!room);
        room
    }
}

#[cfg(test)]
mod tests;
