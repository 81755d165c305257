//! How the values of flags are read, where several roles have the same. Each
//! error says what would be right.

use std::net::SocketAddr;
use std::time::Duration;

/// Whole numbers from `least` to a million: each one may cost memory.
pub fn count(least: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let count = whole(text, u64::from(least), 1_000_000)?;
        Ok(u32::try_from(count).expect("at most a million"))
    }
}

/// The same for what is counted in memory: connections, entries of a table.
pub fn limit(least: u32) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    let count = count(least);
    move |text| Ok(usize::try_from(count(text)?).expect("at most a million"))
}

/// Whole numbers from `least` to `greatest`.
///
/// # Errors
///
/// What would be right.
pub fn whole(text: &str, least: u64, greatest: u64) -> Result<u64, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (least..=greatest).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {greatest}"))
}

/// An address and a port to listen on.
///
/// # Errors
///
/// What would be right.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let error = "must be an IP address and a port, like 127.0.0.1:8000 or [::1]:0";
    text.parse().map_err(|_| error.to_owned())
}

/// What can stand in a header, so that a request can show it.
///
/// # Errors
///
/// What would be right.
pub fn token(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be one or more visible ASCII characters, without spaces".to_owned())
    }
}

/// From a millisecond to a day, like `250ms`, `10s` or `1m 30s`; no time at all
/// is `0s`, which ends what it bounds at once.
///
/// # Errors
///
/// What would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("must be at most 24h".to_owned()),
        Err(_) => Err("must be a time with its unit, like 250ms, 10s or 1m 30s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_a_least_and_a_greatest() {
        assert_eq!(limit(1)("1"), Ok(1));
        assert_eq!(limit(0)("1000000"), Ok(1_000_000));
        let error = "must be a whole number from 1 to 1000000";
        for text in ["0", "1000001", "-1", "1.5", ""] {
            assert_eq!(limit(1)(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn durations_have_units_and_an_end() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("10").is_err() && duration("-1s").is_err() && duration("25h").is_err());
    }
}
