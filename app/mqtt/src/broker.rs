//! Where a broker is: the address as its users write it.

use std::fmt;
use std::str::FromStr;

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
        // An IPv6 address has colons of its own, and brackets around them.
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(InvalidAddress)?;
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return Err(InvalidAddress),
                }
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None if tls => 8883,
            None => 1883,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or(InvalidAddress)?,
        };
        let in_hosts = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
        if host.is_empty() || !host.bytes().all(in_hosts) {
            return Err(InvalidAddress);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
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
        ] {
            assert_eq!(text.parse::<Broker>(), Err(InvalidAddress), "{text}");
        }
    }
}
