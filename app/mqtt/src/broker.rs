//! Where a broker is: the address as its users write it.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;
use thiserror::Error;

/// A broker's address, like `tcp://localhost:1883`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// Text that is no broker's address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("must be a broker's address, like tcp://localhost:1883, or ssl://broker:8883 for TLS")]
pub struct InvalidAddress;

impl FromStr for Broker {
    type Err = InvalidAddress;

    /// `tcp://` and `mqtt://`, or none, mean plain TCP (port 1883 unless named);
    /// `ssl://`, `tls://` and `mqtts://` mean TLS (port 8883).
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (tls, authority) = match text.split_once("://") {
            None => (false, text),
            Some(("tcp" | "mqtt", authority)) => (false, authority),
            Some(("ssl" | "tls" | "mqtts", authority)) => (true, authority),
            Some(_) => return Err(InvalidAddress),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let authority: Authority = authority.parse().map_err(|_| InvalidAddress)?;
        let host = authority.host();
        // Not `port()`, which is none for a port that is not a number, too.
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => Some(if tls { 8883 } else { 1883 }),
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()),
            // There are credentials.
            None => None,
        };
        match port {
            Some(port) if port > 0 && !host.is_empty() => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
                tls,
            }),
            _ => Err(InvalidAddress),
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "ssl" } else { "tcp" };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_their_users_write_them() {
        for (text, printed) in [
            ("tcp://localhost:1883", "tcp://localhost:1883"),
            ("mqtt://10.0.0.1", "tcp://10.0.0.1:1883"),
            ("broker", "tcp://broker:1883"),
            ("broker:1884", "tcp://broker:1884"),
            ("ssl://broker", "ssl://broker:8883"),
            ("mqtts://broker:1", "ssl://broker:1"),
            ("tls://[::1]:8884/", "ssl://[::1]:8884"),
            ("tcp://[::1]", "tcp://[::1]:1883"),
        ] {
            let broker: Broker = text.parse().unwrap();
            assert_eq!(broker.to_string(), printed, "{text}");
            assert_eq!(printed.parse(), Ok(broker));
        }
        for text in [
            "", "tcp://", "http://a", "a:b", "a:0", "a:70000", "::1", "a/b", "[::1", "u:p@h",
            "u@u:1", ":1", "[::1]1", "a b",
        ] {
            assert_eq!(text.parse::<Broker>(), Err(InvalidAddress), "{text}");
        }
    }
}
