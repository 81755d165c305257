//! A histogram that is classic and native at once, and takes an observation
//! without a lock and without an allocation. Knows no labels and no formats.
//!
//! Why not `prometheus_client`'s: that one takes a mutex for each observation,
//! and its histogram with exemplars has no native buckets.
//!
//! Both kinds of buckets are read from the same cells: the real line is cut at
//! the bounds of both, so an observation increments one counter and the two
//! views can never disagree, however many threads observe during a scrape.

mod encode;
mod exemplar;
mod layout;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

pub(crate) use exemplar::Exemplar;
use exemplar::ExemplarSlot;
pub use layout::Buckets;
use layout::Layout;

/// Counts observations in classic and native buckets. Clones share the counts,
/// as those of `prometheus_client`'s metrics do.
///
/// ```
/// use golden_metrics::{Buckets, Histogram, exposition::Format};
/// use prometheus_client::registry::Registry;
///
/// let seconds = Histogram::new(&Buckets::new(&[0.1, 0.5, 1.0]));
/// let mut registry = Registry::default();
/// registry.register("job_duration_seconds", "Time that a job took", seconds.clone());
///
/// // 0.3 s, in the trace 0xabc.
/// seconds.observe(0.3, Some(0xabc));
///
/// let text = Format::Text.encode(&golden_metrics::gather(&registry)?);
/// let text = String::from_utf8(text)?;
/// assert!(text.contains("job_duration_seconds_bucket{le=\"0.5\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    buckets: Buckets,
    /// One counter a cell; see [`Layout`] for what a cell is.
    cells: Box<[AtomicU64]>,
    /// The bits of the `f64` sum of all observations.
    sum: AtomicU64,
    /// The last exemplar of each classic bucket, `+Inf` included.
    exemplars: Box<[ExemplarSlot]>,
    created: SystemTime,
}

impl Histogram {
    /// An empty histogram with these buckets, created now.
    #[must_use]
    pub fn new(buckets: &Buckets) -> Self {
        Self::created(buckets, SystemTime::now())
    }

    /// An empty histogram with these buckets, created at this time: since then nothing
    /// has been left uncounted.
    #[must_use]
    pub fn created(buckets: &Buckets, at: SystemTime) -> Self {
        let layout = buckets.layout();
        let classic_buckets = layout.bounds().len() + 1;
        Self(Arc::new(Counts {
            cells: (0..layout.cells()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0.0_f64.to_bits()),
            exemplars: (0..classic_buckets)
                .map(|_| ExemplarSlot::default())
                .collect(),
            created: at,
            buckets: buckets.clone(),
        }))
    }

    /// Counts `value`, in the unit that the metric's name states.
    ///
    /// `trace_id` becomes the exemplar of the bucket that the value falls in, if it is the
    /// first there since the last scrape.
    /// A NaN is not counted: it belongs to no bucket and would make the sum
    /// useless for ever.
    pub fn observe(&self, value: f64, trace_id: Option<u128>) {
        if value.is_nan() {
            return;
        }
        let counts = &*self.0;
        let layout = counts.buckets.layout();
        let cell = layout.cell_of(value);
        counts.cells[cell].fetch_add(1, Relaxed);
        // A failed exchange means that another thread added meanwhile; nothing
        // waits for a lock holder that may have lost its processor.
        let mut sum = counts.sum.load(Relaxed);
        while let Err(now) = counts.sum.compare_exchange_weak(
            sum,
            (f64::from_bits(sum) + value).to_bits(),
            Relaxed,
            Relaxed,
        ) {
            sum = now;
        }
        if let Some(trace_id) = trace_id {
            counts.exemplars[layout.classic_of(cell)].offer(trace_id, value);
        }
    }

    /// What has been counted up to now.
    fn snapshot(&self) -> Snapshot<'_> {
        let counts = &*self.0;
        Snapshot {
            layout: counts.buckets.layout(),
            cells: counts.cells.iter().map(|cell| cell.load(Relaxed)).collect(),
            sum: f64::from_bits(counts.sum.load(Relaxed)),
            exemplars: counts.exemplars.iter().map(ExemplarSlot::load).collect(),
            created: counts.created,
        }
    }

    /// How many values have been counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.cells.iter().map(|cell| cell.load(Relaxed)).sum()
    }
}

/// A histogram's counts at one moment, in which both kinds of buckets agree.
#[derive(Debug)]
struct Snapshot<'a> {
    layout: &'a Layout,
    cells: Vec<u64>,
    sum: f64,
    /// One a classic bucket, `+Inf` included.
    exemplars: Vec<Option<Exemplar>>,
    created: SystemTime,
}

