//! Exercise 14, the cardinality bomb: who logs in?

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use serde::Deserialize;

/// The labels of `logins_total`.
// TODO: this works, and one day it will bring Prometheus down. Defuse it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    /// Who.
    pub user: String,
    /// With what: the program's own words.
    pub client: String,
    /// Why not; empty if it worked.
    pub error: String,
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
    let (status, error) = if user.starts_with("nobody") {
        (StatusCode::NOT_FOUND, format!("no such user: {user}"))
    } else if !attempt.right {
        (StatusCode::FORBIDDEN, "wrong password".to_owned())
    } else {
        (StatusCode::OK, String::new())
    };
    let labels = Labels {
        user,
        client: attempt.client,
        error,
    };
    logins.logins.get_or_create(&labels).inc();
    status
}
