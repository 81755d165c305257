//! A cache of one value without a lock: all that find it expired fetch it, each for
//! itself, until the first of them has it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The cache. It begins with a fresh value.
#[derive(Debug)]
pub(super) struct Cache {
    of: simulation::incident::Cache,
    filled: Mutex<Instant>,
}

impl Cache {
    pub(super) fn new(of: simulation::incident::Cache) -> Self {
        let filled = Mutex::new(Instant::now());
        Self { of, filled }
    }

    /// Reads the value, after fetching it if need be.
    pub(super) async fn read(&self) {
        if self.filled().elapsed() < self.of.lives {
            return;
        }
        async_io::Timer::after(self.of.fetch).await;
        let mut filled = self.filled();
        // Who comes later than the first brings nothing newer.
        if filled.elapsed() >= self.of.lives {
            *filled = Instant::now();
        }
    }

    fn filled(&self) -> MutexGuard<'_, Instant> {
        // A time is never half set.
        self.filled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn all_that_find_it_expired_fetch_it() {
        let cache = Cache::new(simulation::incident::Cache {
            lives: Duration::from_millis(300),
            fetch: Duration::from_millis(100),
        });
        let timed = || async {
            let start = Instant::now();
            cache.read().await;
            start.elapsed() >= Duration::from_millis(100)
        };
        assert!(!timed().await, "it begins fresh");
        async_io::Timer::after(Duration::from_millis(300)).await;
        let (one, other) = tokio::join!(timed(), timed());
        assert!(one && other, "both had to fetch it");
        assert!(!timed().await, "it is fresh again");
    }
}
