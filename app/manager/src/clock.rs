//! The time of day, as the history counts it.

use std::time::{Duration, SystemTime};

use serde::Serializer;

/// Now, in nanoseconds since the Unix epoch.
#[must_use]
pub fn now() -> i64 {
    of(SystemTime::now())
}

/// A time, in nanoseconds since the Unix epoch; 0 for one before it.
#[must_use]
pub fn of(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// The time of so many nanoseconds since the Unix epoch.
#[must_use]
pub fn at(nanoseconds: i64) -> SystemTime {
    let since = u64::try_from(nanoseconds).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_nanos(since)
}

/// A time in nanoseconds since the epoch as text, with as many digits as it needs, three at a time.
#[must_use]
pub fn rfc3339(at: i64) -> String {
    let moment = self::at(at);
    if at % 1_000_000_000 == 0 {
        humantime::format_rfc3339_seconds(moment).to_string()
    } else if at % 1_000_000 == 0 {
        humantime::format_rfc3339_millis(moment).to_string()
    } else if at % 1_000 == 0 {
        humantime::format_rfc3339_micros(moment).to_string()
    } else {
        humantime::format_rfc3339_nanos(moment).to_string()
    }
}

/// For a field of nanoseconds since the epoch that is answered as RFC 3339.
pub(crate) fn serialize<S: Serializer>(at: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rfc3339(*at))
}
