//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand::RngExt as _;

/// The wait after the first failure.
const INITIAL_WAIT: Duration = Duration::from_millis(250);

/// A connection that lasted this long resets the backoff. Shorter ones, as when two
/// clients of one name throw each other out, do not.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(5);

/// Twice as long with each failure, from 250 ms to a bound, and of that a random
/// half, so that the clients of a broker that returns do not come at once.
#[derive(Debug)]
pub(super) struct Backoff {
    max_wait: Duration,
    failures: u32,
}

impl Backoff {
    /// None has failed yet; no wait is longer.
    pub(super) fn new(max_wait: Duration) -> Self {
        Self {
            max_wait,
            failures: 0,
        }
    }

    /// The wait after a connection that lasted so long, or `None` if there was none.
    pub(super) fn next(&mut self, lasted: Option<Duration>) -> Duration {
        if lasted.is_some_and(|lasted| lasted >= STABLE_AFTER) {
            self.failures = 0;
        }
        let wait = INITIAL_WAIT
            .saturating_mul(1 << self.failures.min(16))
            .min(self.max_wait);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_anew_after_a_good_connection() {
        const MAX_WAIT: Duration = Duration::from_secs(30);
        let mut backoff = Backoff::new(MAX_WAIT);
        let within = |wait: Duration, full: Duration| wait >= full / 2 && wait <= full;
        for factor in [1, 2, 4, 8] {
            assert!(within(backoff.next(None), INITIAL_WAIT * factor));
        }
        for _ in 0..100 {
            backoff.next(Some(Duration::ZERO));
        }
        assert!(within(backoff.next(None), MAX_WAIT));
        assert!(within(backoff.next(Some(STABLE_AFTER)), INITIAL_WAIT));
    }
}
