//! The options of `manager`: names, ranges and defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::group::DEFAULT_GROUP;
use command_line::flags::{address, duration, limit, whole};
use command_line::secret::ControlToken;
use golden_mqtt::MqttOptions;

/// The options of `manager`. Each can come from the environment instead.
#[derive(Args, Clone)]
#[command(args_override_self = true)]
pub struct Options {
    /// Address and port to serve the API on; port 0 picks a free one
    #[arg(
        long,
        env = "GOLDEN_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        value_parser = address
    )]
    pub bind: SocketAddr,

    /// Address and port to serve /metrics on; port 0 picks a free one
    #[arg(
        long,
        env = "GOLDEN_METRICS_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9641",
        value_parser = address
    )]
    pub metrics_bind: SocketAddr,

    /// The connection to the broker.
    #[command(flatten)]
    pub mqtt: MqttOptions,

    /// MQTT client id, of which no two managers may have the same. The broker keeps
    /// messages for it while this manager is away; another manager of its group
    /// takes them over
    #[arg(
        long,
        env = "GOLDEN_CLIENT_ID",
        value_name = "NAME",
        default_value = "golden-signals-manager",
        value_parser = level
    )]
    pub client_id: String,

    /// Shared-subscription group: managers of one group divide the samples among
    /// them, and all know who is alive. `none` subscribes alone; Mosquitto, which
    /// forgets groups when it restarts, remembers that one. Use `none` with a single
    /// manager, or where each shall have every sample
    #[arg(
        long,
        env = "GOLDEN_GROUP",
        value_name = "NAME",
        default_value = DEFAULT_GROUP,
        value_parser = level
    )]
    pub group: String,

    /// SQLite file of the history, created if missing. Managers on one machine may
    /// share it
    #[arg(
        long,
        env = "GOLDEN_HISTORY",
        value_name = "FILE",
        default_value = "golden-signals-history.sqlite"
    )]
    pub history: PathBuf,

    /// Maximum age of samples in the history; older ones are deleted
    #[arg(long, env = "GOLDEN_HISTORY_AGE", value_name = "DURATION", default_value = "7d", value_parser = age)]
    pub history_age: Duration,

    /// Maximum size of the history file, like 500MiB or 2GiB; the oldest samples
    /// are deleted beyond it
    #[arg(long, env = "GOLDEN_HISTORY_SIZE", value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub history_size: u64,

    /// Maximum number of series on /metrics; samples beyond it are stored in the
    /// history only
    #[arg(long, env = "GOLDEN_SERIES_LIMIT", value_name = "N", default_value = "100000", value_parser = limit(0))]
    pub series_limit: usize,

    /// Maximum number of known proplets; messages of further ones are rejected
    #[arg(long, env = "GOLDEN_PROPLET_LIMIT", value_name = "N", default_value = "200000", value_parser = limit(1))]
    pub proplet_limit: usize,

    /// Maximum messages per second of one proplet, with bursts of up to a minute's
    /// worth; messages beyond it are rejected
    #[arg(long, env = "GOLDEN_RATE_LIMIT", value_name = "N", default_value = "2000", value_parser = whole::<u32>(1, 1_000_000))]
    pub rate_limit: u32,

    /// Time without a liveness message after which a proplet counts as down
    #[arg(long, env = "GOLDEN_ALIVE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub alive_timeout: Duration,

    /// Time without a sample after which the series of a task end; at least three
    /// of its sampling intervals
    #[arg(long, env = "GOLDEN_EXPIRE_AFTER", value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub expire_after: Duration,

    /// Maximum age of a message's timestamp; older ones are rejected, as are those
    /// more than a minute in the future
    #[arg(long, env = "GOLDEN_STALE_AFTER", value_name = "DURATION", default_value = "24h", value_parser = duration)]
    pub stale_after: Duration,

    /// The token that requests which change something must present.
    #[command(flatten)]
    pub control_token: ControlToken,

    /// The API is reachable through loopback only although it listens elsewhere,
    /// like a container's port published on 127.0.0.1: without a token, changes
    /// are open to this machine then
    #[arg(long, env = "GOLDEN_PUBLISHED_ON_LOOPBACK", value_name = "BOOL", default_value = "false", default_missing_value = "true", num_args = 0..=1, action = clap::ArgAction::Set)]
    pub published_on_loopback: bool,

    /// Maximum number of open connections; on further ones only /healthz, /readyz
    /// and /metrics are answered, everything else 503
    #[arg(long, env = "GOLDEN_CONNECTION_LIMIT", value_name = "N", default_value = "1000", value_parser = limit(1))]
    pub connection_limit: usize,

    /// Time limit for a request's head, for its body, and for an idle connection
    #[arg(long, env = "GOLDEN_HEADER_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Time after which a client that reads nothing of its answer is cut off
    #[arg(long, env = "GOLDEN_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub write_timeout: Duration,

    /// Time limit for requests in flight once the manager is asked to stop
    #[arg(long, env = "GOLDEN_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,
}

/// A name that can be a level of a topic.
fn level(text: &str) -> Result<String, String> {
    let known = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "must be 1 to 64 letters, digits, dashes, dots or underscores".to_owned())
}

fn age(text: &str) -> Result<Duration, String> {
    const YEAR: u64 = 366 * 24 * 60 * 60;
    let given = humantime::parse_duration(text).ok();
    given
        .filter(|given| (1..=YEAR).contains(&given.as_secs()))
        .ok_or_else(|| "must be a time with its unit from 1s to a year, like 12h or 7d".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1));
    let bytes = number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    // Less than this has no room for the tables.
    bytes
        .filter(|bytes| (1 << 20..=1 << 50).contains(bytes))
        .ok_or_else(|| {
            "must be a whole number of bytes, KiB, MiB, GiB or TiB from 1MiB on, like 500MiB"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_a_least() {
        assert_eq!(size("500MiB"), Ok(500 << 20));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        assert_eq!(size("1048576"), Ok(1 << 20));
        for text in ["", "1", "1KiB", "-1GiB", "1GB", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
