//! What the grader's own servers share: a listener that lives as long as it is held,
//! with a thread for each connection, and enough of HTTP/1.1 to be asked by clients
//! and Prometheus. What is answered is each server's own.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::finding::Finding;

// No client of a check sends more.
const MAX_BODY_BYTES: usize = 16 << 20;

// The first line and the headers of a request.
const MAX_HEAD_BYTES: u64 = 64 << 10;

// A client that does not read holds a thread no longer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A server that listens. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// One that listens at `bind`; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub(crate) fn bind(
        bind: &str,
        serve: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<Self, Finding> {
        let listener = TcpListener::bind(bind).and_then(|listener| Self::on(listener, serve));
        listener.map_err(|error| no_port(bind, &error))
    }

    /// One that takes the connections of this listener.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
    pub(crate) fn on(
        listener: TcpListener,
        serve: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (is_over, serve) = (Arc::clone(&ended), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                if stream.set_write_timeout(Some(WRITE_TIMEOUT)).is_err() {
                    continue;
                }
                // A client that goes away is no reason to fail.
                thread::spawn(move || serve(&stream));
            }
        });
        Ok(Self { address, ended })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

/// Why nothing can listen there.
pub(crate) fn no_port(bind: &str, error: &io::Error) -> Finding {
    Finding::new("no-port", format!("{bind} could not be opened: {error}"))
}

/// An HTTP/1.1 request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    // By name, in lower case.
    headers: BTreeMap<String, String>,
}

/// What is answered, such as `200 OK`.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Text in the format of Prometheus' 0.0.4.
    pub(crate) fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; version=0.0.4",
            body: body.into().into_bytes(),
        }
    }
}

impl Request {
    /// The header of this name, in lower case; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    // Nothing if the client sends no more.
    fn read(reader: &mut BufReader<&TcpStream>, max_body: usize) -> io::Result<Option<Self>> {
        let mut head = reader.by_ref().take(MAX_HEAD_BYTES);
        let mut first = String::new();
        if head.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            head.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        if head.limit() == 0 {
            return Err(too_long("head"));
        }
        let length = headers.get("content-length");
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        if length > max_body {
            return Err(too_long("body"));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut words = first.split_whitespace().map(str::to_owned);
        Ok(Some(Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            body,
            headers,
        }))
    }
}

fn too_long(what: &str) -> io::Error {
    let sentence = format!("the {what} of the request is too long");
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// Answers every request that comes over this connection, until the client has no
/// more, or there is no answer.
///
/// # Errors
///
/// If the connection breaks, or a request is too long.
pub(crate) fn serve_http(
    stream: &TcpStream,
    answer: impl Fn(&Request) -> Option<Response>,
) -> io::Result<()> {
    serve_http_within(stream, MAX_BODY_BYTES, answer)
}

/// As [`serve_http`], with bodies of at most so many bytes.
///
/// # Errors
///
/// As [`serve_http`].
pub(crate) fn serve_http_within(
    mut stream: &TcpStream,
    max_body: usize,
    answer: impl Fn(&Request) -> Option<Response>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader, max_body)? {
        let Some(Response {
            status,
            content_type,
            body,
        }) = answer(&request)
        else {
            return Ok(());
        };
        let close = request.header("connection").eq_ignore_ascii_case("close");
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n{}\r\n",
            body.len(),
            if close { "connection: close\r\n" } else { "" },
        );
        stream.write_all(&[head.as_bytes(), &body].concat())?;
        if close {
            break;
        }
    }
    Ok(())
}
