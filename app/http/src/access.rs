//! Who may change something: whoever has the token, if there is one; without one,
//! on loopback everyone on this machine, and no page from elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq;
use utoipa::IntoResponses;

use super::problem::{Detail, Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request must present to reach what is guarded.
#[derive(Clone)]
pub struct Access {
    /// What is guarded, as a response names it.
    guarded: &'static str,
    rule: Rule,
}

#[derive(Clone)]
enum Rule {
    /// The listener is on loopback: the `Host` header must name it, and a change must
    /// not come from a page of another origin.
    Loopback,
    /// This token.
    Token(Arc<str>),
    /// No token is configured, so nobody has access.
    Nobody,
}

impl Access {
    /// Access for a role that listens on `address`. A token counts wherever it listens:
    /// a proxy may stand before a listener on loopback. `guarded`, such as `/control`,
    /// is the subject of every refusal.
    #[must_use]
    pub fn new(guarded: &'static str, address: SocketAddr, token: Option<&str>) -> Self {
        Self::published(guarded, address.ip().is_loopback(), token)
    }

    /// Access for a listener that can be reached through loopback alone, or not: a
    /// container's port may be published there, although it is not on loopback itself.
    #[must_use]
    pub fn published(guarded: &'static str, on_loopback: bool, token: Option<&str>) -> Self {
        let rule = match token {
            Some(token) => Rule::Token(token.into()),
            None if on_loopback => Rule::Loopback,
            None => Rule::Nobody,
        };
        Self { guarded, rule }
    }

    fn check(&self, request: &Parts) -> Result<(), Problem> {
        self.check_host(self.guarded, request)?;
        let host = host(&request.headers)?;
        let guarded = self.guarded;
        let (status, detail) = match &self.rule {
            Rule::Loopback
                if request.method.is_safe() || is_same_origin(&request.headers, host) =>
            {
                return Ok(());
            }
            Rule::Loopback => (
                StatusCode::FORBIDDEN,
                format!("{guarded} without a token is not open to pages of another origin"),
            ),
            Rule::Token(token) => {
                let given = one(&request.headers, &header::AUTHORIZATION);
                let given = given.ok().flatten().and_then(|value| {
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

impl Access {
    /// Whether a request may read: on loopback without a token its `Host` must name this
    /// machine. A page from elsewhere can make a browser's request arrive here under
    /// that page's name ("DNS rebinding"), but not under ours.
    ///
    /// # Errors
    ///
    /// The answer that refuses it.
    fn check_host(&self, subject: &str, request: &Parts) -> Result<(), Problem> {
        let host = host(&request.headers)?;
        let named = host.is_none_or(is_loopback);
        let authority = request.uri.authority();
        let addressed = authority.is_none_or(|name| is_loopback(name.as_str()));
        if !matches!(self.rule, Rule::Loopback) || (named && addressed) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!(
                "{subject} on loopback requires localhost, 127.0.0.1 or [::1] as the host name"
            ),
        ))
    }

    /// For [`axum::middleware::from_fn_with_state`]: lets through what may read, and the
    /// probes, which those who run the server send under any name and which tell nothing.
    ///
    /// # Errors
    ///
    /// The answer that refuses the request.
    pub async fn readable(
        State(access): State<Self>,
        request: Request,
        next: Next,
    ) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        if !["/healthz", "/readyz"].contains(&parts.uri.path()) {
            access.check_host("this server", &parts)?;
        }
        Ok(next.run(Request::from_parts(parts, body)).await)
    }
}

/// The `Host` header, if there is one. Two of them, or one that is not text, would be
/// read differently by whoever stands before us (RFC 9112, section 3.2).
fn host(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    one(headers, &header::HOST).map_err(|()| {
        let detail = "the Host header must be given once, in visible ASCII characters";
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// The only header of this name; an error if there are several, or it is not text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

/// Whether a browser, if the request comes from one, says that the page that made it is
/// our own (<https://www.w3.org/TR/fetch-metadata/>, and RFC 6454, section 7). Other
/// programs send neither header.
fn is_same_origin(headers: &HeaderMap, host: Option<&str>) -> bool {
    let site = one(headers, &SEC_FETCH_SITE);
    let origin = one(headers, &header::ORIGIN);
    let site_is_ours =
        site.map(|site| site.is_none_or(|site| ["same-origin", "none"].contains(&site)));
    let origin_is_ours = origin.map(|origin| {
        origin.is_none_or(|origin| {
            let named = origin.strip_prefix("http://");
            named
                .zip(host)
                .is_some_and(|(named, host)| named.eq_ignore_ascii_case(host))
        })
    });
    site_is_ours == Ok(true) && origin_is_ours == Ok(true)
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
    /// The Host header is not text, or given twice
    #[response(status = 400)]
    Host(Detail),
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

    fn parts(method: &str, headers: &[(&str, &[u8])]) -> Parts {
        let mut request = axum::http::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(access: &Access, method: &str, headers: &[(&str, &[u8])]) -> u16 {
        match access.check(&parts(method, headers)) {
            Ok(()) => 200,
            Err(Problem::Detail { status, .. }) => status.as_u16(),
            Err(other) => panic!("{other:?}"),
        }
    }

    const EVERYWHERE: [u8; 4] = [0, 0, 0, 0];
    const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

    fn access(ip: [u8; 4], token: Option<&str>) -> Access {
        Access::new("/control", SocketAddr::from((ip, 8000)), token)
    }

    #[test]
    fn a_token_counts_wherever_it_is_given() {
        let host: (&str, &[u8]) = ("host", b"localhost:8000");
        for ip in [EVERYWHERE, LOOPBACK] {
            let access = access(ip, Some("t"));
            for method in ["GET", "PATCH"] {
                assert_eq!(status(&access, method, &[host]), 401);
                let token: (&str, &[u8]) = ("authorization", b"Bearer t");
                assert_eq!(status(&access, method, &[host, token]), 200);
                // Whoever has it may come from anywhere.
                let elsewhere: (&str, &[u8]) = ("host", b"workshop.example");
                assert_eq!(status(&access, method, &[elsewhere, token]), 200);
                assert_eq!(status(&access, method, &[host, token, token]), 401);
            }
        }
        assert_eq!(status(&access(EVERYWHERE, None), "GET", &[host]), 403);
        assert_eq!(status(&access(LOOPBACK, None), "PATCH", &[host]), 200);
    }

    #[test]
    fn a_host_that_is_not_text_or_given_twice_is_refused() {
        for token in [None, Some("t")] {
            let access = access(LOOPBACK, token);
            let token: (&str, &[u8]) = ("authorization", b"Bearer t");
            let ours: &[u8] = b"localhost";
            for hosts in [
                vec![b"localhost\xff" as &[u8]],
                vec![ours, ours],
                vec![ours, b"evil.example"],
            ] {
                let hosts = hosts.into_iter().map(|host| ("host", host));
                let hosts: Vec<_> = hosts.chain([token]).collect();
                assert_eq!(status(&access, "GET", &hosts), 400, "{hosts:?}");
            }
        }
        // HTTP/1.0 needs none.
        assert_eq!(status(&access(LOOPBACK, None), "PATCH", &[]), 200);
    }

    #[test]
    fn without_a_token_a_change_must_not_come_from_another_origin() {
        let access = access(LOOPBACK, None);
        let host: (&str, &[u8]) = ("host", b"localhost:8000");
        for (name, value, changes) in [
            ("origin", "http://localhost:8000", 200),
            ("origin", "http://LOCALHOST:8000", 200),
            ("origin", "http://localhost:3000", 403),
            ("origin", "https://localhost:8000", 403),
            ("origin", "http://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            // Typed by the user, or a bookmark.
            ("sec-fetch-site", "none", 200),
            ("sec-fetch-site", "same-site", 403),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            let given: [(&str, &[u8]); 2] = [host, (name, value.as_bytes())];
            for method in ["PATCH", "PUT", "POST", "DELETE"] {
                assert_eq!(status(&access, method, &given), changes, "{name}: {value}");
            }
            assert_eq!(status(&access, "GET", &given), 200, "{name}: {value}");
        }
        // Both must agree, and each be one.
        let ours: (&str, &[u8]) = ("origin", b"http://localhost:8000");
        let cross: (&str, &[u8]) = ("sec-fetch-site", b"cross-site");
        assert_eq!(status(&access, "PUT", &[host, ours, cross]), 403);
        assert_eq!(status(&access, "PUT", &[host, ours, ours]), 403);
        let rebound: (&str, &[u8]) = ("host", b"evil.example:8000");
        assert_eq!(status(&access, "GET", &[rebound]), 403);
    }
}
