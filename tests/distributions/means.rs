//! The mean that is claimed is that of the distribution that is claimed, and
//! that of the samples.

use simulation::{Streams, ValueDistribution};

use crate::examples::{DELAYS, Distribution};
use crate::statistics::{SAMPLES, mean_and_bound};

#[test]
fn the_mean_is_the_area_above_the_distribution_function() {
    for distribution in DELAYS.map(Distribution::delay) {
        // The mean of a distribution on 0..60 is the integral of 1 - cdf. As
        // that never rises, the sums of the left and of the right ends of any
        // strips are above and below it: no tolerance to choose, and more
        // strips where the distribution is.
        let mut ends: Vec<f64> = (0..=60_000).map(|i| f64::from(i) / 1000.0).collect();
        for quantile in (0..=20_000).map(|i| distribution.quantile(f64::from(i) / 20_000.0)) {
            // Just below it too: a strip of no width for the jump of an atom.
            ends.extend([quantile.next_down().max(0.0), quantile]);
        }
        ends.sort_by(f64::total_cmp);
        let (mut below, mut above) = (0.0, 0.0);
        for strip in ends.windows(2) {
            let width = strip[1] - strip[0];
            above += width * (1.0 - distribution.cdf(strip[0]));
            below += width * (1.0 - distribution.cdf(strip[1]));
        }
        let rounding = 1e-9 * above;
        let bounds = below - rounding..=above + rounding;
        assert!(
            bounds.contains(&distribution.mean()),
            "{distribution}: {} is not in {bounds:?}",
            distribution.mean()
        );
        assert!(
            above - below < 0.005 * above,
            "{distribution}: {bounds:?} says little"
        );
    }
}

#[test]
fn the_mean_is_that_of_the_samples() {
    for (index, text) in (0..).zip(DELAYS) {
        // Bounded at a second, so that the bound of the error is a small one.
        let distribution = Distribution::delay(&format!("clamp({text}, 0s, 1s)"));
        let samples = distribution.samples(&mut Streams::new(8).stream(index), SAMPLES);
        let (mean, bound) = mean_and_bound(&samples, 1.0);
        assert!(
            (mean - distribution.mean()).abs() <= bound,
            "{distribution}: {mean} is not {}",
            distribution.mean()
        );
    }
}

#[test]
fn means_of_values_are_those_of_the_textbook() {
    let gamma_of_5_thirds = 0.902_745_292_950_934;
    for (text, mean) in [
        ("constant(-3.5)", -3.5),
        ("uniform(-10, 50)", 20.0),
        ("normal(mean=50, sd=15)", 50.0),
        ("lognormal(mean=50, cv=0.6)", 50.0),
        ("exponential(mean=20)", 20.0),
        ("gamma(shape=3, scale=40)", 120.0),
        ("weibull(shape=1.5, scale=100)", 100.0 * gamma_of_5_thirds),
        ("pareto(scale=20, shape=2.5)", 20.0 * 2.5 / 1.5),
        ("pareto(scale=20, shape=1)", f64::INFINITY),
        ("pareto(scale=20, shape=0.5)", f64::INFINITY),
        ("beta(2, 5)", 2.0 / 7.0),
        ("beta(2, 5, scale=70)", 20.0),
        ("triangular(1, 2, 9)", 4.0),
        ("0.25*constant(4) + 0.75*constant(8)", 7.0),
        // 1 + ln 9: what lies below 1 is nothing, the integral is of 1/x.
        ("clamp(pareto(scale=1, shape=1), 0, 9)", 1.0 + 9.0_f64.ln()),
        ("clamp(uniform(0, 10), 5, 10)", 6.25),
        (
            "clamp(normal(mean=0, sd=1), 0, 1000000)",
            (2.0 * std::f64::consts::PI).sqrt().recip(),
        ),
    ] {
        let distribution: ValueDistribution = text.parse().unwrap();
        let close = (distribution.mean() - mean).abs() <= 1e-10 * mean.abs();
        assert!(
            distribution.mean() == mean || close,
            "{distribution}: {} is not {mean}",
            distribution.mean()
        );
    }
}
