//! The command line: the subcommands, one line each, and the error for a mistake in
//! it. Knows what each role is called, and nothing of how it runs.

use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use command_line::logging::LogOptions;
use proplet_schema::Workload;

/// Maximum characters of a bad value that are repeated.
const MAX_SHOWN_CHARACTERS: usize = 100;

/// A monitoring workshop in a box. The default command is serve
#[derive(Parser)]
#[command(
    version,
    override_usage = "golden-signals [COMMAND] [OPTIONS]",
    after_help = "`golden-signals serve --help` lists the options of serve."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) role: Role,
}

#[derive(Subcommand)]
pub(crate) enum Role {
    /// Run the teaching service: GET /random and its golden signals
    Serve(Box<With<service::options::Options>>),
    /// Train an embedding model and push its metrics to a Pushgateway
    Train(Box<With<training::Options>>),
    /// Run the pager: receive alerts, remember them, raise one when nobody sends any
    Pager(Box<With<pager::options::Options>>),
    /// Check the monitoring pipeline end to end and report what is broken
    #[command(
        after_help = "Exit code: 0 nothing is broken (there may be warnings), 1 a link is broken, 2 bad usage."
    )]
    Doctor(Box<doctor::options::Options>),
    /// Play the incident game: something goes wrong, and you find out what
    Incident(Box<incident::options::Options>),
    /// Ask a running service whether it is ready: exit code 0 or 1
    Healthcheck(Healthcheck),
    /// Run a proplet: sample itself and its tasks, and publish over MQTT
    Proplet(Box<With<proplet::options::Options>>),
    /// Run the manager: collect proplets' samples over MQTT; history, API, /metrics
    Manager(Box<With<manager::options::Options>>),
    /// Prepare mysteries: hidden distributions, drawn from a name and a salt
    #[command(subcommand)]
    Mystery(Mystery),
    /// Train the model of /predict again, or print what is true of its answers
    #[command(subcommand)]
    Model(model::command::Command),
    /// Run the workload of a proplet's task, in the task's own process
    #[command(hide = true)]
    Workload {
        #[arg(value_parser = workload_from_json)]
        workload: Workload,
    },
}

#[derive(Subcommand)]
pub(crate) enum Mystery {
    /// Print a random salt of 128 bits, for --mystery-salt-file
    Salt,
}

#[derive(clap::Args)]
pub(crate) struct With<O: clap::Args> {
    #[command(flatten)]
    pub(crate) options: O,
    #[command(flatten)]
    pub(crate) log: LogOptions,
}

#[derive(clap::Args)]
pub(crate) struct Healthcheck {
    /// URL of the readiness endpoint, or of a heartbeat file
    #[arg(default_value = "http://127.0.0.1:8000/readyz")]
    pub(crate) url: health::healthcheck::Target,
}

/// Reads the command line, or reports the mistake in it and returns the exit code.
pub(crate) fn read() -> Result<Cli, ExitCode> {
    let arguments = with_default_role(std::env::args_os());
    let cli = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    cli.map_err(|error| refuse(&error))
}

fn workload_from_json(text: &str) -> Result<Workload, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Workload::from_json(&value).map_err(|refusal| refusal.to_string())
}

/// The command line, in which other variables take the place of ours where ours are
/// not set: those of the programs that a role stands for, and ours of former versions.
fn command() -> clap::Command {
    let mut command = Cli::command();
    for (role, argument, variable) in other_variables() {
        command = command.mut_subcommand(role, |options| {
            options.mut_arg(argument, |option| option.env(variable))
        });
    }
    command
}

/// Those of these variables that count: the role, its option, the variable.
fn other_variables() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let known = [
        ("proplet", proplet::options::UPSTREAM_VARIABLES),
        ("doctor", doctor::options::FORMER_VARIABLES),
    ];
    let known = known.into_iter().flat_map(|(role, variables)| {
        // The first of those for one option wins, being the last to be applied.
        let last_first = variables.iter().rev();
        last_first.map(move |(argument, variable)| (role, *argument, *variable))
    });
    known.filter(|(_, argument, variable)| {
        let ours = format!("GOLDEN_{}", argument.to_uppercase());
        std::env::var_os(ours).is_none() && std::env::var_os(variable).is_some()
    })
}

/// `serve` where no role is named: options alone are its own.
fn with_default_role(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let names_no_role = first.is_none_or(|first| {
        first.starts_with('-') && !matches!(first, "-h" | "--help" | "-V" | "--version")
    });
    if names_no_role {
        arguments.insert(1.min(arguments.len()), "serve".into());
    }
    arguments
}

/// Help and version are not errors; everything else is one line and exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Standard output may be closed, and then nobody reads it.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let reason = bad_value(error).unwrap_or_else(|| bad_usage(error));
    eprintln!("error: {reason}");
    ExitCode::from(2)
}

/// The flag or variable, its value, and what would be valid.
fn bad_value(error: &clap::Error) -> Option<String> {
    if !matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue
    ) {
        return None;
    }
    let context = |kind| error.get(kind).map(ToString::to_string);
    let argument = context(ContextKind::InvalidArg)?;
    let flag = argument.split(' ').next()?;
    let value = context(ContextKind::InvalidValue).filter(|value| !value.is_empty());
    let remedy = match (std::error::Error::source(error), &value) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(_)) => format!("must be one of {}", context(ContextKind::ValidValue)?),
        (None, None) => "needs a value".to_owned(),
    };
    // A secret does not belong on a terminal or into a log.
    let value = value.filter(|_| !["--control-token", "--mqtt-password"].contains(&flag));
    let value = value.map_or_else(String::new, |value| {
        let start: String = value.chars().take(MAX_SHOWN_CHARACTERS).collect();
        format!(" {}", start.escape_debug())
    });
    let spellings = spellings(flag);
    let set_here = std::env::args().any(|argument| {
        let spelling = argument.split('=').next().unwrap_or_default();
        spellings.iter().any(|known| known == spelling)
    });
    // Without dashes it is not a flag, and has no variable.
    let variable = if set_here || !flag.starts_with("--") {
        String::new()
    } else {
        format!(" (from {})", variable(flag))
    };
    Some(format!("{flag}{value}{variable}: {remedy}"))
}

/// A flag, and its earlier names.
fn spellings(flag: &str) -> Vec<String> {
    let command = Cli::command();
    let earlier = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter(|argument| argument.get_long() == Some(flag.trim_start_matches("--")))
        .filter_map(clap::Arg::get_all_aliases)
        .flatten()
        .map(|name| format!("--{name}"));
    std::iter::once(flag.to_owned()).chain(earlier).collect()
}

/// The environment variable of a flag: the project's own, but for those that the
/// users of Persia and Propeller know.
fn variable(flag: &str) -> String {
    let argument = flag.trim_start_matches('-').replace('-', "_");
    if argument == "metrics_gateway_addr" {
        return "PERSIA_METRICS_GATEWAY_ADDR".to_owned();
    }
    let others = other_variables().filter(|(_, name, _)| *name == argument);
    let ours = format!("GOLDEN_{}", argument.to_uppercase());
    others
        .last()
        .map_or(ours, |(_, _, variable)| variable.to_owned())
}

/// Clap's message on one line, and where to read on.
fn bad_usage(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let parts = rendered.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more")
    });
    let message = parts.collect::<Vec<_>>().join("; ");
    let message = message.trim_start_matches("error: ");
    let role = match std::env::args().nth(1) {
        Some(first) if Cli::command().find_subcommand(&first).is_some() => first,
        _ => "serve".to_owned(),
    };
    format!("{message}; see `golden-signals {role} --help`")
}
