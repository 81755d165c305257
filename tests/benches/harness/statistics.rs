//! Medians, quantiles and distances of samples.

/// The samples in order; panics on NaN, which no measurement here can be.
pub fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_by(f64::total_cmp);
    samples
}

/// The quantile `q` of ordered samples, interpolated linearly between the two
/// nearest (definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical
/// Packages", The American Statistician 50, 1996).
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    assert!(!sorted.is_empty(), "no samples, no quantile");
    let at = q * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The median of samples in any order.
pub fn median(samples: &[f64]) -> f64 {
    quantile(&sorted(samples.to_vec()), 0.5)
}

/// The Kolmogorov-Smirnov distance: the greatest difference between the two
/// empirical distribution functions.
pub fn ks_distance(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (sorted(a.to_vec()), sorted(b.to_vec()));
    let (mut i, mut j, mut greatest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        // Equal values are passed in both before the two are compared.
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        greatest = greatest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    greatest
}
