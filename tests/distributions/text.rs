//! The text of a distribution comes back as the same distribution, and no text
//! does harm.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use simulation::{DelayDistribution, Streams, ValueDistribution};

use crate::examples::{DELAYS, VALUES};

/// The same cases in every run, so none that failed needs to be kept.
fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::with_cases(count)
    }
}

#[test]
fn canonical_texts_come_back_as_they_are() {
    for text in DELAYS {
        assert_eq!(text.parse::<DelayDistribution>().unwrap().to_string(), text);
    }
    for text in VALUES {
        assert_eq!(text.parse::<ValueDistribution>().unwrap().to_string(), text);
    }
}

#[test]
fn there_is_one_canonical_text() {
    for (written, canonical) in [
        ("constant(value=0.12s)", "constant(120ms)"),
        ("constant(1e-3s)", "constant(1ms)"),
        ("constant(0.5m)", "constant(30s)"),
        ("constant(-0s)", "constant(0s)"),
        ("constant(1.5µs)", "constant(1.5us)"),
        ("constant(1500 μs)", "constant(1.5ms)"),
        ("constant(+.25ns)", "constant(0.25ns)"),
        ("constant(1e-12ns)", "constant(1e-12ns)"),
        (
            "  gamma ( scale = 40 ms , shape = 3 ) ",
            "gamma(shape=3, scale=40ms)",
        ),
        ("pareto(20ms, shape=2.5)", "pareto(scale=20ms, shape=2.5)"),
        ("beta(a=2, b=5, scale=100ms)", "beta(2, 5, scale=100ms)"),
        ("1*constant(1s)", "constant(1s)"),
        (
            "clamp(constant(1s), hi=2s, lo=0s)",
            "clamp(constant(1s), 0s, 2s)",
        ),
        (
            ".5*constant(1s)+5e-1*constant(2s)",
            "0.5*constant(1s) + 0.5*constant(2s)",
        ),
    ] {
        let distribution: DelayDistribution = written.parse().unwrap();
        assert_eq!(distribution.to_string(), canonical);
        assert_eq!(canonical.parse(), Ok(distribution));
    }
    let distribution: ValueDistribution = "beta(2, 5, scale=1)".parse().unwrap();
    assert_eq!(distribution.to_string(), "beta(2, 5)");
}

