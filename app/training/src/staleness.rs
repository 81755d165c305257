//! Counts the batches whose embeddings are out: looked up, and not yet updated
//! by their gradients. Knows no batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many batches are out.
#[derive(Debug, Default)]
pub struct Staleness {
    now: AtomicU64,
    peak: AtomicU64,
}

/// A batch that is out. Dropping it ends that, for whatever reason: gradients
/// applied, lookup failed, trainer gone.
#[derive(Debug)]
pub struct OutBatch(Arc<Staleness>);

impl Staleness {
    /// Another batch is looked up.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> OutBatch {
        let now = self.now.fetch_add(1, Relaxed) + 1;
        self.peak.fetch_max(now, Relaxed);
        OutBatch(Arc::clone(self))
    }

    /// How many batches are out now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// The most that have been out at a time.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }
}

impl Drop for OutBatch {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Relaxed);
    }
}
