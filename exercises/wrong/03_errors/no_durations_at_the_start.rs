//! Wrong: the counters exist from the start, the histograms do not.
//!
//! Earns: absent-at-start

use axum::http::StatusCode;

use crate::latency::{self, Latency};
use crate::traffic::{self, Traffic};

/// How a request ended: the label `outcome` of the durations.
pub fn outcome(status: StatusCode) -> &'static str {
    // By class, not by number: 503 is as much our fault as 500, and 404 is not.
    if status.is_server_error() {
        "server_error"
    } else if status.is_client_error() {
        "client_error"
    } else {
        "success"
    }
}

/// Makes series exist before anything has happened. Called once, at the start.
pub fn start_at_zero(traffic: &Traffic, latency: &Latency) {
    for status in [200, 500, 503, 504] {
        // Looking it up makes it, at 0.
        let _ = traffic.requests.get_or_create(&traffic::Labels {
            method: "GET".to_owned(),
            route: "/random".to_owned(),
            status,
        });
    }
}
