//! `cargo workshop`.

use std::process::ExitCode;

fn main() -> ExitCode {
    workshop::command::run(std::env::args_os().skip(1))
}
