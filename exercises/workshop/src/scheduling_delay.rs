//! How punctual this machine is while something runs. On one that is too busy,
//! what was measured tells of the machine and not of the student's program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const NAP: Duration = Duration::from_millis(10);

/// Someone who naps over and over, and notes by how much each nap is too long.
#[derive(Debug)]
pub struct Punctuality {
    over: Arc<AtomicBool>,
    naps: JoinHandle<Duration>,
}

impl Punctuality {
    /// Begins to look.
    #[must_use]
    pub fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let naps = thread::spawn(move || {
            let mut latest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(NAP);
                latest = latest.max(start.elapsed().saturating_sub(NAP));
            }
            latest
        });
        Self { over, naps }
    }

    /// By how much the longest nap since then was too long.
    ///
    /// # Panics
    ///
    /// Never: napping does not panic.
    #[must_use]
    pub fn worst(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.naps.join().expect("napping does not panic")
    }
}
