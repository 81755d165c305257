//! Exercise 3, errors: how many requests fail, and what do they do to the rest?

use axum::http::StatusCode;

use crate::latency::{self, Latency};
use crate::traffic::{self, Traffic};

/// How a request ended: the label `outcome` of the durations.
pub fn outcome(status: StatusCode) -> &'static str {
    // TODO 1: "success", "client_error" (4xx) or "server_error" (5xx).
    "success"
}

/// Makes series exist before anything has happened. Called once, at the start.
pub fn start_at_zero(traffic: &Traffic, latency: &Latency) {
    // TODO 2: for `GET /random`, the statuses 200, 500, 503 and 504, and the
    // outcomes success and server_error. It is enough to call `get_or_create`.
}
