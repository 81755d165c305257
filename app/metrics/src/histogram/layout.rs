//! Where the real line is cut: at the classic bounds and at those of native
//! buckets. Pure arithmetic, no counters.
//!
//! Native buckets of schema 3 grow by 2^(1/8), about 9%: bucket `i` covers
//! `(2^((i-1)/8), 2^(i/8)]`, mirrored for negative values, with one bucket
//! around zero. Source: Prometheus' native histogram specification, "Schema".

use std::sync::Arc;

use prometheus_client::metrics::family::MetricConstructor;

use super::Histogram;

/// Buckets in an octave (a doubling) at schema 3.
const PER_OCTAVE: i32 = 8;

/// The schema that [`Layout`] follows.
pub(super) const SCHEMA: i32 = 3;

/// The octaves kept apart: magnitudes from 2^-24 (60 ns, or 0.00000006) up to
/// 2^24 (194 days, or 16.7 million). Smaller ones count as zero; larger ones in
/// the last native bucket.
const OCTAVES: std::ops::Range<i32> = -24..24;

/// The breadth of the native zero bucket on either side.
pub(super) const ZERO_THRESHOLD: f64 = 1.0 / 16_777_216.0;

/// The buckets of a histogram: classic ones with given upper bounds, and native
/// ones of schema 3. Clones share them, so that all series of a metric do.
///
/// It makes the histograms of a family:
///
/// ```
/// use golden_metrics::{Buckets, Histogram};
/// use prometheus_client::metrics::family::Family;
///
/// type Labels = [(&'static str, &'static str); 1];
/// let buckets = Buckets::new(&[0.1, 0.5, 1.0]);
/// let seconds = Family::<Labels, Histogram, _>::new_with_constructor(buckets);
/// seconds.get_or_create(&[("kind", "mail")]).observe(0.3, None);
/// ```
#[derive(Clone, Debug)]
pub struct Buckets(Arc<Layout>);

impl Buckets {
    /// Classic buckets with these finite upper bounds, in the unit of the metric;
    /// `+Inf` is added. Native buckets cover what lies between 2^-24 (60 ns) and 2^24
    /// (194 days) of it.
    ///
    /// Where all bounds are above zero, nothing below zero is expected, and what
    /// comes all the same counts in the native zero bucket; a duration's histogram is
    /// spared half of its counters so.
    ///
    /// # Panics
    ///
    /// If the bounds do not ascend, or one is not finite, or lies so close to zero
    /// (but for zero itself) that it would cut the native zero bucket.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self(Arc::new(Layout::new(bounds)))
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.0
    }
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self)
    }
}

/// The cells that a histogram counts in: intervals that lie in exactly one
/// classic and exactly one native bucket.
#[derive(Debug)]
pub(super) struct Layout {
    bounds: &'static [f64],
    negative: Side,
    positive: Side,
}

/// The cells of one sign, by magnitude. The first lies in the zero bucket.
#[derive(Debug)]
struct Side {
    /// The largest magnitude within each cell but the last, which is open.
    limits: Vec<f64>,
    /// For each octave, the first cell that a magnitude in it can lie in.
    octave_start: Vec<u16>,
    /// For each cell: its native index (`None`: the zero bucket).
    native: Vec<Option<i32>>,
    /// For each cell: the place of its classic bucket.
    classic: Vec<u16>,
}

impl Layout {
    fn new(bounds: &'static [f64]) -> Self {
        assert!(
            bounds.is_sorted_by(|a, b| a < b),
            "bounds ascend: {bounds:?}"
        );
        assert!(
            bounds
                .iter()
                .all(|&b| b.is_finite() && (b == 0.0 || b.abs() > ZERO_THRESHOLD)),
            "bounds are finite and not within the zero bucket: {bounds:?}"
        );
        // A classic bucket contains its upper bound. Seen by magnitude, a
        // negative bound belongs to the cell above it, so the cell below ends
        // just before.
        let negative = bounds
            .iter()
            .filter(|&&b| b < 0.0)
            .map(|b| b.abs().next_down());
        let positive = bounds.iter().copied().filter(|&b| b > 0.0);
        let classic_of = |value: f64| bounds.partition_point(|&bound| bound < value);
        Self {
            bounds,
            negative: if bounds.first().is_some_and(|&first| first <= 0.0) {
                Side::new(negative, |magnitude| classic_of(-magnitude))
            } else {
                Side::single()
            },
            positive: Side::new(positive, classic_of),
        }
    }

    /// The classic buckets' finite upper bounds.
    pub(crate) fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// How many cells there are.
    pub(crate) fn cells(&self) -> usize {
        self.negative.native.len() + self.positive.native.len()
    }

