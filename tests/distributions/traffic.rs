//! Faults, probabilities and arrivals.

use std::time::Duration;

use simulation::{ArrivalRate, Failure, Faults, PoissonArrivals, Probability, Streams};

use crate::statistics::{SAMPLES, kolmogorov_smirnov, kolmogorov_smirnov_bound, share_bound};

#[test]
fn requests_fail_as_often_as_they_should_and_failures_take_their_time() {
    let faults = Faults::default();
    let streams = Streams::new(11);
    let count = u64::try_from(SAMPLES).unwrap();
    let outcomes: Vec<_> = (0..count)
        .map(|i| faults.draw(&mut streams.stream(i)))
        .collect();

    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .collect();
    let share = failed.len() as f64 / SAMPLES as f64;
    assert!((share - 0.01).abs() < share_bound(SAMPLES), "{share}");
    assert!(failed.iter().all(|outcome| outcome.delay > Duration::ZERO));

    let delays: Vec<f64> = outcomes
        .iter()
        .map(|outcome| outcome.delay.as_secs_f64())
        .collect();
    let distance = kolmogorov_smirnov(&delays, |x| faults.delay.cdf(x));
    assert!(distance < kolmogorov_smirnov_bound(SAMPLES), "{distance}");

    let values: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| outcome.result.ok())
        .collect();
    let distance = kolmogorov_smirnov(&values, |x| faults.value.cdf(x));
    assert!(
        distance < kolmogorov_smirnov_bound(values.len()),
        "{distance}"
    );
}

#[test]
fn the_error_rate_leaves_the_delays_as_they_are() {
    let with = |error_rate| Faults {
        error_rate,
        ..Faults::default()
    };
    for index in 0..100 {
        let stream = || Streams::new(12).stream(index);
        let never = with(Probability::NEVER).draw(&mut stream());
        let always = with(Probability::ALWAYS).draw(&mut stream());
        assert!(never.result.is_ok());
        assert_eq!(always.result, Err(Failure));
        assert_eq!(never.delay, always.delay);
    }
}

#[test]
fn a_probability_is_a_number_from_0_to_1() {
    for text in ["0", "0.01", "1", " 0.5 "] {
        let probability: Probability = text.parse().unwrap();
        assert_eq!(probability.to_string(), text.trim());
        assert_eq!(probability.get().to_string(), text.trim());
    }
    for (text, message) in [
        (
            "1.5",
            "1.5 is out of range; a probability is a number from 0 to 1, such as 0.01",
        ),
        (
            "-0.1",
            "-0.1 is out of range; a probability is a number from 0 to 1, such as 0.01",
        ),
        (
            "nan",
            "NaN is out of range; a probability is a number from 0 to 1, such as 0.01",
        ),
        (
            "5%",
            "`5%` is not a number; a probability is a number from 0 to 1, such as 0.01",
        ),
        (
            "",
            "`` is not a number; a probability is a number from 0 to 1, such as 0.01",
        ),
    ] {
        assert_eq!(
            text.parse::<Probability>().unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn an_arrival_rate_is_0_or_within_its_bounds() {
    for text in ["0", "0.001", "5", "2.5", "100000"] {
        assert_eq!(text.parse::<ArrivalRate>().unwrap().to_string(), text);
    }
    assert!("-0".parse::<ArrivalRate>().unwrap().is_off());
    let right = "a rate is in requests a second: 0 (off), or 0.001 to 100000";
    for (text, wrong) in [
        ("-1", "-1 is out of range"),
        ("0.0001", "0.0001 is out of range"),
        ("1e6", "1000000 is out of range"),
        ("inf", "inf is out of range"),
        ("NaN", "NaN is out of range"),
        ("5/s", "`5/s` is not a number"),
    ] {
        let error = text.parse::<ArrivalRate>().unwrap_err();
        assert_eq!(error.to_string(), format!("{wrong}; {right}"));
    }
}

#[test]
fn the_gaps_between_arrivals_are_exponential_at_every_rate() {
    for per_second in [0.001, 5.0, 2500.0] {
        let rate = ArrivalRate::try_from(per_second).unwrap();
        let mut arrivals = PoissonArrivals::new(Streams::new(13).arrivals());
        let mut gap = || arrivals.next_gap(rate).unwrap().as_secs_f64();
        let gaps: Vec<f64> = (0..SAMPLES).map(|_| gap()).collect();
        let exponential = |x: f64| -(-x.max(0.0) * per_second).exp_m1();
        let distance = kolmogorov_smirnov(&gaps, exponential);
        assert!(
            distance < kolmogorov_smirnov_bound(SAMPLES),
            "{per_second}: {distance}"
        );
    }
}

#[test]
fn nothing_arrives_when_the_rate_is_0() {
    let mut arrivals = PoissonArrivals::new(Streams::new(14).arrivals());
    assert_eq!(arrivals.next_gap(ArrivalRate::OFF), None);
    assert!(arrivals.next_gap(ArrivalRate::MAX).is_some());
}
