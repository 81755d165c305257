//! The service alone, as its users run it: what it answers, counts, logs, hides, and how
//! it ends.
//!
//! Load that fills the machine is in the program `load`, the live page in `page`.

mod access;
mod bad_bodies;
mod bad_connections;
mod command_line;
mod control;
mod documentation;
mod drain;
mod exposition;
mod golden_signals;
mod half_close;
mod incidents;
mod model;
mod model_mystery;
mod secrecy;
mod secret_games;
mod secret_options;
#[path = "../support/mod.rs"]
mod support;
mod tracing;
mod traffic;
