//! Who may change something: on loopback everyone on this machine, elsewhere
//! whoever has the token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use subtle::ConstantTimeEq;
use utoipa::IntoResponses;

use super::problem::{Detail, Problem};

/// What a request must present to reach what is guarded.
#[derive(Clone)]
pub struct Access {
    /// What is guarded, as a response names it.
    guarded: &'static str,
    rule: Rule,
}

#[derive(Clone)]
enum Rule {
    /// The listener is on loopback: the `Host` header must name it.
    Loopback,
    /// This token.
    Token(Arc<str>),
    /// No token is configured, so nobody has access.
    Nobody,
}

impl Access {
    /// Access for a role that listens on `address`. `guarded`, such as
    /// `/control`, is the subject of every refusal.
    #[must_use]
    pub fn new(guarded: &'static str, address: SocketAddr, token: Option<String>) -> Self {
        let rule = match token {
            _ if address.ip().is_loopback() => Rule::Loopback,
            Some(token) => Rule::Token(token.into()),
            None => Rule::Nobody,
        };
        Self { guarded, rule }
    }

    /// Access for a listener that, although not on loopback itself, can only be
    /// reached through loopback: a container's port published there.
    #[must_use]
    pub fn loopback(guarded: &'static str) -> Self {
        Self {
            guarded,
            rule: Rule::Loopback,
        }
    }

    fn check(&self, request: &Parts) -> Result<(), Problem> {
        let text = |name| {
            request
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let guarded = self.guarded;
        let (status, detail) = match &self.rule {
            // A page from elsewhere can make a browser's request arrive here
            // under that page's name ("DNS rebinding"), but not under ours.
            Rule::Loopback if text(header::HOST).is_none_or(is_loopback) => return Ok(()),
            Rule::Loopback => (
                StatusCode::FORBIDDEN,
                format!(
                    "{guarded} on loopback requires localhost, 127.0.0.1 or [::1] as the host name"
                ),
            ),
            Rule::Token(token) => {
                let given = text(header::AUTHORIZATION).and_then(|value| {
                    let (scheme, given) = value.split_once(' ')?;
                    scheme.eq_ignore_ascii_case("bearer").then(|| given.trim())
                });
                // In constant time, so that its duration reveals nothing.
                if given.is_some_and(|given| given.as_bytes().ct_eq(token.as_bytes()).into()) {
                    return Ok(());
                }
                (
                    StatusCode::UNAUTHORIZED,
                    format!(
                        "{guarded} requires the header Authorization: Bearer TOKEN with the configured control token"
                    ),
                )
            }
            Rule::Nobody => (
                StatusCode::FORBIDDEN,
                format!("{guarded} is disabled: start with --control-token, or bind to loopback"),
            ),
        };
        Err(Problem::new(status, detail))
    }
}

/// Whether a `Host` header names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An argument of the handlers that change something: the request has access.
#[derive(Clone, Copy, Debug)]
pub struct Allowed;

/// How access is refused, for the API's description.
#[derive(IntoResponses)]
pub enum Refused {
    /// The token is missing or wrong
    #[response(status = 401)]
    Unauthorized(Detail),
    /// Access is not allowed from here
    #[response(status = 403)]
    Forbidden(Detail),
}

impl<S> FromRequestParts<S> for Allowed
where
    S: Send + Sync,
    Access: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Access::from_ref(state).check(parts).map(|()| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "127.9.9.9",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org:8000",
            "10.0.0.1",
            "127.0.0.1.example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn beyond_loopback_there_is_no_control_without_a_token() {
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 8000));
        let loopback = SocketAddr::from(([127, 0, 0, 1], 8000));
        assert!(matches!(
            Access::new("/control", everywhere, None).rule,
            Rule::Nobody
        ));
        assert!(matches!(
            Access::new("/control", everywhere, Some("t".into())).rule,
            Rule::Token(_)
        ));
        assert!(matches!(
            Access::new("/control", loopback, Some("t".into())).rule,
            Rule::Loopback
        ));
    }
}
