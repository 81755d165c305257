//! The time of day, as the history counts it.

use std::time::{Duration, SystemTime};

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
