//! Timestamps, in the three forms that proplets send.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When a sample was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timestamp {
    /// On the clock of the proplet's machine.
    At(SystemTime),
    /// So long after the proplet's start: an embedded one has no clock.
    Uptime(Duration),
}

impl Timestamp {
    /// Now, to the microsecond, which is what is written.
    #[must_use]
    pub fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
        Self::At(UNIX_EPOCH + Duration::from_micros(micros))
    }

    /// The time of day, where there is one.
    #[must_use]
    pub fn at(self) -> Option<SystemTime> {
        match self {
            Self::At(time) => Some(time),
            Self::Uptime(_) => None,
        }
    }

    /// As the document writes it, to the millisecond.
    pub(super) fn serialize_millis<S: Serializer>(
        timestamp: &Option<Self>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match timestamp {
            Some(Self::At(time)) => {
                serializer.collect_str(&humantime::format_rfc3339_millis(*time))
            }
            other => other.serialize(serializer),
        }
    }
}

impl Serialize for Timestamp {
    /// RFC 3339 in UTC, to the microsecond; milliseconds since the start.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(time) => serializer.collect_str(&humantime::format_rfc3339_micros(*time)),
            Self::Uptime(uptime) => {
                serializer.serialize_u64(u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyTimestamp)
    }
}

struct AnyTimestamp;

impl<'de> Visitor<'de> for AnyTimestamp {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "RFC 3339 (2025-01-15T10:30:00Z), milliseconds since the start, \
             or {secs_since_epoch, nanos_since_epoch}",
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        let time = parse_rfc3339(text);
        let time = time.ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(Timestamp::At(time))
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
        Ok(Timestamp::Uptime(Duration::from_millis(millis)))
    }

    fn visit_f64<E: de::Error>(self, millis: f64) -> Result<Timestamp, E> {
        Duration::try_from_secs_f64(millis / 1e3)
            .map(Timestamp::Uptime)
            .map_err(|_| E::invalid_value(de::Unexpected::Float(millis), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Timestamp, A::Error> {
        let (mut seconds, mut nanos) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "secs_since_epoch" => seconds = Some(map.next_value::<u64>()?),
                "nanos_since_epoch" => nanos = Some(map.next_value::<u32>()?),
                _ => {
                    map.next_value::<de::IgnoredAny>()?;
                }
            }
        }
        let seconds = seconds.ok_or_else(|| de::Error::missing_field("secs_since_epoch"))?;
        let nanos = nanos.ok_or_else(|| de::Error::missing_field("nanos_since_epoch"))?;
        let since = Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanos.into()));
        since
            .and_then(|since| UNIX_EPOCH.checked_add(since))
            .filter(|time| *time < UNIX_EPOCH + END)
            .map(Timestamp::At)
            .ok_or_else(|| de::Error::custom("secs_since_epoch is beyond the year 9999"))
    }
}

/// The year 10000, which RFC 3339 cannot write.
const END: Duration = Duration::from_secs(253_402_300_800);

/// With any offset, as Go writes it where the clock is not set to UTC.
fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    if text.ends_with(['Z', 'z']) {
        return humantime::parse_rfc3339(&text.to_uppercase()).ok();
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let number = |digits: &str, below: u64| {
        let number = digits.parse::<u64>().ok().filter(|number| *number < below);
        number.filter(|_| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let offset = Duration::from_secs(number(hours, 24)? * 3600 + number(minutes, 60)? * 60);
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    match sign {
        "+" => local.checked_sub(offset),
        "-" => local.checked_add(offset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_dialects() {
        let read = |text: &str| serde_json::from_str::<Timestamp>(text);
        let moment = UNIX_EPOCH + Duration::from_millis(1_736_937_000_250);
        for text in [
            r#""2025-01-15T10:30:00.250Z""#,
            r#""2025-01-15T12:00:00.25+01:30""#,
            r#""2025-01-15T09:30:00.250000000-01:00""#,
            r#"{"secs_since_epoch":1736937000,"nanos_since_epoch":250000000}"#,
        ] {
            assert_eq!(read(text).unwrap(), Timestamp::At(moment), "{text}");
        }
        let uptime = Timestamp::Uptime(Duration::from_millis(120_000));
        assert_eq!(read("120000").unwrap(), uptime);
        for text in [
            r#""yesterday""#,
            r#""2025-01-15T10:30:00""#,
            r#""2025-01-15T10:30:00+1:30""#,
            r#""é+01:30""#,
            r#"{"secs_since_epoch":1}"#,
            r#"{"secs_since_epoch":18446744073709551615,"nanos_since_epoch":0}"#,
            "-1",
            "true",
            "null",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let now = Timestamp::now();
        let text = serde_json::to_string(&now).unwrap();
        assert!(text.ends_with("Z\""), "{text}");
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), now);
    }
}
