//! Standard error, shared by the lines of the log and a progress bar: a line goes
//! above the bar, which is drawn again below it. Knows neither what is logged nor
//! what progresses.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

/// The bar that is shown now.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn bar() -> MutexGuard<'static, Option<ProgressBar>> {
    // Whoever panicked left a bar or none: both are fine.
    BAR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a bar below the lines of the log; dropping it removes the bar.
#[derive(Debug)]
pub struct ProgressGuard(());

/// Shows this bar, replacing one that was shown before.
#[must_use]
pub fn show(shown: ProgressBar) -> ProgressGuard {
    *bar() = Some(shown);
    ProgressGuard(())
}

impl Drop for ProgressGuard {
    fn drop(&mut self) {
        if let Some(shown) = bar().take() {
            shown.finish_and_clear();
        }
    }
}

/// Standard error for those who write whole lines.
#[derive(Clone, Copy, Debug)]
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr();
        match &*bar() {
            Some(shown) => shown.suspend(|| stderr.write(bytes)),
            None => stderr.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
