//! The subcommands, one line each.

fn main() {}
