//! The training: its parts, what it measures of them, its roles as processes, and what
//! becomes of what it pushes.

mod arrival;
mod calls;
mod command_line;
mod memory;
mod metrics;
mod parts;
mod push;
mod reading;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod wiring;
