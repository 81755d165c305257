//! The subcommands, one line each, and how the process begins and ends.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use golden_signals::doctor;
use golden_signals::healthcheck;
use golden_signals::logging::{self, LogOptions};
use golden_signals::proplet::{self, agent, workload};
use golden_signals::schema::Workload;
use golden_signals::transport::accept::Drained;
use golden_signals::transport::shutdown::Signals;
use golden_signals::{manager, service, training};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// glibc's allocator keeps what a load once took; this one gives it back, as
/// `.cargo/config.toml` tells it to, so that the saturation of memory falls.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// So much of a bad value is repeated.
const MAX_SHOWN_CHARACTERS: usize = 100;

/// A monitoring workshop in a box. Without a subcommand it serves.
#[derive(Parser)]
#[command(
    version,
    override_usage = "golden-signals [COMMAND] [OPTIONS]",
    after_help = "`golden-signals serve --help` lists the options of serving."
)]
struct Cli {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// The teaching service: GET /random and its golden signals
    Serve(Box<With<service::options::Options>>),
    /// An embedding training whose metrics go to a Pushgateway
    Train(Box<With<training::Options>>),
    /// Everything is up and the graph is empty? Finds the broken link
    #[command(
        after_help = "Exit code: 0 nothing is broken (there may be warnings), 1 a link is broken, 2 bad usage."
    )]
    Doctor(Box<doctor::options::Options>),
    /// Ask a running service whether it is ready: exit code 0 or 1
    Healthcheck(Healthcheck),
    /// Process monitoring: samples itself and its tasks, and publishes over MQTT
    Proplet(Box<With<proplet::options::Options>>),
    /// Collects what proplets report over MQTT: history, API, /metrics
    Manager(Box<With<manager::options::Options>>),
    /// What a proplet's task does, in the process that is the task
    #[command(hide = true)]
    Workload {
        #[arg(value_parser = workload_from_json)]
        workload: Workload,
    },
}

#[derive(clap::Args)]
struct With<O: clap::Args> {
    #[command(flatten)]
    options: O,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(clap::Args)]
struct Healthcheck {
    /// What to ask
    #[arg(default_value = "http://127.0.0.1:8000/readyz")]
    url: healthcheck::Target,
}

