//! A kept-alive HTTP/1.1 connection, on which requests may be pipelined: sent
//! without waiting for the answers before. It is how a test sends a great many
//! requests in little time, and how it holds one open or breaks it off.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::TIMEOUT;

/// An open connection. Dropping it closes it, whatever is still to come.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Up to where what was received has been read.
    read: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If nothing listens there.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        for limit in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            limit(&stream, Some(TIMEOUT)).expect("the time is not zero");
        }
        stream.set_nodelay(true).expect("it is a TCP stream");
        Self {
            stream,
            received: Vec::new(),
            read: 0,
        }
    }

    /// Sends these bytes, whatever they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next answer, status and body. An answer to HEAD has no body,
    /// whatever its head says, so that the caller must say `to_head`.
    pub fn receive(&mut self, to_head: bool) -> io::Result<(u16, &[u8])> {
        let head = loop {
            let unread = &self.received[self.read..];
            if let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break self.read..self.read + end + 2;
            }
            self.fill()?;
        };
        let body = head.end + 2;
        let head = &self.received[head];
        let invalid =
            || io::Error::new(io::ErrorKind::InvalidData, head.escape_ascii().to_string());
        let status = head.get(9..12).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            digits.parse().ok()
        });
        let status = status.ok_or_else(invalid)?;
        let length = if to_head || matches!(status, 204 | 304) {
            0
        } else {
            content_length(head).ok_or_else(invalid)?
        };
        while self.received.len() < body + length {
            self.fill()?;
        }
        self.read = body + length;
        Ok((status, &self.received[body..body + length]))
    }

    fn fill(&mut self) -> io::Result<()> {
        // What has been read is forgotten only when it costs no copying to speak of.
        if self.read > 64 * 1024 || self.read == self.received.len() {
            self.received.drain(..self.read);
            self.read = 0;
        }
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.received.extend_from_slice(&bytes[..length]);
                Ok(())
            }
        }
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let value = head.split(|&byte| byte == b'\n').find_map(|line| {
        let name = line.get(..NAME.len())?;
        name.eq_ignore_ascii_case(NAME)
            .then(|| line[NAME.len()..].trim_ascii())
    })?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// `GET path` as a browser on a kept-alive connection would ask it.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: golden\r\n\r\n").into_bytes()
}

/// Sends `count` times the same request over one connection, up to 64 of them ahead
/// of the answers, and returns how often each status was the answer.
///
/// # Panics
///
/// If the connection breaks.
pub fn pipeline(address: SocketAddr, request: &[u8], count: usize) -> BTreeMap<u16, usize> {
    const AHEAD: usize = 64;

    let mut connection = Connection::open(address);
    let batch = request.repeat(AHEAD);
    let mut statuses = BTreeMap::new();
    let mut left = count;
    while left > 0 {
        let sent = left.min(AHEAD);
        connection
            .send(&batch[..sent * request.len()])
            .expect("the service reads");
        for _ in 0..sent {
            let (status, _) = connection.receive(false).expect("the service answers");
            *statuses.entry(status).or_default() += 1;
        }
        left -= sent;
    }
    statuses
}
