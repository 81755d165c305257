//! Wrong: a wrong password and an unknown user look alike.
//!
//! Earns: tells-too-little

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Deserialize;

/// The labels of `logins_total`. Who it was, and with what, is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    /// One of three words, all of them ours.
    pub result: &'static str,
}

/// A counter for each set of labels.
#[derive(Clone, Default)]
pub struct Logins {
    pub logins: Family<Labels, Counter>,
}

impl Logins {
    /// Makes the counter known.
    pub fn register(registry: &mut Registry) -> Self {
        let logins = Self::default();
        registry.register("logins", "Attempts to log in", logins.logins.clone());
        logins
    }
}

/// A model of a login: there is no password, only whether it was right.
#[derive(Deserialize)]
pub struct Attempt {
    right: bool,
    client: String,
}

/// Answers `POST /login/{user}`. Users whose name begins with `nobody` do not exist.
pub async fn login(
    State(logins): State<Logins>,
    Path(user): Path<String>,
    Query(attempt): Query<Attempt>,
) -> StatusCode {
    let (status, result) = if user.starts_with("nobody") {
        (StatusCode::NOT_FOUND, "failure")
    } else if !attempt.right {
        (StatusCode::FORBIDDEN, "failure")
    } else {
        (StatusCode::OK, "success")
    };
    logins.logins.get_or_create(&Labels { result }).inc();
    status
}
