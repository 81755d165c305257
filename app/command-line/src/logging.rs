//! What is logged, and how: `tracing` to standard error, for a person or for a
//! machine. Standard output stays free.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer as _;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::layer::SubscriberExt as _;
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

/// Starts logging, panics included, for the rest of the process.
///
/// # Errors
///
/// If logging has been started before.
pub fn start(options: &LogOptions) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines);
    let lines = match options.log_format {
        LogFormat::Pretty => lines
            .fmt_fields(PlainFields)
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

/// Writes the fields of spans and events as `name=value`, without colours: a
/// span's fields are written for every request, logged or not, and colours make
/// that the dearest part of a request (measured: a fifth of its instructions).
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        thread_local! {
            /// Written at once, a new span's text is allocated once; field by
            /// field it would grow five times.
            static TEXT: Cell<String> = const { Cell::new(String::new()) };
        }
        // Taken out and put back: a value may log while it is being written.
        let mut text = TEXT.take();
        text.clear();
        let mut line = PlainLine {
            text: &mut text,
            written: Ok(()),
        };
        fields.record(&mut line);
        let written = line.written.and_then(|()| writer.write_str(&text));
        TEXT.set(text);
        written
    }
}

struct PlainLine<'a> {
    text: &'a mut String,
    written: fmt::Result,
}

impl PlainLine<'_> {
    fn begin(&mut self, field: &Field) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        if field.name() != "message" {
            self.text.push_str(field.name());
            self.text.push('=');
        }
    }
}

impl Visit for PlainLine<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Quoted and escaped where it could pass for something else.
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
        if !value.is_empty() && value.bytes().all(plain) {
            self.begin(field);
            self.text.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.begin(field);
        self.written = self.written.and_then(|()| write!(self.text, "{value:?}"));
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

    #[test]
    fn a_line_tells_its_span_and_escapes_what_a_client_sent() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(PlainFields)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", route = "/random", n = 7).entered();
            tracing::info!(given = "a\nb", "answered");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("request{route=/random n=7}"), "{text}");
        assert!(text.contains(r#"answered given="a\nb""#), "{text}");
        assert_eq!(text.lines().count(), 1);
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
