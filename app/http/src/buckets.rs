//! The classic bucket bounds, each with its reason. Nothing but constants.

/// Upper bounds of `http_request_duration_seconds`, in seconds.
///
/// Dense between 50 ms and 500 ms, where the default delay (a lognormal
/// distribution with a mean of 120 ms) has nearly all its mass, so that its quantiles are
/// off by a few tens of milliseconds at most; one bound a decade or so below,
/// for answers without a delay; 0.5 is there to be the objective's bound; up
/// to 60 s, the longest delay that the service simulates. Every bound costs a
/// series for each method, route and outcome.
pub const REQUEST_DURATION_SECONDS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0,
];
