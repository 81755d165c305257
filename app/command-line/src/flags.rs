//! Parsers for the values of flags that several roles share. Each error says what
//! would be valid.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// Maximum of what is counted in memory: connections, entries of a table.
const MAX_COUNT: usize = 1_000_000;

/// Whole numbers from `min` to a million, for what is counted in memory.
pub fn limit(min: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    whole::<usize>(min, MAX_COUNT)
}

/// Whole numbers from `min` to `max`. Name the type, `whole::<u64>(1, 10)`: clap
/// finds only when it runs that the option is of another one.
pub fn whole<T>(
    min: T,
    max: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok();
        number
            .filter(|number| (&min..=&max).contains(&number))
            .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    }
}

/// An address and a port to listen on.
///
/// # Errors
///
/// What would be valid.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let error = "must be an IP address and a port, like 127.0.0.1:8000 or [::1]:0";
    text.parse().map_err(|_| error.to_owned())
}

/// A token: what can stand in a header.
///
/// # Errors
///
/// What would be valid.
pub fn token(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be one or more visible ASCII characters, without spaces".to_owned())
    }
}

/// Up to a day, like `250ms`, `10s` or `1m 30s`. A timeout of `0s` expires at
/// once.
///
/// # Errors
///
/// What would be valid.
pub fn duration(text: &str) -> Result<Duration, String> {
    const MAX: Duration = Duration::from_secs(24 * 60 * 60);
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX => Ok(duration),
        Ok(_) => Err("must be at most 24h".to_owned()),
        Err(_) => Err("must be a time with its unit, like 250ms, 10s or 1m 30s".to_owned()),
    }
}

/// A time with its unit, from a second to a hundred years: for what is not waited for.
///
/// # Errors
///
/// What would be valid.
pub fn long_duration(text: &str) -> Result<Duration, String> {
    const RANGE: std::ops::RangeInclusive<Duration> =
        Duration::from_secs(1)..=Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let duration = humantime::parse_duration(text).ok();
    let duration = duration.filter(|duration| RANGE.contains(duration));
    duration
        .ok_or_else(|| "must be a time from 1s to 100years with its unit, like 30days".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_a_minimum_and_a_maximum() {
        assert_eq!(limit(1)("1"), Ok(1));
        assert_eq!(limit(0)("1000000"), Ok(1_000_000));
        let error = "must be a whole number from 1 to 1000000";
        for text in ["0", "1000001", "-1", "1.5", ""] {
            assert_eq!(limit(1)(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn long_durations_are_of_a_second_at_least() {
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(long_duration("30days"), Ok(30 * day));
        for text in ["0s", "999ms", "200years", "30", ""] {
            let error = long_duration(text).unwrap_err();
            assert!(error.contains("like 30days"), "{text}: {error}");
        }
    }

    #[test]
    fn durations_have_units_and_a_maximum() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("10").is_err() && duration("-1s").is_err() && duration("25h").is_err());
    }
}
