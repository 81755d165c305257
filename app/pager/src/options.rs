//! The options of `pager`: names, ranges and defaults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use command_line::flags::{address, duration, limit};
use golden_http_client::BaseUrl;

/// The options of `pager`. Each can come from the environment instead.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct Options {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(
        long,
        env = "GOLDEN_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8002",
        value_parser = address
    )]
    pub bind: SocketAddr,

    /// File of the alerts and of their history, created if missing: after a restart the pager
    /// goes on from it
    #[arg(
        long,
        env = "GOLDEN_HISTORY",
        value_name = "FILE",
        default_value = "golden-signals-pager.json"
    )]
    pub history: PathBuf,

    /// Time without the alert Watchdog, or without an answer of Prometheus or
    /// Alertmanager, after which the pager raises an alert of its own; 0s: never
    #[arg(long, env = "GOLDEN_WATCHDOG_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub watchdog_timeout: Duration,

    /// URL of Prometheus, to ask for its health [default: it is not asked]
    #[arg(long, env = "GOLDEN_PROMETHEUS", value_name = "URL")]
    pub prometheus: Option<BaseUrl>,

    /// URL of Alertmanager, to ask for its health [default: it is not asked]
    #[arg(long, env = "GOLDEN_ALERTMANAGER", value_name = "URL")]
    pub alertmanager: Option<BaseUrl>,

    /// Maximum open connections; beyond it only /healthz, /readyz and /metrics
    /// are answered, everything else 503. Never above the file descriptor limit
    #[arg(long, env = "GOLDEN_CONNECTION_LIMIT", value_name = "N", default_value = "1000", value_parser = limit(1))]
    pub connection_limit: usize,

    /// Timeout for a request's head, for its body, and for an idle connection
    #[arg(long, env = "GOLDEN_HEADER_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub header_timeout: Duration,

    /// Time after which a client that reads nothing of its answer is cut off
    #[arg(long, env = "GOLDEN_WRITE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub write_timeout: Duration,

    /// Time between failing /readyz and closing the listener, so that a scrape
    /// learns that the pager was asked to stop
    #[arg(long, env = "GOLDEN_LAME_DUCK", value_name = "DURATION", default_value = "500ms", value_parser = duration)]
    pub lame_duck: Duration,

    /// Timeout for requests in flight at shutdown
    #[arg(long, env = "GOLDEN_DRAIN_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain_timeout: Duration,
}