    /// The cell of `value`, which is not NaN. Cells of positive values come
    /// first: they are the ones that durations touch.
    pub(crate) fn cell_of(&self, value: f64) -> usize {
        if value > 0.0 {
            self.positive.cell_of(value)
        } else {
            self.positive.native.len() + self.negative.cell_of(value.abs())
        }
    }

    /// The place of a cell's classic bucket; the last is `+Inf`.
    pub(crate) fn classic_of(&self, cell: usize) -> usize {
        let (_, side, cell) = self.side_of(cell);
        usize::from(side.classic[cell])
    }

    /// Whether a cell holds negative values, and its native index (`None`: the
    /// zero bucket).
    pub(crate) fn native_of(&self, cell: usize) -> (bool, Option<i32>) {
        let (negative, side, cell) = self.side_of(cell);
        (negative, side.native[cell])
    }

    fn side_of(&self, cell: usize) -> (bool, &Side, usize) {
        match cell.checked_sub(self.positive.native.len()) {
            None => (false, &self.positive, cell),
            Some(cell) => (true, &self.negative, cell),
        }
    }
}

impl Side {
    fn new(cuts: impl Iterator<Item = f64>, classic_of: impl Fn(f64) -> usize) -> Self {
        let first = OCTAVES.start * PER_OCTAVE;
        let last = OCTAVES.end * PER_OCTAVE;
        let native_bounds: Vec<f64> = (first..=last).map(native_upper_bound).collect();
        let native_index =
            |magnitude: f64| match native_bounds.partition_point(|&bound| bound < magnitude) {
                0 => None,
                place => Some(last.min(first + i32::from(index(place)))),
            };
        let mut limits: Vec<f64> = native_bounds.iter().copied().chain(cuts).collect();
        limits.sort_by(f64::total_cmp);
        limits.dedup();
        let octave_start = (OCTAVES.start..=OCTAVES.end)
            .map(|octave| index(limits.partition_point(|&limit| limit < 2_f64.powi(octave))))
            .collect();
        // Any magnitude of a cell tells the buckets of all of it; its limit is
        // one, and the open last cell takes a magnitude beyond all limits.
        let representatives: Vec<f64> = limits.iter().copied().chain([f64::MAX]).collect();
        Self {
            native: representatives.iter().map(|&m| native_index(m)).collect(),
            classic: representatives
                .iter()
                .map(|&m| index(classic_of(m)))
                .collect(),
            limits,
            octave_start,
        }
    }

    /// One cell for all magnitudes.
    fn single() -> Self {
        Self {
            limits: Vec::new(),
            octave_start: Vec::new(),
            native: vec![None],
            classic: vec![0],
        }
    }

    fn cell_of(&self, magnitude: f64) -> usize {
        // The exponent of the number's own representation finds the octave;
        // at most eight native bounds and the classic ones lie in it.
        let exponent = i32::from(u16::try_from(magnitude.to_bits() >> 52).unwrap_or(0)) - 1023;
        let octave = usize::try_from(exponent - OCTAVES.start).unwrap_or(0);
        let octave = octave.min(self.octave_start.len().saturating_sub(1));
        let mut cell = self
            .octave_start
            .get(octave)
            .copied()
            .map_or(0, usize::from);
        while self
            .limits
            .get(cell)
            .is_some_and(|&limit| magnitude > limit)
        {
            cell += 1;
        }
        cell
    }
}

/// `2^(i/8)`, exact at whole octaves.
fn native_upper_bound(index: i32) -> f64 {
    let octave = index.div_euclid(PER_OCTAVE);
    let step = f64::from(index.rem_euclid(PER_OCTAVE));
    2_f64.powf(step / f64::from(PER_OCTAVE)) * 2_f64.powi(octave)
}

/// Cells and buckets are a few hundred: they fit.
fn index(place: usize) -> u16 {
    u16::try_from(place).expect("a layout has a few hundred cells")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zero_threshold_is_the_first_octaves_start() {
        assert_eq!(ZERO_THRESHOLD, 2_f64.powi(OCTAVES.start));
    }

    #[test]
    fn the_quick_way_to_a_cell_finds_what_a_search_finds() {
        let layout = Layout::new(&[
            0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0,
            2.5, 5.0, 10.0, 30.0, 60.0,
        ]);
        let mut value = 1e-9;
        while value < 1e9 {
            for value in [value, f64::next_up(value), f64::next_down(value)] {
                let side = &layout.positive;
                assert_eq!(
                    side.cell_of(value),
                    side.limits.partition_point(|&limit| limit < value),
                    "{value}"
                );
            }
            value *= 1.001;
        }
        for &limit in &layout.positive.limits {
            assert_eq!(
                layout.positive.limits[layout.positive.cell_of(limit)],
                limit
            );
        }
    }

    #[test]
    #[should_panic(expected = "bounds ascend")]
    fn descending_bounds_are_refused() {
        let _ = Layout::new(&[1.0, 0.5]);
    }
}
