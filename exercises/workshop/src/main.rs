//! `cargo workshop`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    workshop::command::run(&arguments)
}
