//! Whether the subscriptions deliver: shown by a probe through each of them after each
//! connection. A broker that knows no shared subscriptions accepts them all the same, as
//! ordinary filters that no topic matches.

use std::time::Duration;

use proplet_schema::TopicKind;
use tokio::time::Instant;

/// How long a probe may be under way before that is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// The probes of one connection.
#[derive(Debug)]
pub(super) struct Proof {
    connection: u64,
    unproven: Vec<Unproven>,
    /// The error has been told.
    told: bool,
}

#[derive(Debug)]
struct Unproven {
    kind: TopicKind,
    /// Since when nothing has come through it.
    since: Instant,
}

impl Proof {
    /// Nothing is proven of this connection.
    pub(super) fn new(
        connection: u64,
        kinds: impl Iterator<Item = TopicKind>,
        now: Instant,
    ) -> Self {
        let unproven = kinds.map(|kind| Unproven { kind, since: now });
        Self {
            connection,
            unproven: unproven.collect(),
            told: false,
        }
    }

    pub(super) fn connection(&self) -> u64 {
        self.connection
    }

    /// A probe has arrived.
    pub(super) fn arrived(&mut self, kind: TopicKind, connection: u64) {
        if connection == self.connection {
            self.unproven.retain(|unproven| unproven.kind != kind);
        }
    }

    /// Proplets' messages of this kind come: the probe is behind them.
    pub(super) fn moves(&mut self, kind: TopicKind, now: Instant) {
        for unproven in &mut self.unproven {
            if unproven.kind == kind {
                unproven.since = now;
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.unproven.is_empty()
    }

    /// The kinds whose probes have not arrived.
    pub(super) fn unproven(&self) -> impl Iterator<Item = TopicKind> {
        self.unproven.iter().map(|unproven| unproven.kind)
    }

    /// The kinds for which that has taken too long, once.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<TopicKind> {
        let overdue = |unproven: &&Unproven| now - unproven.since >= PATIENCE;
        let overdue = self.unproven.iter().filter(overdue);
        let overdue: Vec<_> = overdue.map(|unproven| unproven.kind).collect();
        if self.told || overdue.is_empty() {
            return Vec::new();
        }
        self.told = true;
        overdue
    }

    /// Whether the error has been told.
    pub(super) fn was_told(&self) -> bool {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_arrive_is_told_once() {
        let now = Instant::now();
        let kinds = [TopicKind::Alive, TopicKind::TaskMetrics, TopicKind::Metrics];
        let mut proof = Proof::new(2, kinds.into_iter(), now);
        proof.arrived(TopicKind::Alive, 1);
        proof.arrived(TopicKind::Metrics, 2);
        assert_eq!(proof.unproven().count(), 2);
        proof.arrived(TopicKind::Alive, 2);
        assert!(proof.overdue(now).is_empty());
        proof.moves(TopicKind::TaskMetrics, now + PATIENCE / 2);
        assert!(proof.overdue(now + PATIENCE).is_empty());
        let later = now + 2 * PATIENCE;
        assert_eq!(proof.overdue(later), [TopicKind::TaskMetrics]);
        assert!(proof.overdue(later).is_empty());
        proof.arrived(TopicKind::TaskMetrics, 2);
        assert!(proof.is_complete() && proof.was_told());
    }
}
