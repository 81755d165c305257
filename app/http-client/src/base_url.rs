//! Where a server is, as its users write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

/// What stays as it is in a segment of a path and in a query: RFC 3986's unreserved
/// characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A server's address: `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    authority: Authority,
    /// Without the slash at its end: empty, or `/a/b`.
    path: String,
}

/// Why a text is no [`BaseUrl`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// It is no URL, or one without a host.
    #[error("must be a URL like http://127.0.0.1:9090")]
    Invalid,
    /// Its scheme is not `http`.
    #[error("must be plain http, like http://127.0.0.1:9090")]
    NotHttp,
    /// It has a user name or a password.
    #[error("must be without user name and password")]
    Credentials,
    /// It has a query or a fragment.
    #[error("must be without ? and #")]
    Superfluous,
}

impl FromStr for BaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        // The parser drops a fragment.
        if text.contains(['?', '#']) {
            return Err(UrlError::Superfluous);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Invalid)?;
        let parts = uri.into_parts();
        let authority = parts.authority.ok_or(UrlError::Invalid)?;
        if parts.scheme != Some(Scheme::HTTP) {
            return Err(UrlError::NotHttp);
        }
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        // A port that is none is taken for a part of the host's name otherwise.
        let port_is_valid = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok(),
            _ => true,
        };
        if authority.host().is_empty() || !port_is_valid {
            return Err(UrlError::Invalid);
        }
        let path = parts.path_and_query;
        let path = path.as_ref().map_or("", PathAndQuery::path);
        Ok(Self {
            authority,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl BaseUrl {
    /// The host and the port, with brackets around an IPv6 address.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let port = self.authority.port_u16().unwrap_or(80);
        format!("{}:{port}", self.authority.host())
    }

    /// Whether the host is this machine's loopback.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The URL of `path`, which begins with a slash and is encoded already, with this
    /// query, which is not.
    ///
    /// # Panics
    ///
    /// If `path` has characters that cannot stand in a URL.
    #[must_use]
    pub fn join(&self, path: &str, query: &[(&str, &str)]) -> Uri {
        let mut target = format!("{}{path}", self.path);
        let mut separator = '?';
        for (name, value) in query {
            target.push(separator);
            target.extend([&*encoded(name), "=", &*encoded(value)]);
            separator = '&';
        }
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .expect("the caller's path is encoded")
    }

    /// The URL of the path with these segments, which are not encoded yet.
    #[must_use]
    pub fn join_segments<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Uri {
        let path = segments
            .into_iter()
            .fold(String::new(), |mut path, segment| {
                path.extend(["/", &*encoded(segment)]);
                path
            });
        self.join(&path, &[])
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_their_users_write_them() {
        for (text, shown, host_and_port) in [
            (
                "http://127.0.0.1:9090",
                "http://127.0.0.1:9090",
                "127.0.0.1:9090",
            ),
            ("http://x/prom/", "http://x/prom", "x:80"),
            ("HTTP://[::1]:1", "http://[::1]:1", "[::1]:1"),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.host_and_port(), host_and_port);
        }
        for (text, error) in [
            ("", UrlError::Invalid),
            ("/path", UrlError::Invalid),
            ("http://", UrlError::Invalid),
            ("http://:80", UrlError::Invalid),
            ("http://x:99999", UrlError::Invalid),
            ("http://x:port", UrlError::Invalid),
            ("https://x", UrlError::NotHttp),
            ("http://a:b@x", UrlError::Credentials),
            ("http://x?a=b", UrlError::Superfluous),
            ("http://x#a", UrlError::Superfluous),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_joined_is_encoded_once() {
        let url: BaseUrl = "http://x/prom".parse().unwrap();
        let query = url.join("/api", &[("a", "%&ü"), ("b", "")]);
        assert_eq!(query, "http://x/prom/api?a=%25%26%C3%BC&b=");
        let path = url.join_segments(["job", "dlrm v1.0 %?#/"]);
        assert_eq!(path, "http://x/prom/job/dlrm%20v1.0%20%25%3F%23%2F");
    }

    #[test]
    fn loopback_is_this_machine() {
        for (text, loopback) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:9", true),
            ("http://prometheus:9090", false),
            ("http://127.example", false),
        ] {
            let url: BaseUrl = text.parse().unwrap();
            assert_eq!(url.is_loopback(), loopback, "{text}");
        }
    }
}