/// Numbers from `low` to `high`, none below the one before, in one of the ways
/// numbers are written, with one of `units`.
fn numbers(
    count: usize,
    (low, high): (f64, f64),
    units: Vec<(&'static str, f64)>,
) -> BoxedStrategy<Vec<String>> {
    let linear = prop::collection::vec(low..=high, count);
    let small = low.max(1e-9);
    let logarithmic =
        prop::collection::vec(small.ln()..=high.ln(), count).prop_map(move |numbers| {
            numbers
                .into_iter()
                .map(|x| x.exp().clamp(small, high))
                .collect()
        });
    let numbers = prop_oneof![linear, logarithmic];
    (numbers, prop::sample::select(units), 0..4_u8)
        .prop_map(|(mut numbers, (unit, size), form): (Vec<f64>, _, _)| {
            numbers.sort_by(f64::total_cmp);
            let written = numbers.into_iter().map(|x| x / size).map(|x| match form {
                0 => format!("{x}{unit}"),
                1 => format!("{x:e} {unit}"),
                2 => format!("{x:+}{unit}"),
                _ => format!("{x:.12}{unit}"),
            });
            written.collect()
        })
        .boxed()
}

/// The text of a distribution, the arguments within their ranges and in order.
fn distribution(times: bool) -> BoxedStrategy<String> {
    let units = if times {
        vec![
            ("ns", 1e-9),
            ("us", 1e-6),
            ("µs", 1e-6),
            ("ms", 1e-3),
            ("s", 1.0),
            ("m", 60.0),
        ]
    } else {
        vec![("", 1.0)]
    };
    let (places, sizes) = if times {
        ((0.0, 59.9), (2e-9, 59.9))
    } else {
        ((-9e8, 9e8), (2e-9, 9e8))
    };
    let of_units = units.clone();
    let place = move |count| numbers(count, places, of_units.clone());
    let size = move || numbers(1, sizes, units.clone()).prop_map(|size| size[0].clone());
    let plain = |low, high| numbers(1, (low, high), vec![("", 1.0)]).prop_map(|x| x[0].clone());
    let shape = move || plain(0.11, 999.0);
    let simple = prop_oneof![
        place(1).prop_map(|x| format!("constant({})", x[0])),
        place(2).prop_map(|x| format!("uniform({}, {})", x[0], x[1])),
        (place(1), size()).prop_map(|(mean, sd)| format!("normal({},{sd})", mean[0])),
        (size(), plain(0.002, 99.0)).prop_map(|(mean, cv)| format!("lognormal({mean}, cv={cv})")),
        size().prop_map(|mean| format!("exponential(mean={mean})")),
        (shape(), size()).prop_map(|(a, b)| format!("gamma(scale={b}, shape={a})")),
        (shape(), size()).prop_map(|(a, b)| format!("weibull({a}, {b})")),
        (size(), shape()).prop_map(|(a, b)| format!("pareto({a}, {b})")),
        (shape(), shape(), size()).prop_map(|(a, b, c)| format!("beta({a}, {b}, {c})")),
        place(3).prop_map(|x| format!("triangular({}, {}, {})", x[0], x[1], x[2])),
    ];
    let unit = if times { "s" } else { "" };
    simple
        .prop_recursive(4, 12, 3, move |distribution| {
            let clamp = (distribution.clone(), place(2))
                .prop_map(|(distribution, x)| format!("clamp({distribution}, {}, {})", x[0], x[1]));
            let mixture = (1..100_u32, distribution.clone(), distribution).prop_map(
                move |(percent, a, b)| {
                    // A mixture can be part of one only inside a clamp.
                    let part = |distribution: String| {
                        if distribution.starts_with("0.") {
                            format!("clamp({distribution}, 1{unit}, 2{unit})")
                        } else {
                            distribution
                        }
                    };
                    let rest = 100 - percent;
                    format!("0.{percent:02}*{} + 0.{rest:02}*{}", part(a), part(b))
                },
            );
            prop_oneof![clamp, mixture]
        })
        .boxed()
}

/// A text that is right, and then changed here and there.
fn mutated() -> BoxedStrategy<String> {
    let mut known: Vec<&str> = DELAYS.to_vec();
    known.extend(VALUES);
    let piece = prop::sample::select(vec![
        "", "(", ")", ",", "+", "*", "=", "-", ".", "e", "ms", "µs", "0", "9e999", "1e-999", "inf",
        "nan", "clamp(", "gamma", "mean=", " ", "\n", "𝒳", "\u{301}", "\0", "%", "1*",
    ]);
    let change = (any::<prop::sample::Index>(), 0..4_usize, piece);
    (
        prop::sample::select(known),
        prop::collection::vec(change, 1..6),
    )
        .prop_map(|(text, changes)| {
            let mut letters: Vec<char> = text.chars().collect();
            for (place, removed, piece) in changes {
                let start = place.index(letters.len() + 1);
                let end = (start + removed).min(letters.len());
                letters.splice(start..end, piece.chars());
            }
            letters.into_iter().collect()
        })
        .boxed()
}

/// Whatever is read can be printed and read again, and answers.
fn survives(text: &str) {
    if let Ok(distribution) = text.parse::<DelayDistribution>() {
        assert_eq!(
            distribution.to_string().parse(),
            Ok(distribution.clone()),
            "{text}"
        );
        let median = distribution.quantile(0.5);
        assert!(
            (0.0..=60.0).contains(&median) && (0.0..=60.0).contains(&distribution.mean()),
            "{text}"
        );
        assert!((0.0..=1.0).contains(&distribution.cdf(median)), "{text}");
    }
    if let Ok(distribution) = text.parse::<ValueDistribution>() {
        assert_eq!(
            distribution.to_string().parse(),
            Ok(distribution.clone()),
            "{text}"
        );
        assert!(
            (0.0..=1.0).contains(&distribution.cdf(distribution.quantile(0.5))),
            "{text}"
        );
        assert!(!distribution.mean().is_nan(), "{text}");
    }
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn printed_delays_are_read_back_as_they_were(text in distribution(true)) {
        survives(&text);
    }

    #[test]
    fn printed_values_are_read_back_as_they_were(text in distribution(false)) {
        survives(&text);
    }

    #[test]
    fn no_change_of_a_text_makes_the_parser_panic(text in mutated()) {
        survives(&text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        survives(&text);
        survives(&format!("gamma({text})"));
        survives(&format!("0.5*{text}"));
    }
}

#[test]
fn ranges_with_hardly_a_number_inside_do_no_harm() {
    for text in [
        "uniform(0, 5e-324)",
        "uniform(1, 1.0000000000000002)",
        "uniform(-1000000000, 1000000000)",
        "uniform(999999999.9999999, 1000000000)",
        "triangular(0, 0, 5e-324)",
        "triangular(1, 1.0000000000000002, 1.0000000000000002)",
        "triangular(-1000000000, -1000000000, 1000000000)",
        "clamp(normal(mean=0, sd=1), 1, 1.0000000000000002)",
        "normal(mean=1000000000, sd=1e-9)",
    ] {
        survives(text);
        let distribution: ValueDistribution = text.parse().unwrap();
        let range = distribution.quantile(0.0)..=distribution.quantile(1.0);
        let sample = distribution.sample(&mut Streams::new(1).stream(0));
        assert!(
            range.contains(&sample),
            "{text}: {sample} is not in {range:?}"
        );
    }
    for text in [
        "uniform(0s, 1e-300s)",
        "uniform(-60s, 0.07s)",
        "normal(mean=-60s, sd=20s)",
    ] {
        survives(text);
        let distribution: DelayDistribution = text.parse().unwrap();
        assert!(distribution.sample(&mut Streams::new(1).stream(0)) <= DelayDistribution::MAX);
    }
}

#[test]
fn the_generated_texts_are_mostly_right() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::new(cases(1));
    for times in [true, false] {
        let strategy = distribution(times);
        let right = (0..500).filter(|_| {
            let text = strategy.new_tree(&mut runner).unwrap().current();
            if times {
                text.parse::<DelayDistribution>().is_ok()
            } else {
                text.parse::<ValueDistribution>().is_ok()
            }
        });
        // Some are not: two bounds can be written alike.
        assert!(right.count() > 400);
    }
}
