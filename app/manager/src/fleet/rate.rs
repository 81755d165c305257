//! How many messages a proplet may send: a token bucket.

/// So many seconds' worth may come at once: what a proplet has kept while the
/// broker was away.
const BURST_SECONDS: i64 = 60;

const NANOSECONDS: i64 = 1_000_000_000;

/// Fills at a rate, up to a minute's worth; each message takes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: i64,
    /// Messages that may come, times a second's nanoseconds.
    tokens: i64,
    filled: i64,
}

impl Bucket {
    /// Full. `rate` is in messages per second.
    pub(super) fn new(rate: u32, now: i64) -> Self {
        let rate = i64::from(rate);
        Self {
            rate,
            tokens: rate * BURST_SECONDS * NANOSECONDS,
            filled: now,
        }
    }

    /// Whether one more may come.
    pub(super) fn take(&mut self, now: i64) -> bool {
        // A clock that was set back fills nothing.
        let passed = (now - self.filled).clamp(0, BURST_SECONDS * NANOSECONDS);
        self.filled = now;
        let full = self.rate * BURST_SECONDS * NANOSECONDS;
        self.tokens = full.min(self.tokens + passed * self.rate);
        let some = self.tokens >= NANOSECONDS;
        if some {
            self.tokens -= NANOSECONDS;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_worth_at_once_and_then_its_rate() {
        let mut bucket = Bucket::new(2, 0);
        let taken = (0..1000).filter(|_| bucket.take(0)).count();
        assert_eq!(taken, 120);
        let taken = (0..100)
            .filter(|tenth| bucket.take(tenth * NANOSECONDS / 10))
            .count();
        assert_eq!(taken, 19);
        // A clock that was set back and forth again gives no more.
        assert!(!bucket.take(0));
    }
}
