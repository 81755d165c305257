//! The options of `serve`: what may be set, in which range, and what holds
//! without. Values are parsed into types that cannot be wrong; nothing is
//! checked later.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::simulation::{ArrivalRate, DelayDistribution, Probability, ValueDistribution};

/// The options of `serve`. Each can come from the environment instead.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct Options {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "GOLDEN_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8000",
        value_parser = address
    )]
    pub bind: SocketAddr,

    /// The law of the numbers that /random answers
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_VALUE",
        value_name = "DIST",
        default_value = "normal(mean=50, sd=15)"
    )]
    pub value: ValueDistribution,

    /// The law of the time that /random takes; cut off at 60 s
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_DELAY",
        value_name = "DIST",
        default_value = "lognormal(mean=120ms, cv=0.6)"
    )]
    pub delay: DelayDistribution,

    /// The share of /random's answers that fail, from 0 to 1
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_ERROR_RATE",
        value_name = "P",
        default_value = "0.01"
    )]
    pub error_rate: Probability,

    /// Requests per second that the service sends itself; 0 sends none
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_TRAFFIC",
        value_name = "RATE",
        default_value = "5"
    )]
    pub traffic: ArrivalRate,

    /// Makes values, delays, errors and arrivals repeatable; random without
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_SEED", value_name = "N", value_parser = |text: &str| whole(text, 0, u64::MAX))]
    pub seed: Option<u64>,

    /// Requests to /random that are worked on at a time
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_CONCURRENCY_LIMIT", value_name = "N", default_value = "256", value_parser = count(1))]
    pub concurrency_limit: u32,

    /// Requests to /random that may wait for that; further ones get 503
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_QUEUE_LIMIT", value_name = "N", default_value = "256", value_parser = count(0))]
    pub queue_limit: u32,

    /// Time after which a request to /random gets 504, waiting included
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,

    /// Connections open at a time; further ones wait. Bounded by the limit of
    /// file descriptors too
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_CONNECTION_LIMIT", value_name = "N", default_value = "12000", value_parser = count(1))]
    pub connection_limit: u32,

    /// Time that a request's head may take, and its body, and that a connection
    /// may be idle
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_HEADER_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Time between not being ready any more and taking no further connection,
    /// for those who watch /readyz to notice
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_LAME_DUCK", value_name = "DURATION", default_value = "500ms", value_parser = duration)]
    pub lame_duck: Duration,

    /// Time that requests in flight may take once the service stops
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// What /control asks for (Authorization: Bearer) unless on loopback; there
    /// is no /control beyond loopback without it
    #[arg(
        long,
        env = "GOLDEN_CONTROL_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true,
        value_parser = token
    )]
    pub control_token: Option<String>,

    /// Hides the laws of value and delay: draws them from this name
    #[arg(long, env = "GOLDEN_MYSTERY", value_name = "NAME", value_parser = name)]
    pub mystery: Option<String>,

    /// What makes one course's mysteries differ from another's
    #[arg(
        long,
        env = "GOLDEN_MYSTERY_SALT",
        value_name = "TEXT",
        default_value = "golden-signals",
        hide_env_values = true
    )]
    pub mystery_salt: String,
}

/// Whole numbers from `least` to a million: each one may cost memory.
fn count(least: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let count = whole(text, u64::from(least), 1_000_000)?;
        Ok(u32::try_from(count).expect("at most a million"))
    }
}

fn whole(text: &str, least: u64, greatest: u64) -> Result<u64, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (least..=greatest).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {greatest}"))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let error = "must be an IP address and a port, like 127.0.0.1:8000 or [::1]:0";
    text.parse().map_err(|_| error.to_owned())
}

/// What can stand in a header, so that a request can show it.
fn token(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be one or more visible ASCII characters, without spaces".to_owned())
    }
}

fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("must be a name, like alice".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// From a millisecond to a day, like `250ms`, `10s` or `1m 30s`; no time at all
/// is `0s`, which ends what it bounds at once.
fn duration(text: &str) -> Result<Duration, String> {
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
    fn durations_have_units_and_an_end() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(duration("10").is_err() && duration("-1s").is_err() && duration("25h").is_err());
    }
}
