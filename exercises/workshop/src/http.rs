//! A plain HTTP/1.1 client, one request a connection, on the standard library
//! alone: it sends exactly what it is told, and can go away in the middle.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::finding::Finding;

/// Longer than any answer may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// What the names of the clients of [`all`] begin with, which they send in their headers.
pub const CLIENT: &str = "client-";

// No page of metrics is larger.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 200 and so on.
    pub status: u16,
    /// Everything after the headers, as it came.
    pub body: String,
    /// The header `content-type`, empty if there is none.
    pub content_type: String,
    /// Whether the header `content-length` says how long it is.
    pub has_length: bool,
}

/// Sends one request and reads its answer.
///
/// # Errors
///
/// If nobody listens, nothing comes within [`TIMEOUT`], the connection breaks,
/// or what comes is not HTTP.
pub fn request(address: SocketAddr, method: &str, path: &str) -> io::Result<Answer> {
    request_with(address, method, path, &[])
}

/// As [`request`], with these headers.
///
/// # Errors
///
/// As [`request`].
pub fn request_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> io::Result<Answer> {
    send(address, method, path, headers, "")
}

/// As [`request_with`], with this body.
///
/// # Errors
///
/// As [`request`].
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let stream = sent_with(address, method, path, headers, body)?;
    let mut bytes = Vec::new();
    (&stream).take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
    parse(&bytes, method == "HEAD")
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer"))
}

/// Sends a request and keeps the connection: dropping it is a client that goes away.
///
/// # Errors
///
/// If nobody listens or the connection breaks.
pub fn sent(address: SocketAddr, method: &str, path: &str) -> io::Result<TcpStream> {
    sent_with(address, method, path, &[], "")
}

fn sent_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let is_host_given = headers.iter().any(|(name, _)| *name == "host");
    let host = if is_host_given {
        ""
    } else {
        "host: student\r\n"
    };
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // In one piece: a server may answer the first piece that it reads.
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

/// Sends all of them, `at_once` at a time, each as another client; returns the answers in the
/// order of the requests.
#[must_use]
pub fn all(
    address: SocketAddr,
    requests: &[(&str, String)],
    at_once: usize,
) -> Vec<io::Result<Answer>> {
    let ask = |number: usize, method: &str, path: &str| {
        let name = format!("{CLIENT}{number}");
        let headers = [
            "host",
            "user-agent",
            "referer",
            "x-forwarded-for",
            "x-request-id",
            "from",
            "cookie",
            "authorization",
            "origin",
            "accept-language",
        ];
        request_with(
            address,
            method,
            path,
            &headers.map(|header| (header, name.as_str())),
        )
    };
    let mut answers = Vec::new();
    for group in requests.chunks(at_once) {
        let before = answers.len();
        let answered: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = group
                .iter()
                .enumerate()
                .map(|(index, (method, path))| {
                    scope.spawn(move || ask(before + index, method, path))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| thread.join().expect("it only asks"))
                .collect()
        });
        answers.extend(answered);
    }
    answers
}

/// Sends `GET path` over this many connections, `each` times over each of them,
/// and waits for the answers. Nothing of them is looked at.
///
/// # Errors
///
/// If nobody listens, nothing comes within [`TIMEOUT`], or a connection breaks.
pub fn stream(address: SocketAddr, path: &str, clients: usize, each: usize) -> io::Result<()> {
    const PIPELINED: usize = 50;
    let one = || -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: student\r\n\r\n");
        let mut left = each;
        while left > 0 {
            let count = left.min(PIPELINED);
            stream.write_all(request.repeat(count).as_bytes())?;
            let (mut answers, mut chunk) = (Vec::new(), [0; 16 << 10]);
            let head = b"HTTP/1.1 ";
            while answers
                .windows(head.len())
                .filter(|part| part == head)
                .count()
                < count
            {
                let read = stream.read(&mut chunk)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                answers.extend_from_slice(&chunk[..read]);
            }
            left -= count;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().expect("it only asks"))
    })
}

/// As it may stand in a URL, after `?query=`.
#[must_use]
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// The address in `http://127.0.0.1:8000/…` or `127.0.0.1:8000`.
///
/// # Errors
///
/// `no-address`.
pub fn address(text: &str) -> Result<SocketAddr, Finding> {
    let host = text.strip_prefix("http://").unwrap_or(text);
    let host = host.split('/').next().unwrap_or_default();
    host.replace("localhost", "127.0.0.1").parse().map_err(|_| {
        let sentence = format!("`{text}` is not an address such as http://127.0.0.1:8000.");
        Finding::new("no-address", sentence)
    })
}

// The answer to HEAD has the length of a body that does not come.
fn parse(bytes: &[u8], is_head: bool) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.strip_prefix("HTTP/1.1 ")?;
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let chunked = header("transfer-encoding").is_some_and(|coding| coding == "chunked");
    let body = if chunked {
        dechunked(body)?
    } else {
        body.to_owned()
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    if !is_head && length.is_some_and(|length: usize| length != body.len()) {
        return None;
    }
    Some(Answer {
        status: status.get(..3)?.parse().ok()?,
        body,
        content_type: header("content-type").unwrap_or_default().to_owned(),
        has_length: length.is_some(),
    })
}

// Each chunk has its length before it, in hexadecimal; the last is empty.
fn dechunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}
