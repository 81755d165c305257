//! The logistic function, the same to the last bit on every platform.
//!
//! Why not `f64::exp`: its last bit is that of the platform's mathematical library, and a
//! training that adds up a thousand of them would end elsewhere on another machine. What
//! is below is additions and multiplications, which IEEE 754 defines to the bit.

/// Beyond it the result is 0 or 1 to fifteen digits.
const LIMIT: f64 = 35.0;

/// 1 / (1 + e^-margin), from 0 to 1; NaN for NaN.
pub(crate) fn logistic(margin: f64) -> f64 {
    1.0 / (1.0 + exp(-margin.clamp(-LIMIT, LIMIT)))
}

/// e^x for |x| up to [`LIMIT`]: 2^k · e^r with |r| ≤ ln 2 / 2, of which the Taylor series
/// is cut where its next term is below 2^-53.
fn exp(x: f64) -> f64 {
    const TERMS: u32 = 14;
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = x - k * std::f64::consts::LN_2;
    let series = (1..=TERMS)
        .rev()
        .fold(1.0, |sum, n| 1.0 + sum * r / f64::from(n));
    #[expect(clippy::cast_possible_truncation, reason = "at most 51 in size")]
    let exponent = if k.is_nan() { 0 } else { k as i32 };
    let power = if exponent < 0 {
        1.0 / f64::from_bits(((1023 + i64::from(-exponent)) as u64) << 52)
    } else {
        f64::from_bits(((1023 + i64::from(exponent)) as u64) << 52)
    };
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        for step in -3_500..=3_500 {
            let x = f64::from(step) / 100.0;
            let error = (exp(x) / x.exp() - 1.0).abs();
            assert!(error < 1e-14, "e^{x}: {error}");
        }
        assert_eq!(logistic(0.0), 0.5);
        assert!(logistic(f64::NAN).is_nan());
        assert!(logistic(-1e300) < 1e-15 && logistic(1e300) > 1.0 - 1e-15);
    }
}
