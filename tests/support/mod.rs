//! What the integration tests and the benchmarks share: the programs beside the service
//! ([`peers`], [`prometheus`], [`mosquitto`]), the service itself as its users run it
//! ([`server`]), a plain HTTP client ([`http`]), one that keeps its connection
//! ([`connection`]), a reader of what the service exposes ([`samples`]), and tests that share
//! what takes long to start ([`steps`]).
//! No assertion on the service's behaviour belongs here.

// Every test program includes this tree and uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

pub mod alertmanager;
pub mod browser;
pub mod cgroup;
pub mod connection;
pub mod daemon;
pub mod engine;
pub mod http;
pub mod large_alerts;
pub mod manager;
pub mod mosquitto;
pub mod odd_requests;
pub mod prometheus;
pub mod promtool;
pub mod proplet;
pub mod pushgateway;
pub mod raw_http;
pub mod readme;
pub mod samples;
pub mod scaling;
pub mod server;
pub mod steps;
pub mod training;
pub mod yaml;

pub use ::peers;

/// The maximum time that a test waits for anything, on a machine that is busy with other
/// work. A file that needs a shorter or longer one has a constant of its own and the reason.
pub const TIMEOUT: Duration = Duration::from_secs(60);
