//! A loop that burns a share of one core, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// How long the loop runs and rests, together.
const ROUND: Duration = Duration::from_millis(50);

/// The loop, if it runs.
#[derive(Debug, Default)]
pub(super) struct BusyLoop {
    /// Percent; 0 ends its thread.
    share: Option<Arc<AtomicU32>>,
}

impl BusyLoop {
    /// Burns so many percent of a core from now on.
    pub(super) fn burn(&mut self, percent: u32) {
        if let Some(share) = &self.share {
            share.store(percent, Relaxed);
        }
        match (&self.share, percent) {
            (Some(_), 0) => self.share = None,
            (None, 1..) => {
                let share = Arc::new(AtomicU32::new(percent));
                let of_thread = Arc::clone(&share);
                thread::spawn(move || spin(&of_thread));
                self.share = Some(share);
            }
            _ => {}
        }
    }
}

/// The thread ends with what started it.
impl Drop for BusyLoop {
    fn drop(&mut self) {
        self.burn(0);
    }
}

fn spin(share: &AtomicU32) {
    loop {
        let percent = share.load(Relaxed).min(100);
        if percent == 0 {
            return;
        }
        let began = Instant::now();
        let busy = ROUND * percent / 100;
        while began.elapsed() < busy {
            std::hint::spin_loop();
        }
        thread::sleep(ROUND.saturating_sub(began.elapsed()));
    }
}
