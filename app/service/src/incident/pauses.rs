//! The process stands still: every thread of the runtime sleeps, and so does whatever it
//! would have done, timers, connections and scrapes included.

use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// Blocks all threads of the runtime for so long.
pub(super) fn stand_still(length: Duration) {
    let until = Instant::now() + length;
    // Each is taken by a thread that has nothing to do; one that comes to it late, because
    // it had, does not sleep longer than the others.
    for _ in 0..Handle::current().metrics().num_workers() {
        tokio::spawn(async move { thread::sleep(until.saturating_duration_since(Instant::now())) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_works_meanwhile() {
        tokio::spawn(async { stand_still(Duration::from_millis(300)) })
            .await
            .unwrap();
        let start = Instant::now();
        let others = (0..4).map(|_| tokio::spawn(async { tokio::task::yield_now().await }));
        for other in others.collect::<Vec<_>>() {
            other.await.unwrap();
        }
        assert!(start.elapsed() > Duration::from_millis(200));
    }
}
