//! What a reader is told about a text that is not a distribution.

use simulation::{DelayDistribution, ValueDistribution};

#[test]
fn a_delay_that_is_wrong_says_where_what_and_what_would_be_right() {
    for (text, message) in [
        (
            "",
            "column 1: nothing here; expected a distribution, such as `lognormal(mean=120ms, cv=0.6)`",
        ),
        (
            "120ms",
            "column 1: `120ms` is a number, not a distribution; did you mean `constant(120ms)`?",
        ),
        (
            "gamma(shpae=3, scale=40ms)",
            "column 7: unknown parameter `shpae` of gamma; did you mean `shape`? gamma takes shape, scale",
        ),
        (
            "gamma(shape=3, rate=40ms)",
            "column 16: unknown parameter `rate` of gamma; gamma takes shape, scale",
        ),
        (
            " Gama(3, 40ms)",
            "column 2: unknown distribution `Gama`; did you mean `gamma`? known: constant, uniform, normal, lognormal, exponential, gamma, weibull, pareto, beta, triangular, clamp",
        ),
        (
            "zipf(1)",
            "column 1: unknown distribution `zipf`; known: constant, uniform, normal, lognormal, exponential, gamma, weibull, pareto, beta, triangular, clamp",
        ),
        (
            "normal(mean=50, sd=15ms)",
            "column 13: `50` has no unit, but `mean` is a time: write `50ms`, or one of ns, us, ms, s or m",
        ),
        (
            "normal(mean=50sec, sd=15ms)",
            "column 13: unknown unit `sec`; a time is in ns, us, ms, s or m",
        ),
        (
            "lognormal(120ms, cv=0.6s)",
            "column 21: `0.6s` has a unit, but `cv` is a plain number: write `0.6`",
        ),
        (
            "gamma(shape=3)",
            "column 14: gamma is missing `scale`; gamma takes shape, scale",
        ),
        (
            "beta(2, 5)",
            "column 10: beta is missing `scale`; beta takes a, b, scale",
        ),
        (
            "clamp(constant(1s), 5ms)",
            "column 24: clamp is missing `hi`; clamp takes DIST, lo, hi",
        ),
        (
            "gamma(3, 40ms, 1s)",
            "column 16: one argument too many; gamma takes shape, scale",
        ),
        (
            "gamma(3, shape=2)",
            "column 10: `shape` of gamma is given twice",
        ),
        (
            "gamma(shape=3, 40ms)",
            "column 16: an argument without a name cannot follow one with a name; write `gamma(shape=…, scale=…)`",
        ),
        (
            "gamma(shape=0, scale=1s)",
            "column 13: `0` is out of range: `shape` is from 0.1 to 1000",
        ),
        (
            "constant(2m)",
            "column 10: `2m` is out of range: `value` is from -60s to 60s",
        ),
        (
            "exponential(-5ms)",
            "column 13: `-5ms` is out of range: `mean` is from 1ns to 60s",
        ),
        (
            "exponential(inf)",
            "column 13: `inf` is not a finite number; `mean` is from 1ns to 60s",
        ),
        (
            "exponential(1e999s)",
            "column 13: `1e999s` is not a finite number; `mean` is from 1ns to 60s",
        ),
        (
            "constant(-1s)",
            "column 1: a delay is not negative, but nothing of `constant(-1s)` is at 0 or above; at least 0.1% must be",
        ),
        (
            "normal(mean=-1s, sd=250ms)",
            "column 1: a delay is not negative, but only 3.2e-3% of `normal(mean=-1s, sd=250ms)` is at 0 or above; at least 0.1% must be",
        ),
        (
            "uniform(50ms, 10ms)",
            "column 1: `min` must be below `max` in uniform, but 50ms is not below 10ms",
        ),
        (
            "triangular(1ms, 5ms, 3ms)",
            "column 1: `mode` must be from `min` to `max` in triangular, but 5ms is not from 1ms to 3ms",
        ),
        (
            "clamp(constant(1s), 5s, 5s)",
            "column 1: `lo` must be below `hi` in clamp, but 5s is not below 5s",
        ),
        (
            "0.9*constant(1s) + 0.05*constant(2s)",
            "column 1: the weights sum to 0.95, but must sum to 1",
        ),
        (
            "0.9*constant(1s) + constant(2s)",
            "column 20: every part of a mixture needs its weight, such as `0.5*constant(…)`",
        ),
        (
            "0.9*constant(1s) + 0*constant(2s)",
            "column 20: `0` is out of range: `weight` is from above 0 to 1",
        ),
        (
            "90%*constant(1s) + 10%*constant(2s)",
            "column 1: `90%` has a unit, but `weight` is a plain number: write `90`",
        ),
        (
            "constant(1s",
            "column 12: found the end, expected `,` or `)`",
        ),
        (
            "constant(1s) x",
            "column 14: found `x`, expected `+` or the end",
        ),
        (
            "constant(1s) constant(2s)",
            "column 14: found `constant`, expected `+` or the end",
        ),
        (
            "constant 1s",
            "column 10: found `1s`, expected `(` behind `constant`",
        ),
        (
            "constant(uniform(1s, 2s))",
            "column 10: found `uniform`, expected a number for `value`",
        ),
        (
            "clamp(1ms, constant(1s), 5s)",
            "column 10: found `,`, expected `*` behind the weight",
        ),
        (
            "0.5 constant(1s)",
            "column 5: found `constant`, expected `*` behind the weight",
        ),
        (
            "(constant(1s))",
            "column 1: found `(`, expected a distribution",
        ),
        (
            "constant(1s)\n\u{7f}",
            "column 14: found `\\u{7f}`, expected `+` or the end",
        ),
    ] {
        let error = text.parse::<DelayDistribution>().unwrap_err();
        assert_eq!(error.to_string(), message, "for {text:?}");
    }
}

