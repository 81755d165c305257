//! The dashboards, without a Grafana: what can be known of them from their files
//! ([`structure`], [`panels`], [`provisioning`]), whether Grafana's own published model of
//! dashboards knows every field ([`model`]), and whether every query shows
//! something on a real Prometheus that scrapes the real service ([`queries`]).
//!
//! What a browser draws is not tested here.

mod answers;
mod dashboard;
mod dead;
mod model;
mod names;
mod panels;
mod processes;
mod promql;
mod provisioning;
mod queries;
mod stack;
mod structure;
