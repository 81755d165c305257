//! Which task of a proplet tells what happened in a network namespace: what several
//! tell of one is the same bytes, which sums must have once.

use std::collections::HashMap;

use super::share;
use proplet_schema::{ProcessMetrics, Traffic};

/// Intervals without a sample after which another task tells it, and a little more.
const MAX_MISSED: i64 = 3;
const SLACK: i64 = 2_000_000_000;

/// Maximum number of namespaces of a proplet; those that were silent longest go first.
const MAX_NAMESPACES: usize = 1_024;

/// Maximum number of all proplets together, each of which has one at least.
const MAX_ALL: usize = 100_000;

/// The namespaces of a proplet's tasks.
#[derive(Debug, Default)]
pub(super) struct Network {
    tellers: HashMap<u64, Teller>,
    /// What all namespaces together have carried since the proplet became known.
    pub(super) total: Traffic,
}

#[derive(Debug)]
struct Teller {
    task: Box<str>,
    /// The time of its latest sample, and between the two latest.
    at: i64,
    interval: i64,
}

impl Network {
    /// Whether the network bytes of this sample count: it is of the task that tells its
    /// namespace, or is of none that is known. A task that begins to tell adds what
    /// happened since its sample before, which the one before it may have told too: at
    /// most one interval.
    ///
    /// `proplets`: how many there are.
    pub(super) fn counts(
        &mut self,
        task: &str,
        at: i64,
        metrics: &ProcessMetrics,
        proplets: usize,
    ) -> bool {
        let counts = metrics
            .network_namespace
            .is_none_or(|namespace| self.tells(namespace, task, at, proplets));
        if counts {
            self.total = self.total.plus(Traffic {
                network_rx_bytes: metrics.network_rx_bytes,
                network_tx_bytes: metrics.network_tx_bytes,
                ..Traffic::default()
            });
        }
        counts
    }

    fn tells(&mut self, namespace: u64, task: &str, at: i64, proplets: usize) -> bool {
        let new = || Teller {
            task: task.into(),
            at,
            interval: 0,
        };
        match self.tellers.get_mut(&namespace) {
            Some(teller) if *teller.task == *task => {
                if at > teller.at {
                    teller.interval = at - teller.at;
                    teller.at = at;
                }
            }
            Some(teller) => {
                let silent = at.saturating_sub(teller.at);
                if silent
                    <= teller
                        .interval
                        .saturating_mul(MAX_MISSED)
                        .saturating_add(SLACK)
                {
                    return false;
                }
                *teller = new();
            }
            None => {
                while self.tellers.len() >= share(MAX_ALL, MAX_NAMESPACES, proplets) {
                    let oldest = self.tellers.iter().min_by_key(|(_, teller)| teller.at);
                    let Some(oldest) = oldest.map(|(namespace, _)| *namespace) else {
                        break;
                    };
                    self.tellers.remove(&oldest);
                }
                self.tellers.insert(namespace, new());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn sample(namespace: Option<u64>) -> ProcessMetrics {
        ProcessMetrics {
            network_rx_bytes: Some(5),
            network_tx_bytes: Some(7),
            disk_read_bytes: Some(1),
            network_namespace: namespace,
            ..ProcessMetrics::default()
        }
    }

    #[test]
    fn one_task_tells_what_happened_in_a_namespace() {
        let mut network = Network::default();
        for second in 0..10 {
            let at = second * SECOND;
            assert!(network.counts("a", at, &sample(Some(1)), 1));
            assert!(!network.counts("b", at, &sample(Some(1)), 1));
            assert!(network.counts("c", at, &sample(Some(2)), 1));
            // Nothing is known of where.
            assert!(network.counts("d", at, &sample(None), 1));
        }
        assert_eq!(network.total.network_rx_bytes, Some(150));
        assert_eq!(network.total.network_tx_bytes, Some(210));
        assert_eq!(network.total.disk_read_bytes, None);
        // The first one ends, the next one takes its place and keeps it.
        assert!(!network.counts("b", 14 * SECOND, &sample(Some(1)), 1));
        assert!(network.counts("b", 15 * SECOND, &sample(Some(1)), 1));
        assert!(!network.counts("a", 16 * SECOND, &sample(Some(1)), 1));
    }

    #[test]
    fn namespaces_are_bounded() {
        let mut network = Network::default();
        for namespace in 0..3_000 {
            network.counts("a", 0, &sample(Some(namespace)), 1);
        }
        assert_eq!(network.tellers.len(), MAX_NAMESPACES);
        // Many proplets have less each, and one at least.
        network.counts("a", 0, &sample(Some(3_000)), 10_000);
        assert_eq!(network.tellers.len(), 10);
        network.counts("a", 0, &sample(Some(3_001)), 1_000_000);
        assert_eq!(network.tellers.len(), 1);
    }
}
