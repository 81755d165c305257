//! What is logged, and how: `tracing` to standard error, for a person or for a
//! machine. Standard output stays free.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
    pub log: Targets,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal
    Pretty,
    /// One JSON object a line
    Json,
}

fn filter(text: &str) -> Result<Targets, String> {
    const LEVELS: &str = "off, error, warn, info, debug, trace";
    // A word that is no level would be taken for a target and log nothing else.
    let is_level = |word: &str| {
        LEVELS
            .split(", ")
            .any(|level| level.eq_ignore_ascii_case(word))
    };
    let words = text.split(',').map(str::trim);
    let valid = words
        .map(|word| word.split_once('=').map_or(word, |(_, level)| level))
        .all(is_level);
    text.parse().ok().filter(|_| valid).ok_or_else(|| {
        format!("must be one of {LEVELS}, or a filter such as info,golden_signals=debug")
    })
}

/// Starts logging, panics included, for the rest of the process.
///
/// # Errors
///
/// If logging has been started before.
pub fn start(options: &LogOptions) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match options.log_format {
        LogFormat::Pretty => lines
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // As a layer and not as each line's filter, so that a span that is not
    // wanted costs nothing.
    tracing_subscriber::registry()
        .with(lines)
        .with(options.log.clone())
        .try_init()?;
    // As a line of the log, a panic stands in its request's span and is read by
    // the same machine; a backtrace on standard error would be neither.
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic = message, place, "panicked");
    }));
    Ok(())
}
