//! The training: its parts and their metrics, its roles as processes, and its pushes to a
//! gateway.

mod arrival;
mod calls;
mod checkpoints;
mod command_line;
mod memory;
mod metrics;
mod parts;
mod push;
mod reading;
mod reference;
mod resuming;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod wiring;
