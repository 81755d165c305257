//! One exemplar that many threads offer and a scrape reads, without a lock: the first one
//! since the scrape before. Each scrape so finds a new one where there was any, and all
//! other observations pay no more than a look at a flag.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An observation with the trace that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: u128,
    pub(crate) value: f64,
    pub(crate) at: SystemTime,
}

/// A sequence lock over plain atomics: `version` is odd while a writer is at
/// work, and a reader that sees it move discards what it read.
///
/// A writer that finds another at work gives up: the slot holds *an* exemplar
/// of its bucket, so losing one of two simultaneous ones loses nothing.
#[derive(Debug, Default)]
pub(super) struct ExemplarSlot {
    version: AtomicU64,
    /// No scrape has read it yet: it is kept until one has.
    unread: AtomicBool,
    trace_high: AtomicU64,
    trace_low: AtomicU64,
    value: AtomicU64,
    unix_nanos: AtomicU64,
}

impl ExemplarSlot {
    pub(super) fn offer(&self, trace_id: u128, value: f64) {
        if self.unread.load(Ordering::Relaxed) {
            return;
        }
        let version = self.version.load(Ordering::Relaxed);
        if version % 2 == 1
            || self
                .version
                .compare_exchange(version, version + 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // With the reader's fence: who has seen any of what is stored below also sees the
        // odd version, or a later one. Stores in sequence would cost a lock of the bus each.
        fence(Ordering::Release);
        let store = |to: &AtomicU64, bits| to.store(bits, Ordering::Relaxed);
        store(&self.trace_high, (trace_id >> 64) as u64);
        store(&self.trace_low, trace_id as u64);
        store(&self.value, value.to_bits());
        store(
            &self.unix_nanos,
            u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        );
        self.unread.store(true, Ordering::Relaxed);
        self.version.store(version + 2, Ordering::Release);
    }

    /// The exemplar, unless there is none yet or it is being overwritten; the next one
    /// that is offered takes its place.
    pub(super) fn load(&self) -> Option<Exemplar> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || version % 2 == 1 {
            return None;
        }
        let load = |from: &AtomicU64| from.load(Ordering::Relaxed);
        let exemplar = Exemplar {
            trace_id: u128::from(load(&self.trace_high)) << 64 | u128::from(load(&self.trace_low)),
            value: f64::from_bits(load(&self.value)),
            at: UNIX_EPOCH + Duration::from_nanos(load(&self.unix_nanos)),
        };
        fence(Ordering::Acquire);
        let whole = self.version.load(Ordering::Relaxed) == version;
        if whole {
            self.unread.store(false, Ordering::Relaxed);
        }
        whole.then_some(exemplar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_since_the_last_reading_is_kept_until_the_next() {
        let slot = ExemplarSlot::default();
        let read = || slot.load().map(|exemplar| exemplar.trace_id);
        assert_eq!(read(), None);
        slot.offer(1, 0.1);
        slot.offer(2, 0.2);
        assert_eq!(read(), Some(1));
        // Where nothing came since, it is still the latest known.
        assert_eq!(read(), Some(1));
        slot.offer(3, 0.3);
        slot.offer(4, 0.4);
        assert_eq!(read(), Some(3));
    }

    #[test]
    fn a_reader_never_sees_halves_of_two_exemplars() {
        let slot = ExemplarSlot::default();
        let mut seen = 0;
        std::thread::scope(|scope| {
            let writers = [1_u128, 2].map(|writer| {
                let slot = &slot;
                scope.spawn(move || {
                    for i in 0..100_000_u128 {
                        let id = writer * 1_000_000 + i;
                        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                        slot.offer(id << 64 | id, id as f64);
                    }
                })
            });
            while seen == 0 || writers.iter().any(|writer| !writer.is_finished()) {
                if let Some(exemplar) = slot.load() {
                    let (high, low) = (
                        exemplar.trace_id >> 64,
                        exemplar.trace_id & u128::from(u64::MAX),
                    );
                    assert_eq!(high, low);
                    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                    let id = low as f64;
                    assert_eq!(id, exemplar.value);
                    seen += 1;
                }
            }
        });
        assert!(slot.load().is_some() && seen > 0);
    }
}
