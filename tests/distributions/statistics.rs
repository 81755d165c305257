//! The yardsticks, each with the probability that it does a right distribution
//! wrong.

/// How many samples each distribution is judged by.
pub(crate) const SAMPLES: usize = 100_000;

/// The probability that one comparison fails although all is right. There are
/// fewer than 300 of them in all the tests: together they stay below 1e-6.
pub(crate) const FALSE_ALARM: f64 = 1e-9;

/// The largest distance between the distribution function of the samples and
/// `cdf`.
///
/// Where several samples are equal the distribution may have an atom, and both
/// sides of the jump are compared: at the number itself, and at the one just
/// below it.
pub(crate) fn kolmogorov_smirnov(samples: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share = |count: usize| count as f64 / sorted.len() as f64;
    let mut distance = 0.0_f64;
    let mut below = 0;
    for equal in sorted.chunk_by(|a, b| a == b) {
        let x = equal[0];
        let up_to = below + equal.len();
        distance = distance.max((cdf(x) - share(up_to)).abs());
        distance = distance.max((cdf(x.next_down()) - share(below)).abs());
        below = up_to;
    }
    distance
}

/// What the distance stays below, save with probability [`FALSE_ALARM`].
///
/// The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant,
/// `P(distance > e) <= 2 exp(-2 n e^2)`, which holds for every distribution,
/// with atoms or without.
pub(crate) fn kolmogorov_smirnov_bound(count: usize) -> f64 {
    ((2.0 / FALSE_ALARM).ln() / (2.0 * count as f64)).sqrt()
}

/// The mean of samples from an interval of length `range`, and how far it is
/// from the true mean at most, save with probability [`FALSE_ALARM`].
///
/// The empirical Bernstein bound of Maurer and Pontil (2009, theorem 4), for
/// both sides: it holds for every distribution on the interval.
pub(crate) fn mean_and_bound(samples: &[f64], range: f64) -> (f64, f64) {
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|x| (x - mean).powi(2)).sum();
    let variance = squares / (count - 1.0);
    let log = (4.0 / FALSE_ALARM).ln();
    let bound = (2.0 * variance * log / count).sqrt() + 7.0 * range * log / (3.0 * (count - 1.0));
    (mean, bound)
}

/// How far the correlation of `count` pairs of independent uniform numbers,
/// taken as twelve times the mean of `(a - 1/2) (b - 1/2)`, is from 0 at most,
/// save with probability [`FALSE_ALARM`].
///
/// Azuma's inequality: each product is within an interval of length 1/2 and
/// has mean 0 given those before.
pub(crate) fn correlation_bound(count: usize) -> f64 {
    12.0 * 0.5 * share_bound(count)
}

/// How far the share of `count` independent trials is from their probability
/// at most, save with probability [`FALSE_ALARM`] (Hoeffding's inequality).
pub(crate) fn share_bound(count: usize) -> f64 {
    kolmogorov_smirnov_bound(count)
}
