//! Bisection over the floating-point numbers themselves.

/// The least number between `low` and `high` at which `reached` holds, given
/// that it holds from some number on; `high` if it holds nowhere before.
///
/// Halving the *count of floating-point numbers* between the bounds, instead
/// of the distance, ends after at most 64 steps with the exact number, whatever
/// its size: no tolerance is involved, only the precision of `reached`.
pub(super) fn least(low: f64, high: f64, reached: impl Fn(f64) -> bool) -> f64 {
    if reached(low) {
        return low;
    }
    let (mut below, mut above) = (ordinal(low), ordinal(high));
    while above.saturating_sub(below) > 1 {
        // The floor of the mean, without overflow.
        let middle = (below & above) + ((below ^ above) >> 1);
        if reached(from_ordinal(middle)) {
            above = middle;
        } else {
            below = middle;
        }
    }
    from_ordinal(above)
}

/// The place of a number in the order of all floating-point numbers.
fn ordinal(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    if bits < 0 { i64::MIN - bits } else { bits }
}

fn from_ordinal(ordinal: i64) -> f64 {
    let bits = if ordinal < 0 {
        i64::MIN - ordinal
    } else {
        ordinal
    };
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::least;

    #[test]
    fn finds_the_exact_number() {
        for target in [-1e300, -2.5, -1e-300, 0.0, 1e-300, 0.1, 2.5, 1e300] {
            assert_eq!(least(f64::MIN, f64::MAX, |x| x >= target), target);
            assert_eq!(least(target, f64::MAX, |x| x >= target), target);
            assert_eq!(least(f64::MIN, target, |x| x >= target), target);
        }
        assert_eq!(least(f64::NEG_INFINITY, f64::INFINITY, |x| x >= 7.0), 7.0);
        assert_eq!(least(0.0, 1.0, |_| false), 1.0);
    }
}
