//! Asks a running service whether it is ready, for health checks that can only
//! start a program and look at its exit code: Docker's, in an image without
//! another HTTP client. Roles that listen on nothing have a
//! [heartbeat](crate::heartbeat) instead.
//!
//! One plain `GET` on the standard library alone, so that asking costs
//! milliseconds. No chain of further checks belongs here, and no TLS.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::{Duration, Instant};

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use thiserror::Error;

use crate::heartbeat::{Heartbeat, HeartbeatError};

/// For connecting, asking and reading together.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Only the status line is read; nobody's is longer.
const MAX_STATUS_LINE: usize = 1024;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A service that answers HTTP.
    Http(Address),
    /// A role that listens on nothing.
    Heartbeat(Heartbeat),
}

/// An address of plain HTTP: `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it stands in a URL: an IPv6 address in brackets.
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not a [`Target`].
#[derive(Debug, Error, PartialEq, Eq)]
#[error("must be like http://127.0.0.1:8000/readyz or file:///run/heartbeat?max_age=30s")]
pub struct NotATarget;

/// Why a service does not count as healthy.
#[derive(Debug, Error)]
pub enum Unhealthy {
    /// Nobody was reached, the connection broke, or the check timed out.
    #[error("{target}: {source}")]
    Unreachable {
        /// Who was asked.
        target: Address,
        /// What happened instead of an answer.
        source: io::Error,
    },
    /// What came is not HTTP/1.
    #[error("{target}: answers {answer:?}, which is not HTTP")]
    NotHttp {
        /// Who was asked.
        target: Address,
        /// How the answer begins.
        answer: String,
    },
    /// An answer outside 200 to 299.
    #[error("{target}: {status}")]
    Status {
        /// Who was asked.
        target: Address,
        /// Code and reason.
        status: String,
    },
    /// No work was done for too long.
    #[error("{heartbeat}: {reason}")]
    Heartbeat {
        /// Which heartbeat.
        heartbeat: Heartbeat,
        /// How it failed.
        reason: HeartbeatError,
    },
}

/// Asks once, within three seconds; returns the status of an answer from 200 to
/// 299, or how long ago work was done.
///
/// # Errors
///
/// If there is no answer in time, or another one; if there was no work for too
/// long.
pub fn ask(target: &Target) -> Result<String, Unhealthy> {
    match target {
        Target::Http(address) => get(address),
        Target::Heartbeat(heartbeat) => match heartbeat.check() {
            Ok(age) => Ok(format!("the last heartbeat was {} s ago", age.as_secs())),
            Err(reason) => Err(Unhealthy::Heartbeat {
                heartbeat: heartbeat.clone(),
                reason,
            }),
        },
    }
}

fn get(target: &Address) -> Result<String, Unhealthy> {
    let line = first_line(target).map_err(|source| Unhealthy::Unreachable {
        target: target.clone(),
        source,
    })?;
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "));
    let code = status.and_then(|status| status.get(..3)?.parse::<u16>().ok());
    match (code, status) {
        (Some(200..=299), Some(status)) => Ok(status.trim().to_owned()),
        (Some(_), Some(status)) => Err(Unhealthy::Status {
            target: target.clone(),
            status: status.trim().to_owned(),
        }),
        _ => Err(Unhealthy::NotHttp {
            target: target.clone(),
            answer: line,
        }),
    }
}

/// What the server says before the first line break.
fn first_line(target: &Address) -> io::Result<String> {
    let deadline = Instant::now() + TIMEOUT;
    let mut stream = connect(target, deadline)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    // One write, so that the server has all of it with its first read.
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}:{}\r\nuser-agent: golden-signals-healthcheck\r\nconnection: close\r\n\r\n",
        target.path, target.host, target.port
    );
    stream.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    let mut part = [0; MAX_STATUS_LINE];
    while !line.contains(&b'\n') && line.len() < MAX_STATUS_LINE {
        // Each read gets what is left, so that a trickle does not add up.
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut part)? {
            0 => break,
            read => line.extend_from_slice(&part[..read]),
        }
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// A name may have several addresses; any one of them will do.
fn connect(target: &Address, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let name = target.host.trim_matches(['[', ']']);
    for address in (name, target.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        let reason = format!("no answer within {} s", TIMEOUT.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
    }
    Ok(left)
}

impl FromStr for Target {
    type Err = NotATarget;

    fn from_str(text: &str) -> Result<Self, NotATarget> {
        if text.starts_with("file:") {
            let heartbeat = text.parse().map_err(|_| NotATarget)?;
            return Ok(Self::Heartbeat(heartbeat));
        }
        let uri: Uri = text.parse().map_err(|_| NotATarget)?;
        let authority = uri.authority().ok_or(NotATarget)?;
        let host = authority.host();
        // Not `port()`, which is none for a port that is not a number, too.
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => Some(80),
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()),
            // There are credentials.
            None => None,
        };
        match port {
            // A request line is ASCII, to which `Uri` does not keep.
            Some(port)
                if uri.scheme() == Some(&Scheme::HTTP) && !host.is_empty() && text.is_ascii() =>
            {
                let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
                Ok(Self::Http(Address {
                    host: host.to_owned(),
                    port,
                    path: path.to_owned(),
                }))
            }
            _ => Err(NotATarget),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => address.fmt(formatter),
            Self::Heartbeat(heartbeat) => heartbeat.fmt(formatter),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, path } = self;
        write!(formatter, "http://{host}:{port}{path}")
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers one connection with these bytes, and returns what `ask` makes of
    /// it.
    fn answered(answer: &'static [u8]) -> Result<String, Unhealthy> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let result = ask(&url.parse().unwrap());
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /readyz HTTP/1.1\r\n")
        );
        result
    }

    #[test]
    fn an_answer_of_success_is_healthy() {
        let status = answered(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(status, "200 OK");
        assert_eq!(answered(b"HTTP/1.0 204 \n").unwrap(), "204");
    }

    #[test]
    fn another_answer_is_said() {
        let error = answered(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("/readyz: 503 Service Unavailable"),
            "{error}"
        );
        let error = answered(b"220 mail ready\r\n").unwrap_err();
        assert!(error.to_string().contains("not HTTP"), "{error}");
        let error = answered(b"").unwrap_err();
        assert!(matches!(error, Unhealthy::NotHttp { .. }), "{error}");
    }

    #[test]
    fn nobody_there_is_said() {
        // Taken and given back: nobody listens there now.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = ask(&format!("http://{address}").parse().unwrap()).unwrap_err();
        assert!(matches!(error, Unhealthy::Unreachable { .. }), "{error}");
    }

    #[test]
    fn targets_are_read_and_written() {
        for (text, whole) in [
            (
                "http://127.0.0.1:8000/readyz",
                "http://127.0.0.1:8000/readyz",
            ),
            ("http://app", "http://app:80/"),
            ("http://[::1]:8000/a/b", "http://[::1]:8000/a/b"),
            ("http://[::1]", "http://[::1]:80/"),
            ("file:///a/b?max_age=90s", "file:///a/b?max_age=1m 30s"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), whole);
        }
        for bad in [
            "",
            "app:8000",
            "https://app/",
            "http://",
            "http://:80/",
            "http://a:b/",
            "http://a:70000/",
            "http://a/ b",
            "http://a/é",
            "http://u@a/",
            "http://u:p@a/",
            "file:///a/b",
        ] {
            assert_eq!(bad.parse::<Target>(), Err(NotATarget), "{bad}");
        }
    }
}
