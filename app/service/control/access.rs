//! Who may control: on loopback everyone on this machine, elsewhere who has
//! the token.

use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use subtle::ConstantTimeEq;

use crate::service::Service;
use crate::service::problem::Problem;

/// What a request must show to be let in.
#[derive(Clone)]
pub enum Access {
    /// The listener is on loopback: a request must merely be meant for it.
    Loopback,
    /// This token.
    Token(String),
    /// There is no token, and so no control.
    Nobody,
}

impl Access {
    /// What holds for a service that listens on `address`.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<String>) -> Self {
        match token {
            _ if address.ip().is_loopback() => Self::Loopback,
            Some(token) => Self::Token(token),
            None => Self::Nobody,
        }
    }

    fn check(&self, request: &Parts) -> Result<(), Problem> {
        let text = |name| {
            request
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        match self {
            // A page from elsewhere can make a browser's request arrive here
            // under that page's name ("DNS rebinding"), but not under ours.
            Self::Loopback if text(header::HOST).is_none_or(is_loopback) => Ok(()),
            Self::Loopback => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "/control on loopback answers to localhost, 127.0.0.1 or [::1] as its host only",
            )),
            Self::Token(token) => {
                let given = text(header::AUTHORIZATION).and_then(|value| {
                    let (scheme, given) = value.split_once(' ')?;
                    scheme.eq_ignore_ascii_case("bearer").then(|| given.trim())
                });
                // In constant time: how long a comparison takes tells nothing.
                if given.is_some_and(|given| given.as_bytes().ct_eq(token.as_bytes()).into()) {
                    return Ok(());
                }
                Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "/control needs the header Authorization: Bearer TOKEN, with the token that the service was started with",
                ))
            }
            Self::Nobody => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "/control is off: start the service with --control-token, or on loopback",
            )),
        }
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

/// An argument of the handlers that control.
#[derive(Clone, Copy, Debug)]
pub struct Allowed;

impl FromRequestParts<Service> for Allowed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        service.access.check(parts).map(|()| Self)
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
        assert!(matches!(Access::new(everywhere, None), Access::Nobody));
        assert!(matches!(
            Access::new(everywhere, Some("t".into())),
            Access::Token(_)
        ));
        assert!(matches!(
            Access::new(loopback, Some("t".into())),
            Access::Loopback
        ));
    }
}
