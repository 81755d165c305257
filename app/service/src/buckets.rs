//! The classic bucket bounds, each with its reason. Nothing but constants.

/// Upper bounds of `random_value`, in the unit of the value, which has none.
///
/// Steps of ten around the default distribution, a normal one with mean 50 and standard
/// deviation 15: narrower than the deviation, so that its shape can be seen,
/// and beyond three deviations on either side, so that its tails can too.
pub(crate) const RANDOM_VALUE: &[f64] = &[
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0,
];
