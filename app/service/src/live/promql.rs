//! The three PromQL functions the live page needs, as Prometheus computes them.
//!
//! The formulas are those of Prometheus 3.5 (`extrapolatedRate` in
//! `promql/functions.go`; `bucketQuantile`, `coalesceBuckets` and
//! `ensureMonotonicAndIgnoreSmallDeltas` in `promql/quantile.go`), described at
//! <https://prometheus.io/docs/prometheus/latest/querying/functions/>.
//! `tests/page/promql.rs` feeds the same samples to `promtool` and compares.
//!
//! Only arithmetic may enter here: where samples come from is
//! [`super::history`]'s matter, what is asked of them [`super::panels`]'.

use std::time::Duration;

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was scraped, in milliseconds since the Unix epoch: Prometheus'
    /// own resolution.
    pub at: i64,
    /// The value.
    pub value: f64,
}

/// One bucket of a classic histogram: how many observations (or how many a
/// second) were at most `upper_bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The inclusive upper bound, the label `le`. The highest bucket of a whole
    /// histogram has positive infinity.
    pub upper_bound: f64,
    /// Observations in this bucket and all below it.
    pub count: f64,
}

/// Two counts that differ by less than this share of their sum are the same
/// count, told apart by rounding only (`smallDeltaTolerance`).
const SMALL_DELTA: f64 = 1e-12;

/// `rate(series[range])` at the time `end` (ms since the epoch): the growth of a
/// counter per second.
///
/// `None` where Prometheus returns no element: fewer than two samples in the
/// range, which is open on the left (`end - range` itself is outside).
///
/// ```
/// use std::time::Duration;
/// use service::live::promql::{Sample, rate};
///
/// // 5 a second, with a restart of the process after 2 s.
/// let counter = [(1, 105.0), (2, 110.0), (3, 5.0), (4, 10.0)]
///     .map(|(second, value)| Sample { at: second * 1_000, value });
/// assert_eq!(rate(&counter, 4_000, Duration::from_secs(4)), Some(5.0));
/// ```
pub fn rate<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    end: i64,
    range: Duration,
) -> Option<f64> {
    extrapolated(samples, end, range)
        .map(|(growth, factor)| growth * (factor / range.as_secs_f64()))
}

/// `increase(series[range])` at the time `end`: the growth of a counter over the
/// range, not rounded to whole numbers. `None` as for [`rate`].
pub fn increase<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    end: i64,
    range: Duration,
) -> Option<f64> {
    extrapolated(samples, end, range).map(|(growth, factor)| growth * factor)
}

/// What a counter grew by between its first and last sample in the range, and
/// the factor that extends this to the whole range.
fn extrapolated<'a>(
    samples: impl IntoIterator<Item = &'a Sample>,
    end: i64,
    range: Duration,
) -> Option<(f64, f64)> {
    let range_ms = i64::try_from(range.as_millis()).unwrap_or(i64::MAX);
    let start = end.saturating_sub(range_ms);
    let mut inside = samples
        .into_iter()
        .filter(|sample| sample.at > start && sample.at <= end);

    let first = *inside.next()?;
    let mut last = first;
    let mut steps = 0_u32;
    let mut lost_in_resets = Vec::new();
    for sample in inside {
        // A counter that falls was restarted from zero: what it had reached
        // before counts in full.
        if sample.value < last.value {
            lost_in_resets.push(last.value);
        }
        last = *sample;
        steps += 1;
    }
    if steps == 0 {
        return None;
    }
    // Added in Prometheus' order, so that rounding is the same too.
    let growth = lost_in_resets
        .iter()
        .fold(last.value - first.value, |sum, lost| sum + lost);

    let sampled = seconds(last.at - first.at);
    let between_samples = sampled / f64::from(steps);
    // A sample nearer to the edge than this is where a regular scrape would put
    // it, so the series is taken to fill the range up to that edge. Farther away
    // the series is taken to begin or end half a step from its outermost sample.
    let near = between_samples * 1.1;
    let reach = |gap: f64| {
        if gap >= near {
            between_samples / 2.0
        } else {
            gap
        }
    };

    let mut to_start = reach(seconds(first.at - start));
    if growth > 0.0 && first.value >= 0.0 {
        // A counter cannot have been below zero: do not extend beyond the moment
        // when, at this pace, it was zero.
        to_start = to_start.min(sampled * (first.value / growth));
    }
    let to_end = reach(seconds(end - last.at));
    Some((growth, (sampled + to_start + to_end) / sampled))
}

