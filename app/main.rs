//! How the process begins and ends. What it may be asked for is in `cli`, how it
//! becomes one of the roles in `roles`.

mod cli;
mod roles;
mod shutdown;

use std::process::ExitCode;

use command_line::logging::{self, LogOptions};
use golden_http::CurrentRequest;

use self::cli::Role;

/// glibc's allocator keeps what a load once took; this one gives it back, as
/// `.cargo/config.toml` tells it to, so that the saturation of memory falls. It takes
/// longer to build than everything else together, so only images and figures have it.
/// mimalloc, which builds sooner, does not give it back: a minute after 48 MiB of
/// requests had ended it still held them.
#[cfg(all(feature = "jemalloc", target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let ended = match cli.role {
        Role::Serve(with) => log(&with.log).and_then(|()| roles::serve(with.options)),
        Role::Train(with) => log(&with.log).and_then(|()| roles::train(with.options)),
        Role::Proplet(with) => log(&with.log).and_then(|()| roles::monitor(with.options)),
        Role::Manager(with) => log(&with.log).and_then(|()| roles::manage(with.options)),
        Role::Pager(with) => log(&with.log).and_then(|()| roles::page(with.options)),
        Role::Doctor(options) => roles::examine(*options),
        Role::Incident(options) => roles::play(*options),
        Role::Healthcheck(healthcheck) => return roles::report_health(&healthcheck.url),
        Role::Mystery(cli::Mystery::Salt) => {
            println!("{}", simulation::random_salt());
            return ExitCode::SUCCESS;
        }
        Role::Model(command) => roles::model(&command),
        Role::Workload { workload } => roles::work(&workload),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Starts the log, each line of which names the request that it was written in.
fn log(options: &LogOptions) -> anyhow::Result<()> {
    logging::start(options, || {
        CurrentRequest::get().map_or_else(Vec::new, |request| request.fields().into())
    })
}
