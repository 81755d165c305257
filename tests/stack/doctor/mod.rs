//! `golden-signals doctor`: a healthy pipeline passes, and a broken link is named, whichever
//! it is.
//!
//! The service, Prometheus and Alertmanager are real. No Grafana server can be
//! had here; a stub ([`grafana`]) answers as its documented HTTP API does, and passes
//! queries on to the real Prometheus.

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