#[test]
fn a_value_has_no_unit() {
    for (text, message) in [
        (
            "normal(mean=50ms, sd=15)",
            "column 13: `50ms` has a unit, but `mean` is a plain number: write `50`",
        ),
        (
            "  ",
            "column 3: nothing here; expected a distribution, such as `normal(mean=50, sd=15)`",
        ),
        (
            "constant(1e10)",
            "column 10: `1e10` is out of range: `value` is from -1000000000 to 1000000000",
        ),
    ] {
        let error = text.parse::<ValueDistribution>().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_column_is_counted_in_characters() {
    let error = "uniform(1µs, 5µsec)"
        .parse::<DelayDistribution>()
        .unwrap_err();
    assert_eq!(error.column(), 14);
}

#[test]
fn what_would_take_long_is_refused() {
    let deep = |depth| {
        format!(
            "{}constant(1s){}",
            "clamp(".repeat(depth),
            ", 0s, 9s)".repeat(depth)
        )
    };
    assert!(deep(8).parse::<DelayDistribution>().is_ok());
    let too_deep = "column 49: clamp stands inside clamp too often: at most 8 deep is possible";
    for depth in [9, 500] {
        let error = deep(depth).parse::<DelayDistribution>().unwrap_err();
        assert_eq!(error.to_string(), too_deep);
    }

    let many = |count| vec!["0.015625*constant(1)"; count].join("+");
    assert!(many(64).parse::<ValueDistribution>().is_ok());
    let error = many(65)
        .parse::<ValueDistribution>()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("too many distributions in one: at most 64"),
        "{error}"
    );

    let error = "1"
        .repeat(1_000_000)
        .parse::<ValueDistribution>()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 1: the text is too long: at most 16384 bytes are read"
    );
}

#[test]
fn an_error_is_one_short_line_whatever_the_text() {
    let long = "x".repeat(10_000);
    let digits = "1".repeat(10_000);
    for text in [
        long.clone(),
        format!("gamma({long}=1)"),
        format!("constant({digits}s)"),
        format!("constant({digits})"),
        format!("constant(1{long})"),
        format!("{digits}*constant(1s)"),
        "a\n\u{1b}[31mb".to_owned(),
    ] {
        let error = text.parse::<DelayDistribution>().unwrap_err().to_string();
        assert!(
            error.len() < 300 && !error.contains(char::is_control),
            "{error}"
        );
    }
}
