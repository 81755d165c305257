//! Which alerts a [pager](super::pager) remembers. Each is kept as the JSON that readers
//! get, so that the size of all is known. Knows no reader and takes no lock.
//!
//! A group is what its latest message said: alerts that it no longer names are silenced
//! or inhibited, and gone from here. Those that it says to be resolved stay for a while.
//! Of a large group only the [first](super::group::MAX_OF_GROUP) alerts are kept, and of all others
//! their number, so that a storm of one name leaves room for what else fires.
//!
//! # What a full pager drops
//!
//! Resolved alerts first, the earliest delivered of them first. Then firing ones: those
//! that are not the first of their group, then by their label `severity`: others, minor,
//! major, critical. Among firing alerts of one severity those stay that were there first:
//! what somebody may be reading does not vanish in a storm, whose first alerts are also
//! the nearest to its cause. So the first alert of a critical group gives way to nothing
//! but earlier critical ones. What is dropped of a group that remains is in its number; a
//! group that is dropped as a whole is said by the delivery's result, by the alert
//! [`FULL`] at the head of the list, and by one warning in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::alert::{Alert, Severity, Status};
use super::events::{Event, Events};
use super::group::{FIRING_RETENTION, Group, Hidden, Remembered, retention};
use super::notification;

/// Maximum alerts remembered.
pub(crate) const MAX_ALERTS: usize = 100;

/// Maximum size of the list as JSON. An honest alert has about 1 KiB.
pub(crate) const MAX_BYTES: usize = 256 * 1024;

/// What is said of a group besides its name and its alerts takes less.
const GROUP_BYTES: usize = 128;

/// The alert by which a pager says that it dropped others. It fires as long as one of
/// those may.
pub const FULL: &str = "PagerFull";

/// For those who are told that alerts were dropped.
pub(crate) const WHAT_REMAINS: &str = "it holds 100 alerts and 256 KiB: firing before resolved ones, \
    the first of a group before its others, critical before major and minor ones, earlier \
    before later ones; Alertmanager shows all";

/// An event of a stream of server-sent events, around the list.
pub(super) const EVENT: [&str; 2] = ["event: alerts\ndata: ", "\n\n"];

#[derive(Debug, Default)]
pub(super) struct Store {
    /// From the most recently delivered.
    groups: Vec<Group>,
    dropped: Option<Dropped>,
    /// Number of deliveries of an alert.
    delivered: u64,
    pub(super) events: Events,
}

/// What is to survive a restart.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Saved {
    groups: Vec<SavedGroup>,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct SavedGroup {
    key: String,
    name: String,
    /// Each with the seconds for which it would have been remembered.
    alerts: Vec<(Alert, u64)>,
    more_firing: (usize, u64),
    more_resolved: (usize, u64),
}

/// What was lost for want of room.
#[derive(Debug)]
struct Dropped {
    count: usize,
    since: SystemTime,
    last: Instant,
}

impl Store {
    /// Takes in what a message says of a group.
    pub(super) fn remember(&mut self, new: notification::Group) {
        if new.alerts.is_empty() {
            return;
        }
        let fingerprints: BTreeSet<_> = new
            .alerts
            .iter()
            .map(|alert| alert.fingerprint.clone())
            .collect();
        let known = self.groups.iter().position(|group| group.key == new.key);
        let known = known.map(|at| self.groups.remove(at));
        // Another route's group, or the same after a change of the configuration.
        for other in &mut self.groups {
            other
                .alerts
                .retain(|alert| !fingerprints.contains(&alert.fingerprint));
        }
        self.groups.retain(|group| !group.is_empty());
        let before = known.as_ref().map_or(0, Group::count_firing);
        let earlier = known.map_or_else(Vec::new, |group| group.alerts);
        let first: BTreeMap<_, _> = earlier
            .iter()
            .map(|alert| (alert.fingerprint.clone(), alert.first))
            .collect();
        let now = Instant::now();
        let mut alerts: Vec<_> = new
            .alerts
            .into_iter()
            .map(|alert| {
                let number = self.delivered;
                self.delivered += 1;
                let expires = now + retention(alert.status);
                let first = first.get(&alert.fingerprint).copied();
                Remembered::new(alert, expires, number, first.unwrap_or(number))
            })
            .collect();
        alerts.extend(earlier.into_iter().filter(|alert| {
            alert.status == Status::Resolved && !fingerprints.contains(&alert.fingerprint)
        }));
        let mut group = Group {
            key: new.key,
            name: new.name,
            alerts,
            firing: Hidden::none(Status::Firing),
            resolved: Hidden::none(Status::Resolved),
        };
        group.shorten();
        // Which status they have is not said; a group with one that fires, fires.
        let fires = group.count_firing() > 0;
        let hidden = if fires {
            &mut group.firing
        } else {
            &mut group.resolved
        };
        hidden.count = hidden.count.saturating_add(new.truncated);
        let lead = group.alerts.first().map(|alert| alert.json.as_str());
        self.events
            .note(&group.name, before, group.count_firing(), lead);
        self.groups.insert(0, group);
    }

