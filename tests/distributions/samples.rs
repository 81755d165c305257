//! Samples follow the distribution that is claimed: its distribution function,
//! its quantiles, its bounds.

use std::time::Duration;

use simulation::{DelayDistribution, Streams, ValueDistribution};

use crate::examples::{Distribution, all};
use crate::statistics::{SAMPLES, kolmogorov_smirnov, kolmogorov_smirnov_bound};

#[test]
fn samples_follow_their_distribution_function() {
    let streams = Streams::new(2);
    for (index, distribution) in (0..).zip(all()) {
        let samples = distribution.samples(&mut streams.stream(index), SAMPLES);
        let distance = kolmogorov_smirnov(&samples, |x| distribution.cdf(x));
        assert!(
            distance < kolmogorov_smirnov_bound(SAMPLES),
            "{distribution}: {distance}"
        );
    }
}

#[test]
fn samples_of_another_law_are_told_apart() {
    // Each pair as near to each other as the mistake it stands for.
    let pairs = [
        // The same mean and standard deviation, another family.
        (
            "gamma(shape=3, scale=40ms)",
            "lognormal(mean=120ms, cv=0.57735)",
        ),
        // One parameter off by a few percent.
        ("exponential(mean=80ms)", "exponential(mean=84ms)"),
        ("beta(2, 5, scale=100ms)", "beta(2, 5.3, scale=100ms)"),
        // The weights of a mixture.
        (
            "0.95*gamma(shape=3, scale=30ms) + 0.05*uniform(1s, 2s)",
            "0.93*gamma(shape=3, scale=30ms) + 0.07*uniform(1s, 2s)",
        ),
        // What clamp cuts off is at the bounds, not spread over the rest.
        (
            "uniform(15ms, 25ms)",
            "clamp(uniform(10ms, 30ms), 15ms, 25ms)",
        ),
        // An atom in the wrong place, an atom of the wrong size.
        ("constant(10ms)", "constant(11ms)"),
        (
            "0.50*constant(10ms) + 0.50*constant(20ms)",
            "0.52*constant(10ms) + 0.48*constant(20ms)",
        ),
    ];
    for (drawn, claimed) in pairs {
        let claimed = Distribution::delay(claimed);
        let samples = Distribution::delay(drawn).samples(&mut Streams::new(3).stream(0), SAMPLES);
        let distance = kolmogorov_smirnov(&samples, |x| claimed.cdf(x));
        assert!(
            distance > kolmogorov_smirnov_bound(SAMPLES),
            "{drawn}: {distance}"
        );
    }
}

#[test]
fn a_delay_is_truncated_at_zero_not_folded_and_not_piled_up() {
    let truncated = Distribution::delay("normal(mean=5ms, sd=10ms)");
    let whole: ValueDistribution = "normal(mean=0.005, sd=0.01)".parse().unwrap();
    // P(a < X <= b | X >= 0) is P(a < X <= b) / P(X >= 0).
    let kept = 1.0 - whole.cdf(0.0);
    for x in [0.001, 0.005, 0.02, 0.04] {
        let expected = (whole.cdf(x) - whole.cdf(0.0)) / kept;
        assert!((truncated.cdf(x) - expected).abs() < 1e-12);
    }
    assert_eq!(truncated.cdf(0.0), 0.0);

    let rng = &mut Streams::new(4).stream(0);
    let normal: Vec<f64> = (0..SAMPLES).map(|_| whole.sample(rng)).collect();
    let folded: Vec<f64> = normal.iter().map(|x| x.abs()).collect();
    let piled_up: Vec<f64> = normal.iter().map(|x| x.max(0.0)).collect();
    for wrong in [folded, piled_up] {
        let distance = kolmogorov_smirnov(&wrong, |x| truncated.cdf(x));
        assert!(distance > kolmogorov_smirnov_bound(SAMPLES));
    }
}

