//! What is logged, and how: `tracing` to standard error, for a person or for a
//! machine. Standard output stays free.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// The options of the log, the same for every role.
#[derive(Args, Clone, Debug)]
pub struct LogOptions {
    /// How lines are written to standard error
    #[arg(
        long,
        env = "GOLDEN_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "pretty"
    )]
    pub log_format: LogFormat,

    /// Which lines are written: error, warn, info, debug, trace, or a filter
    /// such as info,golden_signals=debug
    #[arg(long, env = "GOLDEN_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub log: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal
    Pretty,
    /// One JSON object a line
    Json,
}

fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(
            "must be error, warn, info, debug, trace, or a filter such as info,golden_signals=debug"
                .to_owned(),
        ),
    }
}

/// Starts logging, panics included, for the rest of the process.
///
/// # Errors
///
/// If logging has been started before.
pub fn start(options: &LogOptions) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(EnvFilter::try_new(&options.log)?);
    let started = match options.log_format {
        LogFormat::Pretty => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(anyhow::Error::from_boxed)?;
    // As a line of the log, a panic stands in its request's span and is read by
    // the same machine; a backtrace on standard error would be neither.
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic = message, place, "panicked");
    }));
    Ok(())
}
