//! How late this machine wakes a thread while something runs. On one that is too
//! busy, what was measured tells of the machine and not of the student's program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const SLEEP: Duration = Duration::from_millis(10);

/// A thread that sleeps over and over, and notes by how much each sleep was too long.
#[derive(Debug)]
pub struct SchedulingDelay {
    over: Arc<AtomicBool>,
    sleeper: JoinHandle<Duration>,
}

impl SchedulingDelay {
    /// Starts the thread.
    #[must_use]
    pub fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let sleeper = thread::spawn(move || {
            let mut latest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(SLEEP);
                latest = latest.max(start.elapsed().saturating_sub(SLEEP));
            }
            latest
        });
        Self { over, sleeper }
    }

    /// By how much the worst sleep since the start was too long.
    ///
    /// # Panics
    ///
    /// Never: sleeping does not panic.
    #[must_use]
    pub fn worst(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.sleeper.join().expect("sleeping does not panic")
    }
}
