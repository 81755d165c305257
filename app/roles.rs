//! How the process becomes one of the roles, with a runtime, listeners and the
//! signals that end it.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use golden_http::accept::Drained;
use golden_system::BuildInfo;
use health::healthcheck;
use proplet::{agent, workload};
use proplet_schema::Workload;
use tokio::net::TcpListener;

use crate::shutdown::two_signals;

/// This build, as its build script knows it.
const BUILD: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("GOLDEN_SIGNALS_REVISION"),
    rustc: env!("GOLDEN_SIGNALS_RUSTC"),
};

/// One line of what was seen: Docker keeps it beside the container.
pub(crate) fn report_health(url: &healthcheck::Target) -> ExitCode {
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
pub(crate) async fn serve(options: service::options::Options) -> anyhow::Result<ExitCode> {
    let listener = listen("--bind", options.bind).await?;
    let (drain, stop_now) = two_signals()?;
    let drained = service::run(options, BUILD, listener, drain, stop_now).await?;
    Ok(exit_code(drained))
}

#[tokio::main]
pub(crate) async fn manage(options: manager::options::Options) -> anyhow::Result<ExitCode> {
    let listener = listen("--bind", options.bind).await?;
    let exposition = listen("--metrics-bind", options.metrics_bind).await?;
    let (drain, stop_now) = two_signals()?;
    let drained = manager::run(options, BUILD, listener, exposition, drain, stop_now).await?;
    Ok(exit_code(drained))
}

#[tokio::main]
pub(crate) async fn page(options: pager::options::Options) -> anyhow::Result<ExitCode> {
    let listener = listen("--bind", options.bind).await?;
    let (drain, stop_now) = two_signals()?;
    let drained = pager::run(options, BUILD, listener, drain, stop_now).await?;
    Ok(exit_code(drained))
}

async fn listen(flag: &str, bind: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(bind).await.map_err(|error| {
        anyhow::anyhow!("{flag} {bind}: {error}; choose another address, or port 0 for a free one")
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
pub(crate) async fn monitor(options: proplet::options::Options) -> anyhow::Result<ExitCode> {
    let (drain, stop_now) = two_signals()?;
    agent::run(options, drain, stop_now).await?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn train(options: training::Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let ended = runtime.block_on(train_until_stopped(options));
    // A stage that waits for somebody who is gone would be waited for, too.
    runtime.shutdown_background();
    ended
}

async fn train_until_stopped(options: training::Options) -> anyhow::Result<ExitCode> {
    let (drain, stop_now) = two_signals()?;
    tokio::select! {
        ended = training::run(options, BUILD, drain) => {
            if let Some(summary) = ended? {
                tracing::info!("{summary}");
            }
            Ok(ExitCode::SUCCESS)
        }
        () = stop_now => Ok(ExitCode::FAILURE),
    }
}

/// Trains the model again, or prints what is true of it.
pub(crate) fn model(command: &model::command::Command) -> anyhow::Result<ExitCode> {
    let written = model::command::run(command, &mut std::io::stdout());
    match written {
        // Whoever closed the pipe has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write the model")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Does the work of a task, in the process that is the task.
pub(crate) fn work(work: &Workload) -> anyhow::Result<ExitCode> {
    workload::run(work).context("workload")?;
    Ok(ExitCode::SUCCESS)
}

/// Exit code 0 if nothing is broken, 1 if something is.
#[tokio::main]
pub(crate) async fn examine(options: doctor::options::Options) -> anyhow::Result<ExitCode> {
    options.check().map_err(anyhow::Error::msg)?;
    let json = options.json;
    let report = doctor::run(options).await;
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

/// Exit code 0, or the error.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn play(options: incident::options::Options) -> anyhow::Result<ExitCode> {
    let told = incident::run(options).await?;
    let mut out = std::io::stdout();
    if let Err(error) = out.write_all(told.as_bytes())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error).context("cannot write to standard output");
    }
    Ok(ExitCode::SUCCESS)
}
