//! A group of alerts as the [store](super::store) remembers it: the first of its alerts as
//! JSON, and of all others their number. Knows no other group.

use std::time::Duration;

use tokio::time::Instant;

use super::alert::{Alert, Severity, Status};

/// Maximum alerts remembered of one group.
pub(crate) const MAX_OF_GROUP: usize = 10;

/// How long a resolved alert remains visible.
pub(crate) const RESOLVED_RETENTION: Duration = Duration::from_secs(300);

/// How long a firing alert remains without being repeated. Alertmanager repeats
/// firing alerts every five minutes (`repeat_interval` in
/// `prometheus/alertmanager.yml`) and reports when they resolve, but not of an
/// alert that resolves while it is inhibited: without this it would fire for
/// ever.
pub const FIRING_RETENTION: Duration = Duration::from_secs(900);

#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) name: String,
    /// The first of its severity before later ones, firing before resolved ones.
    pub(super) alerts: Vec<Remembered>,
    /// How many more there are, by status, and until when that holds.
    pub(super) firing: Hidden,
    pub(super) resolved: Hidden,
}

/// Alerts of which the number alone is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hidden {
    pub(super) count: usize,
    pub(super) expires: Instant,
}

#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) fingerprint: String,
    pub(super) status: Status,
    pub(super) severity: Severity,
    pub(super) json: String,
    pub(super) expires: Instant,
    /// As which of all it was delivered, lately and first.
    delivered: u64,
    pub(super) first: u64,
}

impl Hidden {
    pub(super) fn none(status: Status) -> Self {
        Self {
            count: 0,
            expires: Instant::now() + retention(status),
        }
    }
}

impl Group {
    /// In order, and no longer than a group may be.
    pub(super) fn shorten(&mut self) {
        self.alerts.sort_unstable_by_key(|alert| alert.rank(false));
        while self.alerts.len() > MAX_OF_GROUP {
            self.hide_last();
        }
    }

    /// Drops what ranks no better than this.
    pub(super) fn drop_from(&mut self, first_dropped: Rank) {
        while let Some(last) = self.alerts.last()
            && last.rank(self.alerts.len() > 1) >= first_dropped
        {
            self.hide_last();
        }
    }

    fn hide_last(&mut self) {
        if let Some(last) = self.alerts.pop() {
            self.hidden(last.status).count += 1;
        }
    }

    fn hidden(&mut self, status: Status) -> &mut Hidden {
        match status {
            Status::Firing => &mut self.firing,
            Status::Resolved => &mut self.resolved,
        }
    }

    fn count(&self, status: Status) -> usize {
        let shown = self.alerts.iter();
        let shown = shown.filter(|alert| alert.status == status).count();
        let hidden = match status {
            Status::Firing => self.firing.count,
            Status::Resolved => self.resolved.count,
        };
        shown.saturating_add(hidden)
    }

    pub(super) fn count_firing(&self) -> usize {
        self.count(Status::Firing)
    }

    pub(super) fn count_resolved(&self) -> usize {
        self.count(Status::Resolved)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }
}

/// The least is the last to be dropped. No two are the same.
pub(super) type Rank = (bool, bool, Severity, u64);

impl Remembered {
    pub(super) fn new(alert: Alert, expires: Instant, delivered: u64, first: u64) -> Self {
        Self {
            status: alert.status,
            severity: alert.severity(),
            json: alert.to_json(),
            expires,
            delivered,
            first,
            fingerprint: alert.fingerprint,
        }
    }

    pub(super) fn rank(&self, follows: bool) -> Rank {
        match self.status {
            Status::Firing => (false, follows, self.severity, self.first),
            Status::Resolved => (true, follows, Severity::Other, u64::MAX - self.delivered),
        }
    }
}

pub(super) fn retention(status: Status) -> Duration {
    match status {
        Status::Firing => FIRING_RETENTION,
        Status::Resolved => RESOLVED_RETENTION,
    }
}
