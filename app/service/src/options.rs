//! The options of `serve`: what may be set, in which range, and the defaults.
//! Values are parsed into types that cannot be wrong; nothing is checked later.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use command_line::flags::{address, duration, limit, long_duration, whole};
use command_line::secret::{ControlToken, Secret, file, text};
use golden_http_client::BaseUrl;
use simulation::{ArrivalRate, DelayDistribution, Name, Probability, ServedValue};

/// The options of `serve`. Each can come from the environment instead.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct Options {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        env = "GOLDEN_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8000",
        value_parser = address
    )]
    pub bind: SocketAddr,

    /// Distribution of the numbers that /random returns, from -1000000 to 1000000
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_VALUE",
        value_name = "DIST",
        default_value = "normal(mean=50, sd=15)"
    )]
    pub value: ServedValue,

    /// Distribution of response delays, truncated at 60 s
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_DELAY",
        value_name = "DIST",
        default_value = "lognormal(mean=120ms, cv=0.6)"
    )]
    pub delay: DelayDistribution,

    /// Share of requests to /random that fail, from 0 to 1
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

    /// Predictions that the service asks of itself, per request that it sends to /random
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_PREDICT_SHARE",
        value_name = "P",
        default_value = "0.4"
    )]
    pub predict_share: Probability,

    /// Share of its own predictions that the service sends the label of
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_LABEL_RATE",
        value_name = "P",
        default_value = "0.8"
    )]
    pub label_rate: Probability,

    /// Distribution of the time from a prediction to its label, truncated at 60 s
    #[arg(
        long,
        allow_hyphen_values = true,
        env = "GOLDEN_LABEL_DELAY",
        value_name = "DIST",
        default_value = "lognormal(mean=15s, cv=1)"
    )]
    pub label_delay: DelayDistribution,

    /// Time after which business rules answer in the model's place
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_MODEL_TIMEOUT", value_name = "DURATION", default_value = "20ms", value_parser = duration)]
    pub model_timeout: Duration,

    /// Age from which on the model is to be trained again, with its unit, like 30days; without
    /// one no age is too old, and ModelStale never fires
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_MODEL_MAX_AGE", value_name = "AGE", value_parser = long_duration)]
    pub model_max_age: Option<Duration>,

    /// Hide what is wrong with the model, and since when: draw it from this name
    #[arg(long, env = "GOLDEN_MODEL_MYSTERY", value_name = "NAME")]
    pub model_mystery: Option<Name>,

    /// Seed for repeatable values, delays, errors and arrivals [default: random]
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_SEED", value_name = "N", value_parser = whole::<u64>(0, u64::MAX))]
    pub seed: Option<u64>,

    /// Maximum requests to /random in progress at once
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_CONCURRENCY_LIMIT", value_name = "N", default_value = "256", value_parser = limit(1))]
    pub concurrency_limit: usize,

    /// Maximum requests to /random that wait for a place; more get 503
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_QUEUE_LIMIT", value_name = "N", default_value = "256", value_parser = limit(0))]
    pub queue_limit: usize,

    /// Time after which a request to /random gets 504, including its wait
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,

    /// Maximum open connections; beyond it only /healthz, /readyz and /metrics
    /// are answered, everything else 503. Never above the file descriptor limit
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_CONNECTION_LIMIT", value_name = "N", default_value = "12000", value_parser = limit(1))]
    pub connection_limit: usize,

    /// Timeout for a request's head, for its body, and for an idle connection
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_HEADER_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Time after which a client that reads nothing of its answer is cut off
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub write_timeout: Duration,

    /// Time between failing /readyz and closing the listener, so that load
    /// balancers notice
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_LAME_DUCK", value_name = "DURATION", default_value = "500ms", value_parser = duration)]
    pub lame_duck: Duration,

    /// Timeout for requests in flight at shutdown
    #[arg(long, allow_hyphen_values = true, env = "GOLDEN_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,

    /// The token that /control requires.
    #[command(flatten)]
    pub control_token: ControlToken,

    /// URL of the pager whose alerts the live page shows [default: none are shown]
    #[arg(long, env = "GOLDEN_PAGER", value_name = "URL")]
    pub pager: Option<BaseUrl>,

    /// Hide the distributions of value and delay: draw them from this name
    #[arg(long, env = "GOLDEN_MYSTERY", value_name = "NAME")]
    pub mystery: Option<Name>,

    /// Salt that mysteries and hidden incidents are drawn with, besides the name. The
    /// default is public; `golden-signals mystery salt` makes a secret one
    #[arg(
        long,
        env = "GOLDEN_MYSTERY_SALT",
        value_name = "TEXT",
        default_value = simulation::PUBLIC_SALT,
        hide_env_values = true,
        conflicts_with = "mystery_salt_file",
        value_parser = text
    )]
    pub mystery_salt: Secret,

    /// File with the salt
    #[arg(
        long,
        env = "GOLDEN_MYSTERY_SALT_FILE",
        value_name = "FILE",
        value_parser = file(text)
    )]
    pub mystery_salt_file: Option<Secret>,
}

impl Options {
    /// The salt, whichever way it was given.
    #[must_use]
    pub fn salt(&self) -> &Secret {
        self.mystery_salt_file
            .as_ref()
            .unwrap_or(&self.mystery_salt)
    }
}
