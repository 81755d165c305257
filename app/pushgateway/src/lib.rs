//! A client of Prometheus' Pushgateway: replaces or deletes one group of
//! metrics. Knows no metric, no schedule and no retry.
//!
//! Source: the Pushgateway's README, sections "API" and "PUT method".

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use golden_http_client::{BaseUrl, UrlError, exchange};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Request, StatusCode, Uri};

/// More of a gateway's answer is not read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// So much of a gateway's complaint is repeated.
const MAX_COMPLAINT_CHARACTERS: usize = 200;

/// A gateway and how long it may take to answer.
#[derive(Clone, Debug)]
pub struct Pushgateway {
    address: Address,
    timeout: Duration,
}

/// Where a gateway is: `host:port`, or a URL with the scheme `http`.
///
/// ```
/// use golden_pushgateway::Address;
///
/// let address: Address = "metrics_gateway:9091".parse()?;
/// assert_eq!(address.to_string(), "http://metrics_gateway:9091");
/// # Ok::<(), golden_pushgateway::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(BaseUrl);

/// Why a text is no address of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL with a host.
    #[error("must be a host and a port, like metrics_gateway:9091")]
    NoHost,
    /// It asks for TLS or something else that is not spoken here.
    #[error(
        "must be plain http; put the gateway, or a proxy that speaks TLS to it, on a private network"
    )]
    NotHttp,
    /// It carries a query, a fragment or a user.
    #[error("must end with its path; a query, a fragment or a user has no meaning here")]
    Superfluous,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = if text.contains("://") {
            text.parse()
        } else {
            format!("http://{text}").parse()
        };
        url.map(Self).map_err(|error| match error {
            UrlError::Invalid => AddressError::NoHost,
            UrlError::NotHttp => AddressError::NotHttp,
            UrlError::Credentials | UrlError::Superfluous => AddressError::Superfluous,
        })
    }
}

impl Address {
    /// The host and the port.
    #[must_use]
    pub fn authority(&self) -> String {
        self.0.host_and_port()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The labels under which a gateway keeps what is pushed together: a push
/// replaces exactly the metrics of its own group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group(Vec<(&'static str, String)>);

/// A value that cannot stand in a group's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label} {value:?}: must not be empty, `.` or `..`, nor contain a slash")]
pub struct GroupError {
    label: &'static str,
    value: String,
}

impl Group {
    /// The group of these labels, `job` first.
    ///
    /// # Errors
    ///
    /// If a value cannot be part of a path.
    pub fn new(labels: Vec<(&'static str, String)>) -> Result<Self, GroupError> {
        match labels
            .iter()
            .find(|(_, value)| matches!(value.as_str(), "" | "." | "..") || value.contains('/'))
        {
            Some((label, value)) => Err(GroupError {
                label,
                value: value.clone(),
            }),
            None => Ok(Self(labels)),
        }
    }

    /// The labels, as they were given.
    #[must_use]
    pub fn labels(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

/// Why a push did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No connection, or no answer in time.
    #[error("{address} does not answer: {reason}")]
    Unreachable {
        /// Whom it was pushed to.
        address: String,
        /// What failed, down to the first cause.
        reason: String,
    },
    /// The gateway sends elsewhere. It is not followed: what follows a redirect
    /// turns a PUT into a GET, which succeeds without pushing anything.
    #[error("{address} has moved to {to}; change the address")]
    Moved {
        /// Whom it was pushed to.
        address: String,
        /// Where it says that it is.
        to: String,
    },
    /// The gateway does not take the metrics.
    #[error("{address} answers {status}: {complaint}")]
    Refused {
        /// Whom it was pushed to.
        address: String,
        /// The status of its answer.
        status: u16,
        /// What it says, shortened.
        complaint: String,
    },
}

impl Pushgateway {
    /// The gateway at `address`, each exchange with which may take `timeout`.
    ///
    /// Every exchange has its own connection, so that a gateway which moves is
    /// found again by its name.
    #[must_use]
    pub fn new(address: Address, timeout: Duration) -> Self {
        Self { address, timeout }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Replaces all metrics of `group` by `body`.
    ///
    /// # Errors
    ///
    /// If the gateway cannot be reached, sends elsewhere or refuses.
    pub async fn put(
        &self,
        group: &Group,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), PushError> {
        let request = Request::put(self.url(group)).header(CONTENT_TYPE, content_type);
        self.send(request, body.into()).await
    }

    /// Deletes all metrics of `group`, which is fine where there are none.
    ///
    /// # Errors
    ///
    /// If the gateway cannot be reached, sends elsewhere or refuses.
    pub async fn delete(&self, group: &Group) -> Result<(), PushError> {
        self.send(Request::delete(self.url(group)), Bytes::new())
            .await
    }

    fn url(&self, group: &Group) -> Uri {
        let labels = group.0.iter();
        let labels = labels.flat_map(|(label, value)| [*label, value.as_str()]);
        self.address
            .0
            .join_segments(std::iter::once("metrics").chain(labels))
    }

    async fn send(&self, request: http::request::Builder, body: Bytes) -> Result<(), PushError> {
        let address = || self.address.to_string();
        let unreachable = |reason: String| PushError::Unreachable {
            address: address(),
            reason,
        };
        let request = request.body(body);
        let request = request.map_err(|error| unreachable(error.to_string()))?;
        let answer = match exchange(request, self.timeout, MAX_ANSWER_BYTES).await {
            Ok(answer) => answer,
            Err(error) => return Err(unreachable(error.to_string())),
        };
        let status = answer.status();
        if matches!(status, StatusCode::OK | StatusCode::ACCEPTED) {
            return Ok(());
        }
        if status.is_redirection() {
            let to = answer.headers().get(LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            return Err(PushError::Moved {
                address: address(),
                to: to.to_owned(),
            });
        }
        let complaint = String::from_utf8_lossy(answer.body());
        Err(PushError::Refused {
            address: address(),
            status: status.as_u16(),
            complaint: complaint
                .trim()
                .chars()
                .take(MAX_COMPLAINT_CHARACTERS)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_or_a_plain_url() {
        for (text, expected) in [
            ("metrics_gateway:9091", "http://metrics_gateway:9091"),
            ("http://10.0.0.1:9091/", "http://10.0.0.1:9091"),
            ("http://proxy/gateway/", "http://proxy/gateway"),
            ("[::1]:9091", "http://[::1]:9091"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), expected);
        }
        for (text, expected) in [
            ("", AddressError::NoHost),
            ("gateway:port", AddressError::NoHost),
            ("https://gateway:9091", AddressError::NotHttp),
            ("http://user@gateway:9091", AddressError::Superfluous),
            ("gateway:9091?job=x", AddressError::Superfluous),
        ] {
            assert_eq!(text.parse::<Address>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_group_stands_in_the_path_whatever_its_values() {
        let group = |job: &str| Group::new(vec![("job", job.to_owned())]);
        let gateway = Pushgateway::new("proxy:80/gateway".parse().unwrap(), Duration::from_secs(1));
        let url = gateway.url(&group("dlrm v1.0 %?#ü").unwrap());
        assert_eq!(
            url,
            "http://proxy:80/gateway/metrics/job/dlrm%20v1.0%20%25%3F%23%C3%BC"
        );
        for job in ["", ".", "..", "a/b"] {
            assert!(group(job).is_err(), "{job}");
        }
    }
}
