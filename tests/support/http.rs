//! A blocking HTTP/1.1 client of one request a connection, on the standard
//! library alone: what it sends is exactly what the test says, and what it
//! returns is exactly what the server sent, garbage included.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::TIMEOUT;

// Longer than any answer may take; a hung server fails the test instead of hanging it.
/// An answer, its body decoded from chunks if it came in chunks.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// In the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body, which must be UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }
}

/// `GET path`, with these headers.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, "GET", path, headers, b"")
}

/// `POST path` of JSON.
pub fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> Answer {
    let headers = [("content-type", "application/json")];
    request(address, "POST", path, &headers, body.to_string().as_bytes())
}

/// Any request; panics, with what was sent, if the answer is not HTTP.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("content-length: {}\r\n", body.len());
    }
    head += "\r\n";
    let answer = raw(address, &[head.as_bytes(), body].concat())
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    // What answers HEAD states the length of a body that does not follow.
    let parsed = match method {
        "HEAD" => parse_head(&answer),
        _ => parse(&answer),
    };
    parsed.unwrap_or_else(|| {
        panic!(
            "{method} {path} was answered with {:?}",
            String::from_utf8_lossy(&answer)
        )
    })
}

/// Sends these bytes, whatever they are, and returns all that comes until the server closes.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A server may close before it has read everything; what it said still counts.
        Err(error) if answer.is_empty() || error.kind() != io::ErrorKind::ConnectionReset => {
            Err(error)
        }
        _ => Ok(answer),
    }
}

/// Reads one answer; `None` if it is not one.
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let mut answer = parse_head(bytes)?;
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body)?;
    } else if let Some(length) = answer.header("content-length") {
        // A body cut short is no answer.
        let length: usize = length.parse().ok()?;
        answer.body = answer.body.get(..length)?.to_vec();
    }
    Some(answer)
}

// All that follows the head counts as the body.
fn parse_head(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let headers: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Answer {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line])
            .ok()?
            .split(';')
            .next()?
            .trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}
