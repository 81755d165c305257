//! Intervals, given in seconds, in Go's nanoseconds, or as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::refusal::Refusal;

const MIN: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

const REMEDY: &str = "must be 100ms to 24h: seconds (10, 0.5), Go nanoseconds (5000000000) \
                      or text with units (\"10s\", \"1m30s\")";

/// Time between two samples: 100 ms to 24 h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(Duration);

impl Interval {
    /// This many seconds.
    ///
    /// # Panics
    ///
    /// Unless it is 1 to 86,400.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        assert!(seconds >= 1 && seconds <= MAX.as_secs());
        Self(Duration::from_secs(seconds))
    }

    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// So many times as long, but a day at most.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self(self.0.saturating_mul(factor).min(MAX))
    }

    fn checked(duration: Duration) -> Option<Self> {
        (MIN..=MAX).contains(&duration).then_some(Self(duration))
    }

    /// From a field of JSON. A whole number up to a day's 86,400 is seconds; from
    /// 100 ms' 100,000,000 on it is nanoseconds, as Go writes a `time.Duration`;
    /// nothing between the two is either.
    ///
    /// # Errors
    ///
    /// For anything that is not 100 ms to a day in one of the forms.
    pub fn from_json(field: &str, value: &Value) -> Result<Self, Refusal> {
        let found = match value {
            Value::Number(number) => match number.as_u64() {
                Some(seconds) if seconds <= MAX.as_secs() => {
                    Self::checked(Duration::from_secs(seconds))
                }
                Some(nanoseconds) => Self::checked(Duration::from_nanos(nanoseconds)),
                None => number
                    .as_f64()
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .and_then(Self::checked),
            },
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        found.ok_or_else(|| Refusal::new(field, value, REMEDY))
    }
}

impl FromStr for Interval {
    type Err = String;

    /// Text with units, or a number as in JSON.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = serde_json::from_str(text).ok().filter(Value::is_number);
        let found = match number {
            Some(number) => Self::from_json("", &number).ok(),
            // Go writes 1m30s where humantime also takes spaces.
            None => humantime::parse_duration(text).ok().and_then(Self::checked),
        };
        found.ok_or_else(|| REMEDY.to_owned())
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Interval {
    /// Whole seconds as a number, which Propeller's proplet takes; others as
    /// text of milliseconds or finer.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.subsec_nanos() == 0 {
            serializer.serialize_u64(self.0.as_secs())
        } else {
            serializer.collect_str(&self.to_string().replace(' ', ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_means_what_it_says() {
        for (value, millis) in [
            (json!(10), 10_000),
            (json!(5_000_000_000_u64), 5_000),
            (json!(100_000_000), 100),
            (json!(86_400), 86_400_000),
            (json!(86_400_000_000_000_u64), 86_400_000),
            (json!(0.5), 500),
            (json!(10.0), 10_000),
            (json!("10s"), 10_000),
            (json!("1m30s"), 90_000),
            (json!("10"), 10_000),
            (json!("250ms"), 250),
            (json!("24h"), 86_400_000),
        ] {
            let interval = Interval::from_json("interval", &value);
            let interval = interval.unwrap_or_else(|refusal| panic!("{refusal}"));
            assert_eq!(
                interval.duration(),
                Duration::from_millis(millis),
                "{value}"
            );
            let again = serde_json::to_value(interval).unwrap();
            assert_eq!(
                Interval::from_json("interval", &again),
                Ok(interval),
                "{again}"
            );
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        for value in [
            json!(0),
            json!(-1),
            json!(0.05),
            json!(-0.5),
            json!(1e300),
            json!(86_401),
            json!(99_999_999),
            json!(86_400_000_000_001_u64),
            json!("99ms"),
            json!("-10s"),
            json!("25h"),
            json!("soon"),
            json!(""),
            json!(true),
            json!([10]),
        ] {
            let refusal = Interval::from_json("interval", &value).unwrap_err();
            assert_eq!(refusal.field, "interval");
            assert_eq!(refusal.value, value.to_string());
            assert!(refusal.remedy.contains("100ms to 24h"), "{refusal}");
        }
    }
}
