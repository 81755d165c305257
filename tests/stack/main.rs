//! What surrounds the service, on real servers without containers: Prometheus, rules,
//! alerts and pager, dashboards, the doctor and the health check; and what Kubernetes is given.
//!
//! The same in containers is in the program `compose`.

mod alerting;
mod cures;
mod dashboards;
mod doctor;
mod healthcheck;
mod incident;
mod kubernetes;
#[cfg(unix)]
mod offline_kit;
mod prometheus;
mod routing;
mod rules;
#[path = "../support/mod.rs"]
mod support;
