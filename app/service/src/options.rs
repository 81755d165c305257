//! The options of `serve`: what may be set, in which range, and what holds
//! without. Values are parsed into types that cannot be wrong; nothing is
//! checked later.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use command_line::flags::{address, count, duration, token, whole};
use simulation::{ArrivalRate, DelayDistribution, Probability, ValueDistribution};

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

fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("must be a name, like alice".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
