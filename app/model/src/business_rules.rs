//! What answers while the model cannot: two questions that a wine merchant would ask.
//! Worse than the model, and it needs nothing but the numbers.

use crate::wine::{ALCOHOL, Features, SULPHATES, VOLATILE_ACIDITY};

/// The probability that a wine is good, by the rules. A missing value (NaN) fails the
/// question.
#[must_use]
pub fn score(features: &Features) -> f64 {
    if features[ALCOHOL] >= 10.5 {
        0.75
    } else if features[SULPHATES] >= 0.65 && features[VOLATILE_ACIDITY] < 0.55 {
        0.6
    } else {
        0.3
    }
}