fn main() -> ExitCode {
    let arguments = with_default_role(std::env::args_os());
    let cli = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match cli {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let ended = match cli.role {
        Role::Serve(with) => logging::start(&with.log).and_then(|()| serve(with.options)),
        Role::Train(with) => logging::start(&with.log).and_then(|()| train(with.options)),
        Role::Doctor(options) => examine(*options),
        Role::Healthcheck(Healthcheck { url }) => return report_health(&url),
        Role::Proplet(with) => logging::start(&with.log).and_then(|()| monitor(with.options)),
        Role::Manager(with) => logging::start(&with.log).and_then(|()| manage(with.options)),
        Role::Workload { workload } => workload::run(&workload)
            .map(|()| ExitCode::SUCCESS)
            .context("workload"),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// One line of what was seen: Docker keeps it beside the container.
fn report_health(url: &healthcheck::Target) -> ExitCode {
    match healthcheck::ask(url) {
        Ok(status) => {
            println!("{url}: {status}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(options: service::options::Options) -> anyhow::Result<ExitCode> {
    let listener = listen("--bind", options.bind).await?;
    let (drain, stop_now) = ends()?;
    let drained = service::run(options, listener, drain, stop_now).await?;
    Ok(exit_code(drained))
}

#[tokio::main]
async fn manage(options: manager::options::Options) -> anyhow::Result<ExitCode> {
    let listener = listen("--bind", options.bind).await?;
    let exposition = listen("--metrics-bind", options.metrics_bind).await?;
    let (drain, stop_now) = ends()?;
    let drained = manager::run(options, listener, exposition, drain, stop_now).await?;
    Ok(exit_code(drained))
}

async fn listen(flag: &str, bind: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(bind).await.map_err(|error| {
        anyhow::anyhow!("{flag} {bind}: {error}; take another address, or port 0 for a free one")
    })
}

fn exit_code(drained: Drained) -> ExitCode {
    match drained {
        Drained::Completely => ExitCode::SUCCESS,
        Drained::CutOff(_) => ExitCode::FAILURE,
    }
}

/// On one thread: its tasks are to end with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn monitor(options: proplet::options::Options) -> anyhow::Result<ExitCode> {
    let (drain, stop_now) = ends()?;
    agent::run(options, drain, stop_now).await?;
    Ok(ExitCode::SUCCESS)
}

/// The first signal to stop, and the second one, which stops at once.
fn ends() -> anyhow::Result<(impl Future<Output = ()>, impl Future<Output = ()>)> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let (second, stop_now) = oneshot::channel();
    let drain = async move {
        let signal = signals.next().await;
        tracing::info!(signal, "asked to stop; a second signal stops at once");
        tokio::spawn(async move {
            signals.next().await;
            second.send(()).ok();
        });
    };
    let stop_now = async {
        // A dropped sender is no signal.
        if stop_now.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok((drain, stop_now))
}

fn workload_from_json(text: &str) -> Result<Workload, String> {
    let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Workload::from_json(&value).map_err(|refusal| refusal.to_string())
}

/// The command line, in which variables of the programs that a role stands for
/// take the place of ours where ours are not set.
fn command() -> clap::Command {
    let mut command = Cli::command();
    for (argument, variable) in upstream_variables() {
        command = command.mut_subcommand("proplet", |proplet| {
            proplet.mut_arg(argument, |option| option.env(variable))
        });
    }
    command
}

/// The option that each of those variables sets.
fn upstream_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = proplet::options::UPSTREAM_VARIABLES.iter().copied();
    // The first of those for one option wins, being the last to be applied.
    known.rev().filter(|(argument, variable)| {
        let ours = format!("GOLDEN_{}", argument.to_uppercase());
        std::env::var_os(ours).is_none() && std::env::var_os(variable).is_some()
    })
}

fn train(options: training::Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let ended = runtime.block_on(train_until_stopped(options));
    // A stage that waits for somebody who is gone would be waited for, too.
    runtime.shutdown_background();
    ended
}

async fn train_until_stopped(options: training::Options) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let (first, stop) = oneshot::channel();
    let stop_now = async {
        let signal = signals.next().await;
        tracing::info!(signal, "asked to stop; a second signal stops at once");
        first.send(()).ok();
        signals.next().await;
    };
    let stop = async {
        stop.await.ok();
    };
    tokio::select! {
        ended = training::run(options, stop) => {
            if let Some(summary) = ended? {
                tracing::info!("{summary}");
            }
            Ok(ExitCode::SUCCESS)
        }
        () = stop_now => Ok(ExitCode::FAILURE),
    }
}

/// Exit code 0 if nothing is broken, 1 if something is.
#[tokio::main]
async fn examine(options: doctor::options::Options) -> anyhow::Result<ExitCode> {
    options.check().map_err(anyhow::Error::msg)?;
    let json = options.json;
    let report = doctor::run(options).await?;
    let out = std::io::stdout();
    // <https://no-color.org>: set and not empty.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = out.is_terminal() && !no_colour;
    let written = if json {
        report.write_json(out)
    } else {
        report.write_text(out, colours)
    };
    if let Err(error) = written
        // Whoever closed the pipe has seen enough; the exit code still says it.
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error).context("cannot write the report");
    }
    Ok(if report.is_healthy() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
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

/// Help and version are no errors; everything else is one line and exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Standard output may be closed; there is nobody left to tell.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
    }
    let reason = bad_value(error).unwrap_or_else(|| bad_usage(error));
    eprintln!("error: {reason}");
    ExitCode::from(2)
}

/// Which flag, or which variable, has which value, and what would be right.
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
        (None, None) => "needs a value behind it".to_owned(),
    };
    // A secret does not belong on a terminal or into a log.
    let value = value.filter(|_| !["--control-token", "--mqtt-password"].contains(&flag));
    let value = value.map_or_else(String::new, |value| {
        let start: String = value.chars().take(MAX_SHOWN_CHARACTERS).collect();
        format!(" {}", start.escape_debug())
    });
    let set_here = std::env::args().any(|argument| {
        argument
            .strip_prefix(flag)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    // What has no dashes is no flag, and has no variable.
    let variable = if set_here || !flag.starts_with("--") {
        String::new()
    } else {
        format!(" (from {})", variable(flag))
    };
    Some(format!("{flag}{value}{variable}: {remedy}"))
}

/// The environment variable of a flag: the project's own, but for those that the
/// users of Persia and Propeller know.
fn variable(flag: &str) -> String {
    let argument = flag.trim_start_matches('-').replace('-', "_");
    if argument == "metrics_gateway_addr" {
        return "PERSIA_METRICS_GATEWAY_ADDR".to_owned();
    }
    let upstream = upstream_variables().filter(|(name, _)| *name == argument);
    let ours = format!("GOLDEN_{}", argument.to_uppercase());
    upstream
        .last()
        .map_or(ours, |(_, variable)| variable.to_owned())
}

/// What clap says, on one line, and where to read on.
fn bad_usage(error: &clap::Error) -> String {
    let rendered = error.render().to_string();
    let parts = rendered.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more")
    });
    let said = parts.collect::<Vec<_>>().join("; ");
    let said = said.trim_start_matches("error: ");
    let role = match std::env::args().nth(1) {
        Some(first) if Cli::command().find_subcommand(&first).is_some() => first,
        _ => "serve".to_owned(),
    };
    format!("{said}; `golden-signals {role} --help` lists what there is")
}
