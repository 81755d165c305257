//! `golden-signals doctor`: a healthy chain passes, and whichever link is broken,
//! this one is named.
//!
//! The service, Prometheus and Alertmanager are real. No Grafana server can be
//! had here; what answers in its place ([`grafana`]) does so as its documented
//! HTTP API does, and passes queries on to the real Prometheus.

// Shared among these files only, as in tests/support.
#![allow(unreachable_pub)]

mod alertmanager;
mod command_line;
mod fake;
mod grafana;
mod grafana_links;
mod hostile;
mod pager_links;
mod prometheus_links;
mod repository;
mod service_links;
mod stack;
