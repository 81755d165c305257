//! The proplet of process monitoring, with a real Mosquitto: what it measures, publishes and does.

mod application;
mod clock;
mod commands;
mod messages;
mod metrics;
mod outage;
mod profiles;
#[path = "../support/mod.rs"]
mod support;
mod traces;
mod trees;
