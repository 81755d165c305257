//! `cargo workshop`, before there is a workshop: says how long the first build takes and
//! what to read meanwhile, lets cargo build the workshop in sight, and gives way to it.
//!
//! It is built first, alone, which is why it has no dependency; whatever the workshop does
//! belongs to the package `workshop`.

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const FIRST: &str = "\
Building the workshop. The first time takes about a minute on two cores; later it starts at once.
Meanwhile you can read the first exercise: exercises/01_traffic/README.md
(What the course is: exercises/README.md. Rust beside Python: exercises/RUST_FOR_PYTHON.md.)
";

// A build that has nothing to do is over by then.
const PATIENCE: Duration = Duration::from_millis(700);

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let own = env::current_exe().map_err(|error| format!("the workshop's folder: {error}"))?;
    let workshop = own.with_file_name(format!("workshop{EXE_SUFFIX}"));
    let is_first = !workshop.exists();
    if is_first {
        eprintln!("{FIRST}");
    }
    let built = build(is_first).map_err(|error| format!("cargo could not be started: {error}"))?;
    if !built.success() {
        return Ok(code(built));
    }
    let mut command = Command::new(&workshop);
    command.args(env::args_os().skip(1));
    become_it(command).map_err(|error| format!("{}: {error}", workshop.display()))
}

// The first time cargo shows how far it is; later it is silent, and where it takes long
// because the workshop has changed, that is said.
fn build(is_first: bool) -> io::Result<ExitStatus> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut build = Command::new(cargo);
    build
        .args(["build", "--package", "workshop", "--bin", "workshop"])
        .current_dir(Path::new(ROOT))
        .stdin(Stdio::null());
    if is_first {
        return build.status();
    }
    let begun = Instant::now();
    let mut child = build.arg("--quiet").spawn()?;
    let mut said = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if !said && begun.elapsed() > PATIENCE {
            eprintln!("Building the workshop anew, because it has changed …");
            said = true;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

// One program less between the terminal and the workshop.
#[cfg(unix)]
fn become_it(mut command: Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    Err(command.exec())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> io::Result<ExitCode> {
    command.status().map(code)
}