#[test]
fn no_tail_is_so_heavy_that_a_delay_exceeds_a_minute() {
    for text in ["pareto(scale=1s, shape=0.1)", "lognormal(mean=60s, cv=100)"] {
        let distribution: DelayDistribution = text.parse().unwrap();
        let rng = &mut Streams::new(5).stream(0);
        let longest = (0..SAMPLES)
            .map(|_| distribution.sample(rng))
            .max()
            .unwrap();
        assert_eq!(longest, Duration::from_secs(60));
        assert_eq!(distribution.quantile(1.0), 60.0);
        assert_eq!(distribution.cdf(60.0), 1.0);
        // What lies above is not lost: it is at the bound.
        assert!(distribution.cdf(60.0_f64.next_down()) < 0.99);
    }
    let smaller: DelayDistribution = "clamp(pareto(1s, 0.1), 0s, 5s)".parse().unwrap();
    assert_eq!(smaller.quantile(1.0), 5.0);
}

#[test]
fn every_sample_is_finite_and_where_the_law_can_be() {
    for distribution in all() {
        let (lowest, highest) = (distribution.quantile(0.0), distribution.quantile(1.0));
        for x in distribution.samples(&mut Streams::new(6).stream(0), 10_000) {
            assert!(
                x.is_finite() && (lowest..=highest).contains(&x),
                "{distribution}: {x}"
            );
        }
    }
}

#[test]
fn quantile_is_the_least_number_that_reaches_a_probability() {
    // statrs' error function and its inverse agree to about 1e-11.
    let tolerance = 1e-10;
    for distribution in all() {
        let mut last = distribution.quantile(0.0);
        for p in [
            1e-9, 1e-6, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.999_999,
        ] {
            let x = distribution.quantile(p);
            assert!(x >= last, "{distribution} falls at {p}");
            last = x;
            // It reaches the probability, and nothing clearly below it does.
            let step = 1e-9 * x.abs();
            assert!(
                distribution.cdf(x + step) >= p - tolerance,
                "{distribution} does not reach {p}"
            );
            assert!(
                distribution.cdf(x - step) <= p + tolerance,
                "{distribution} reaches {p} before {x}"
            );
        }
        assert!(distribution.quantile(1.0) >= last, "{distribution}");
        assert!(
            [-0.1, 1.1, f64::NAN]
                .iter()
                .all(|p| distribution.quantile(*p).is_nan()),
            "{distribution}"
        );
    }
}

#[test]
fn quantile_undoes_the_distribution_function() {
    for distribution in all() {
        for x in distribution.samples(&mut Streams::new(7).stream(0), 200) {
            let (below, p) = (distribution.cdf(x.next_down()), distribution.cdf(x));
            let atom = p - below > 1e-3;
            // Far out in a tail, `p` has no digits left to find `x` by.
            let digits = (1e-6..=1.0 - 1e-6).contains(&p);
            if atom {
                assert_eq!(
                    distribution.quantile(p - (p - below) / 2.0),
                    x,
                    "{distribution}"
                );
            } else if digits {
                // As far from `x` as what rounding did to `p`.
                let width = distribution.quantile(p + 1e-7) - distribution.quantile(p - 1e-7);
                let error = (distribution.quantile(p) - x).abs();
                assert!(
                    error <= 1e-3 * width + 1e-12 * x.abs(),
                    "{distribution} at {x}: {error}"
                );
            }
        }
    }
}

#[test]
fn distribution_functions_take_any_number() {
    for distribution in all() {
        let mut last = 0.0;
        let sizes = || (-320..=308).map(|exponent| format!("1e{exponent}").parse::<f64>().unwrap());
        let line = sizes().rev().map(|x| -x).chain([0.0]).chain(sizes());
        for x in [f64::NEG_INFINITY, f64::MIN]
            .into_iter()
            .chain(line)
            .chain([f64::MAX])
        {
            let p = distribution.cdf(x);
            assert!(
                (0.0..=1.0).contains(&p) && p >= last - 1e-12,
                "{distribution} at {x}: {p}"
            );
            last = p;
        }
        assert_eq!(
            (
                distribution.cdf(f64::NEG_INFINITY),
                distribution.cdf(f64::INFINITY)
            ),
            (0.0, 1.0)
        );
        assert!(distribution.cdf(f64::NAN).is_nan());
    }
}
