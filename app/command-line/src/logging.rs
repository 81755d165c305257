//! What is logged, and how: `tracing` to standard error, for a person or for a
//! machine. Standard output stays free.

use std::fmt;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::terminal::Lines;

/// The options of the log, the same for every role.
#[derive(Args, Clone, Debug)]
pub struct LogOptions {
    /// Log format on standard error
    #[arg(
        long,
        env = "GOLDEN_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "pretty"
    )]
    pub log_format: LogFormat,

    /// Log level: error, warn, info, debug, trace, or a filter
    /// such as info,golden_signals=debug
    #[arg(long, env = "GOLDEN_LOG", value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub log: Targets,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal
    Pretty,
    /// One JSON object a line
    Json,
}

/// Every crate of this workspace that logs: what `golden_signals` stands for in a filter.
const CRATES: [&str; 9] = [
    "command_line",
    "golden_http",
    "golden_mqtt",
    "golden_signals",
    "health",
    "manager",
    "proplet",
    "service",
    "training",
];

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
    let expanded: Vec<_> = text.split(',').map(with_every_crate).collect();
    let parsed = expanded.join(",").parse().ok().filter(|_| valid);
    parsed.ok_or_else(|| {
        format!("must be one of {LEVELS}, or a filter such as info,golden_signals=debug")
    })
}

/// `golden_signals=debug` means all that is ours, `golden_signals::service=debug` one
/// role of it, whichever crate it is in.
fn with_every_crate(directive: &str) -> String {
    let Some((target, level)) = directive.trim().split_once('=') else {
        return directive.to_owned();
    };
    if let Some(inner) = target.strip_prefix("golden_signals::") {
        return format!("{inner}={level}");
    }
    if target != "golden_signals" {
        return directive.to_owned();
    }
    CRATES.map(|name| format!("{name}={level}")).join(",")
}

/// What a thread is working on: names and values that its lines of the log have, too.
pub type Context = fn() -> Vec<(&'static str, String)>;

/// Starts logging, panics included, for the rest of the process.
///
/// # Errors
///
/// If logging has been started before.
pub fn start(options: &LogOptions, context: Context) -> anyhow::Result<()> {
    let ansi = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines);
    let lines = match options.log_format {
        LogFormat::Pretty => lines.event_format(pretty(ansi, context)).boxed(),
        LogFormat::Json => lines
            .fmt_fields(JsonFields::new())
            .event_format(json(context))
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines)
        .with(options.log.clone())
        .try_init()?;
    // As a line of the log, a panic tells what it happened in and is read by
    // the same machine; a backtrace on standard error would be neither.
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic = message, place, "panicked");
    }));
    Ok(())
}

fn pretty(ansi: bool, context: Context) -> InContext<Format> {
    let lines = tracing_subscriber::fmt::format()
        .with_ansi(ansi)
        .with_target(false);
    InContext {
        lines,
        context,
        add: |line, fields| {
            let end = line.trim_end().len();
            let fields = fields
                .iter()
                .map(|(name, value)| format!(" {name}={value}"));
            line.insert_str(end, &fields.collect::<String>());
        },
    }
}

fn json(context: Context) -> InContext<Format<Json>> {
    InContext {
        lines: tracing_subscriber::fmt::format().json().flatten_event(true),
        context,
        add: |line, fields| {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\":{},", Value::from(value.as_str())));
            // Each line is an object with a timestamp.
            line.insert_str(1, &fields.collect::<String>());
        },
    }
}

/// Adds to a line what its thread is working on. A span would have to be made and
/// written for every request, also for one that logs nothing.
struct InContext<F> {
    lines: F,
    context: Context,
    add: fn(&mut String, &[(&'static str, String)]),
}

impl<S, N, F> FormatEvent<S, N> for InContext<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.lines
            .format_event(ctx, Writer::new(&mut line), event)?;
        (self.add)(&mut line, &(self.context)());
        writer.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written when a request logs something that its client sent.
    fn logged<F>(format: F) -> String
    where
        F: for<'a> FnOnce(Lines) -> Box<dyn Subscriber + Send + Sync>,
    {
        let lines = Lines::default();
        tracing::subscriber::with_default(format(lines.clone()), || {
            tracing::info!(given = "a\nb", "answered");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text
    }

    fn context() -> Vec<(&'static str, String)> {
        vec![("trace_id", "0af7".to_owned()), ("route", "/a".to_owned())]
    }

    #[test]
    fn a_line_tells_its_context_and_escapes_what_a_client_sent() {
        let text = logged(|lines| {
            let subscriber = tracing_subscriber::fmt().event_format(pretty(false, context));
            Box::new(subscriber.with_writer(move || lines.clone()).finish())
        });
        let expected = "INFO answered given=\"a\\nb\" trace_id=0af7 route=/a\n";
        assert!(text.ends_with(expected), "{text}");

        let text = logged(|lines| {
            let subscriber = tracing_subscriber::fmt()
                .fmt_fields(JsonFields::new())
                .event_format(json(context));
            Box::new(subscriber.with_writer(move || lines.clone()).finish())
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, value) in [
            ("message", "answered"),
            ("given", "a\nb"),
            ("trace_id", "0af7"),
            ("route", "/a"),
        ] {
            assert_eq!(line[name], value, "{text}");
        }
    }

    #[test]
    fn a_filter_is_a_level_or_levels_by_target() {
        for text in [
            "info",
            "OFF",
            "info,golden_signals=debug",
            "golden_signals::service=trace",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["", "loud", "info,", "golden_signals", "golden_signals=loud"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_programs_name_in_a_filter_stands_for_all_of_its_crates() {
        use tracing::Level;

        let all = filter("warn,golden_signals=debug").unwrap();
        for name in CRATES {
            assert!(all.would_enable(name, &Level::DEBUG), "{name}");
            assert!(all.would_enable(&format!("{name}::part"), &Level::DEBUG));
        }
        assert!(!all.would_enable("hyper", &Level::INFO));
        let one = filter("warn,golden_signals::service::live=debug").unwrap();
        assert!(one.would_enable("service::live", &Level::DEBUG));
        assert!(!one.would_enable("service::random", &Level::INFO));
    }
}