    /// What is to survive a restart.
    pub(super) fn save(&self) -> Saved {
        let kept_hidden = |hidden: Hidden| (hidden.count, seconds_left(hidden.expires));
        let group = |group: &Group| SavedGroup {
            key: group.key.clone(),
            name: group.name.clone(),
            alerts: group
                .alerts
                .iter()
                .filter_map(|kept| {
                    let alert = serde_json::from_str(&kept.json).ok()?;
                    Some((alert, seconds_left(kept.expires)))
                })
                .collect(),
            more_firing: kept_hidden(group.firing),
            more_resolved: kept_hidden(group.resolved),
        };
        Saved {
            groups: self.groups.iter().map(group).collect(),
            events: self.events.list(),
        }
    }

    /// Goes on from what was saved this long ago.
    pub(super) fn restore(saved: Saved, ago: Duration) -> Self {
        let now = Instant::now();
        let until = |status, seconds| {
            let left = Duration::from_secs(seconds).saturating_sub(ago);
            now + left.min(retention(status))
        };
        let mut store = Self::default();
        store.events.restore(saved.events);
        for group in saved.groups {
            let mut restored = Group {
                key: group.key,
                name: group.name,
                alerts: Vec::new(),
                firing: Hidden {
                    count: group.more_firing.0,
                    expires: until(Status::Firing, group.more_firing.1),
                },
                resolved: Hidden {
                    count: group.more_resolved.0,
                    expires: until(Status::Resolved, group.more_resolved.1),
                },
            };
            for (alert, left) in group.alerts {
                let alert: Alert = Alert::bounded(alert);
                let number = store.delivered;
                store.delivered += 1;
                let expires = until(alert.status, left);
                restored
                    .alerts
                    .push(Remembered::new(alert, expires, number, number));
            }
            restored.shorten();
            if !restored.is_empty() {
                store.groups.push(restored);
            }
        }
        store.forget();
        store.make_room();
        store
    }

    /// Whether anything was forgotten.
    pub(super) fn forget(&mut self) -> bool {
        let now = Instant::now();
        let mut forgotten = false;
        for group in &mut self.groups {
            let before = group.alerts.len();
            group.alerts.retain(|alert| alert.expires > now);
            forgotten |= group.alerts.len() < before;
            for hidden in [&mut group.firing, &mut group.resolved] {
                if hidden.count > 0 && hidden.expires <= now {
                    hidden.count = 0;
                    forgotten = true;
                }
            }
        }
        self.groups.retain(|group| !group.is_empty());
        // Alertmanager has repeated by now what was dropped then, if it still fires.
        let over = |dropped: &mut Dropped| dropped.last.elapsed() >= FIRING_RETENTION;
        let notice = self.dropped.take_if(over);
        notice.is_some() || forgotten
    }

    /// Drops what does not fit, and says so. Returns how many alerts are lost: those
    /// whose group remains are still counted there.
    pub(super) fn make_room(&mut self) -> usize {
        let mut ranked = Vec::new();
        for group in &self.groups {
            for (number, alert) in group.alerts.iter().enumerate() {
                let own = if number == 0 {
                    GROUP_BYTES + group.name.len()
                } else {
                    0
                };
                let size = alert.json.len() + ",".len() + own;
                ranked.push((alert.rank(number > 0), size));
            }
        }
        ranked.sort_unstable();
        let mut bytes = 0;
        let within = ranked.iter().take(MAX_ALERTS).take_while(|(_, size)| {
            bytes += size;
            bytes <= MAX_BYTES
        });
        let fit = within.count();
        let Some((first_dropped, _)) = ranked.get(fit).copied() else {
            return 0;
        };
        let mut count = 0;
        for group in &mut self.groups {
            group.drop_from(first_dropped);
            if group.is_empty() {
                let lost = group.firing.count.saturating_add(group.resolved.count);
                count = usize::saturating_add(count, lost);
            }
        }
        self.groups.retain(|group| !group.is_empty());
        if count == 0 {
            return 0;
        }
        let dropped = self.dropped.get_or_insert_with(|| {
            tracing::warn!(count, "alerts dropped: the pager is full");
            Dropped {
                count: 0,
                since: SystemTime::now(),
                last: Instant::now(),
            }
        });
        dropped.count = dropped.count.saturating_add(count);
        dropped.last = Instant::now();
        count
    }

    /// The groups, from the most recently delivered.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many alerts of each severity fire, those that are only counted with the first
    /// of their group.
    pub(super) fn firing(&self) -> [usize; Severity::ALL.len()] {
        let mut counts = [0; Severity::ALL.len()];
        for group in &self.groups {
            let shown = group.alerts.iter();
            for alert in shown.filter(|alert| alert.status == Status::Firing) {
                counts[alert.severity as usize] += 1;
            }
            let lead = group.alerts.first();
            let lead = lead.map_or(Severity::Other, |alert| alert.severity);
            let count = &mut counts[lead as usize];
            *count = usize::saturating_add(*count, group.firing.count);
        }
        counts
    }

    /// The alert that says what was dropped.
    pub(super) fn notice(&self) -> Option<Alert> {
        self.dropped.as_ref().map(Dropped::alert)
    }
}

fn seconds_left(until: Instant) -> u64 {
    until.saturating_duration_since(Instant::now()).as_secs()
}

impl Dropped {
    fn alert(&self) -> Alert {
        Alert::of_the_pager(
            FULL,
            ["major", "2"],
            format!("{} deliveries of alerts were dropped", self.count),
            format!("The pager is full: {WHAT_REMAINS}."),
            self.since,
        )
    }
}