impl Snapshot<'_> {
    /// All observations.
    fn count(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// The classic buckets, `+Inf` last: upper bound, and the count of this bucket
    /// alone.
    fn classic(&self) -> Vec<(f64, u64)> {
        let mut counts = vec![0; self.layout.bounds().len() + 1];
        // Most cells never count.
        for (cell, &count) in self.cells.iter().enumerate().filter(|(_, n)| **n > 0) {
            counts[self.layout.classic_of(cell)] += count;
        }
        let bounds = self.layout.bounds().iter().copied();
        bounds.chain([f64::INFINITY]).zip(counts).collect()
    }

    /// The native buckets: the count around zero, and the populated buckets of
    /// the negative and the positive side as (index, count), ascending.
    fn native(&self) -> NativeCounts {
        let mut native = NativeCounts::default();
        for (cell, &count) in self.cells.iter().enumerate() {
            if count == 0 {
                continue;
            }
            let (negative, index) = self.layout.native_of(cell);
            let side = match (negative, index) {
                (_, None) => {
                    native.zero += count;
                    continue;
                }
                (true, Some(index)) => (&mut native.negative, index),
                (false, Some(index)) => (&mut native.positive, index),
            };
            match side.0.last_mut() {
                Some((last, total)) if *last == side.1 => *total += count,
                _ => side.0.push((side.1, count)),
            }
        }
        native
    }
}

/// The native view of a [`Snapshot`].
#[derive(Debug, Default, PartialEq)]
struct NativeCounts {
    zero: u64,
    negative: Vec<(i32, u64)>,
    positive: Vec<(i32, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(bounds: &'static [f64]) -> Histogram {
        Histogram::new(&Buckets::new(bounds))
    }

    #[test]
    fn a_value_on_a_classic_bound_is_within_it() {
        let histogram = histogram(&[-2.5, 0.0, 0.1, 0.5]);
        for value in [-3.0, -2.5, -1.0, 0.0, 0.05, 0.1, 0.100_001, 7.0] {
            histogram.observe(value, None);
        }
        let expected = [(-2.5, 2), (0.0, 2), (0.1, 2), (0.5, 1), (f64::INFINITY, 1)];
        assert_eq!(histogram.snapshot().classic(), expected);
    }

    #[test]
    fn native_buckets_are_those_of_schema_3() {
        let histogram = histogram(&[0.0, 0.3]);
        // (2^((i-1)/8), 2^(i/8)]: 1 ends bucket 0, 2 ends bucket 8, 0.3 lies in
        // bucket -13, 1.05 in bucket 1.
        for value in [1.0, 2.0, 0.3, 1.05, -1.0, 0.0] {
            histogram.observe(value, None);
        }
        let native = histogram.snapshot().native();
        assert_eq!(native.zero, 1);
        assert_eq!(native.positive, [(-13, 1), (0, 1), (1, 1), (8, 1)]);
        assert_eq!(native.negative, [(0, 1)]);
    }

    #[test]
    fn both_views_count_everything_whatever_the_value() {
        let histogram = histogram(&[-1.0, 0.0, 0.25, 1.0, 64.0]);
        let mut value = 1e-300;
        let mut observed = 0;
        while value < 1e300 {
            histogram.observe(value, None);
            histogram.observe(-value, None);
            observed += 2;
            value *= 1.7;
        }
        histogram.observe(f64::NAN, None);
        let snapshot = histogram.snapshot();
        let native = snapshot.native();
        let sides = native.negative.iter().chain(&native.positive);
        assert_eq!(snapshot.count(), observed);
        assert_eq!(native.zero + sides.map(|(_, n)| n).sum::<u64>(), observed);
        let classic = snapshot.classic();
        assert_eq!(classic.last().unwrap().0, f64::INFINITY);
        assert_eq!(classic.iter().map(|(_, n)| n).sum::<u64>(), observed);
        assert!(!snapshot.sum.is_nan());
    }

    #[test]
    fn the_first_trace_of_a_bucket_since_a_scrape_is_its_exemplar() {
        let histogram = histogram(&[0.1, 1.0]);
        histogram.observe(0.05, Some(1));
        histogram.observe(0.06, Some(2));
        histogram.observe(0.5, None);
        let exemplars = histogram.snapshot().exemplars;
        let first = exemplars[0].as_ref().expect("two were stored");
        assert_eq!((first.trace_id, first.value), (1, 0.05));
        assert!(exemplars[1].is_none() && exemplars[2].is_none());
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let histogram = histogram(&[0.5]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..50_000).for_each(|i| histogram.observe(f64::from(i % 2), Some(7)));
                });
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!(
            snapshot.classic(),
            [(0.5, 100_000), (f64::INFINITY, 100_000)]
        );
        assert_eq!(snapshot.sum, 100_000.0);
    }
}
