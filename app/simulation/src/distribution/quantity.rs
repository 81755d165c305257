//! Numbers and times as text: exact in both directions.
//!
//! A time is kept in seconds, and its unit is a shift of the decimal exponent
//! made *in the text* before the one rounding that turns text into `f64`.
//! Multiplying by `1e-3` instead would round twice, and `120ms` would not
//! always come back as `120ms`.

use std::fmt;

/// What the numbers of a distribution measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Plain numbers, without a unit.
    Number,
    /// Times; a unit is required in text, seconds are kept.
    Time,
}

/// The units a time may have, with the decimal exponent of each in seconds.
/// A minute is no power of ten: it is the one unit that is multiplied out, and
/// the one that is never printed.
const UNITS: [(&str, Unit); 7] = [
    ("ns", Unit::PowerOfTen(-9)),
    ("us", Unit::PowerOfTen(-6)),
    ("µs", Unit::PowerOfTen(-6)), // U+00B5, the micro sign
    ("μs", Unit::PowerOfTen(-6)), // U+03BC, the Greek letter
    ("ms", Unit::PowerOfTen(-3)),
    ("s", Unit::PowerOfTen(0)),
    ("m", Unit::Minute),
];

/// The units as an error lists them.
pub(super) const UNIT_NAMES: &str = "ns, us, ms, s or m";

#[derive(Clone, Copy)]
enum Unit {
    PowerOfTen(i64),
    Minute,
}

/// The number that `digits` (as [the parser](super::parse) reads it: sign,
/// digits, point, exponent) stands for; infinite if it is too large.
pub(super) fn parse_number(digits: &str) -> f64 {
    shifted(digits, 0)
}

/// The seconds that `digits` of `unit` are, or `None` for an unknown unit.
pub(super) fn parse_time(digits: &str, unit: &str) -> Option<f64> {
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(match unit {
        Unit::PowerOfTen(exponent) => shifted(digits, *exponent),
        Unit::Minute => shifted(digits, 0) * 60.0,
    })
}

/// `digits` times ten to the `shift`, rounded once. Negative zero becomes zero.
fn shifted(digits: &str, shift: i64) -> f64 {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        // An exponent that no `i64` holds is as good as the largest: the
        // number is infinite or zero either way.
        Some((mantissa, exponent)) => {
            let limit = if exponent.starts_with('-') {
                -99_999
            } else {
                99_999
            };
            (
                mantissa,
                exponent
                    .parse::<i64>()
                    .unwrap_or(limit)
                    .clamp(-99_999, 99_999),
            )
        }
        None => (digits, 0),
    };
    let number: f64 = format!("{mantissa}e{}", exponent + shift)
        .parse()
        .expect("sign, digits, point and exponent are what `f64` reads");
    number + 0.0
}

/// Prints a number or a time so that reading it gives the same `f64` again.
pub(super) struct Printed(pub(super) f64, pub(super) Measure);

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, measure) = *self;
        let (shift, unit) = match (measure, number.abs()) {
            (Measure::Number, _) => (0, ""),
            (Measure::Time, size) if size == 0.0 || size >= 1.0 => (0, "s"),
            (Measure::Time, size) if size >= 1e-3 => (3, "ms"),
            (Measure::Time, size) if size >= 1e-6 => (6, "us"),
            (Measure::Time, _) => (9, "ns"),
        };
        // The shortest digits that read back as the same number, e.g.
        // `-1.2e-1`.
        let scientific = format!("{number:e}");
        let (mantissa, exponent) = scientific
            .split_once('e')
            .expect("`{:e}` of a finite number has an exponent");
        let exponent: i32 = exponent.parse().expect("written by `{:e}`");
        let exponent = exponent + shift;
        let (sign, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => ("-", mantissa),
            None => ("", mantissa),
        };
        let digits = mantissa.replace('.', "");
        let count = i32::try_from(digits.len()).expect("at most 17 digits");
        let point = exponent + 1; // digits before the decimal point
        if !(-5..=15).contains(&point) {
            return write!(f, "{sign}{mantissa}e{exponent}{unit}");
        }
        let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
        if point <= 0 {
            write!(f, "{sign}0.{}{digits}{unit}", zeros(-point))
        } else if point >= count {
            write!(f, "{sign}{digits}{}{unit}", zeros(point - count))
        } else {
            let split = usize::try_from(point).expect("positive here");
            write!(f, "{sign}{}.{}{unit}", &digits[..split], &digits[split..])
        }
    }
}
