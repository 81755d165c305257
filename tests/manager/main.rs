//! The manager of process monitoring, with a real Mosquitto: what it accepts, rejects,
//! stores and shows, and what it survives.

mod api;
mod dead;
mod group;
mod history;
mod ingest;
mod metrics;
mod operator;
mod page;
mod proplet;
#[path = "../support/mod.rs"]
mod support;