/// `histogram_quantile(q, buckets)` for a classic histogram: the value below
/// which the share `q` of the observations lies, observations taken to be spread
/// evenly inside each bucket.
///
/// Order does not matter; buckets of equal bound are added. The special cases
/// are Prometheus': NaN without observations, without a `+Inf` bucket or with
/// fewer than two buckets; -Inf for `q < 0`, +Inf for `q > 1`; the second highest
/// bound when the quantile falls in the `+Inf` bucket.
///
/// ```
/// use service::live::promql::{Bucket, histogram_quantile};
///
/// let mut seconds = [(1.0, 80.0), (2.0, 100.0), (f64::INFINITY, 100.0)]
///     .map(|(upper_bound, count)| Bucket { upper_bound, count });
/// assert_eq!(histogram_quantile(0.9, &mut seconds), 1.5);
/// ```
pub fn histogram_quantile(q: f64, buckets: &mut [Bucket]) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.upper_bound.total_cmp(&b.upper_bound));
    if buckets
        .last()
        .is_none_or(|highest| highest.upper_bound != f64::INFINITY)
    {
        return f64::NAN;
    }
    let buckets = monotonic(&coalesced(buckets));
    let [.., second_highest, highest] = buckets.as_slice() else {
        return f64::NAN;
    };
    if highest.count == 0.0 {
        return f64::NAN;
    }

    let rank = q * highest.count;
    let finite = &buckets[..buckets.len() - 1];
    let reached = finite.partition_point(|bucket| bucket.count < rank);
    let Some(bucket) = finite.get(reached) else {
        return second_highest.upper_bound;
    };
    if reached == 0 && bucket.upper_bound <= 0.0 {
        return bucket.upper_bound;
    }
    // Below the lowest bucket lie no observations and the bound zero.
    let below = match reached {
        0 => Bucket {
            upper_bound: 0.0,
            count: 0.0,
        },
        above => finite[above - 1],
    };
    below.upper_bound
        + (bucket.upper_bound - below.upper_bound)
            * ((rank - below.count) / (bucket.count - below.count))
}

/// Adds up neighbours with the same bound.
fn coalesced(sorted: &[Bucket]) -> Vec<Bucket> {
    let mut merged: Vec<Bucket> = Vec::with_capacity(sorted.len());
    for bucket in sorted {
        match merged.last_mut() {
            Some(last) if last.upper_bound == bucket.upper_bound => last.count += bucket.count,
            _ => merged.push(*bucket),
        }
    }
    merged
}

/// Makes every count at least the count below it. Buckets are scraped together,
/// but their rates are extrapolated apart, so that a step can come out as a tiny
/// fall.
fn monotonic(buckets: &[Bucket]) -> Vec<Bucket> {
    let mut level = buckets.to_vec();
    for above in 1..level.len() {
        let below = level[above - 1].count;
        let count = &mut level[above].count;
        if *count < below || nearly_equal(*count, below) {
            *count = below;
        }
    }
    level
}

/// Whether two counts differ by rounding only (`util/almost/almost.go`).
fn nearly_equal(a: f64, b: f64) -> bool {
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

/// A span of milliseconds in seconds.
fn seconds(milliseconds: i64) -> f64 {
    // Spans here are minutes: far below 2^53, so the conversion is exact.
    milliseconds as f64 / 1_000.0
}
