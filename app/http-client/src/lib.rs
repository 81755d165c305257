//! One HTTP/1.1 exchange over a connection of its own, bounded in time and size: for
//! programs that ask another one now and then. No TLS, no proxy, no redirect followed,
//! no connection kept; knows no peer and what it is asked.
//!
//! hyper does the protocol. A client such as reqwest would bring thirty more crates,
//! for what is not wanted here.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! use golden_http_client::{BaseUrl, exchange};
//!
//! let prometheus: BaseUrl = "http://127.0.0.1:9090".parse()?;
//! let request = http::Request::get(prometheus.join("/api/v1/query", &[("query", "up")]));
//! let request = request.body(bytes::Bytes::new())?;
//! let response = exchange(request, Duration::from_secs(5), 1 << 20).await?;
//! println!("{}: {} bytes", response.status(), response.body().len());
//! # Ok(())
//! # }
//! ```

mod base_url;

use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

pub use base_url::{BaseUrl, UrlError};

/// Why there is no response.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The host name has no address.
    #[error("no such host: {0}")]
    NoSuchHost(io::Error),
    /// No connection to any address of the host.
    #[error("{0}")]
    Connect(io::Error),
    /// The response was not complete in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
    /// The body is larger than allowed.
    #[error("a response of more than {0} bytes")]
    TooLarge(usize),
    /// What was received is not HTTP/1, or the connection broke.
    #[error("{0}")]
    Protocol(String),
}

impl ExchangeError {
    fn protocol(error: &dyn std::error::Error) -> Self {
        // The innermost cause says most.
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self::Protocol(cause.to_string())
    }
}

/// Sends the request to the host of its URI, which is an `http` one with a host as
/// [`BaseUrl::join`] makes it, and returns the whole response, whatever its status.
///
/// # Errors
///
/// If there is no complete response within `timeout`, or its body has more than
/// `max_body` bytes.
///
/// # Panics
///
/// Outside a Tokio runtime.
pub async fn exchange(
    request: Request<Bytes>,
    timeout: Duration,
    max_body: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    tokio::time::timeout(timeout, over_a_connection(request, max_body))
        .await
        .unwrap_or(Err(ExchangeError::Timeout(timeout)))
}

async fn over_a_connection(
    request: Request<Bytes>,
    max_body: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    let stream = connect(request.uri()).await?;
    exchange_over(stream, request, max_body).await
}

/// The same over a connection that there is already, such as one to a Unix socket, for as
/// long as the caller waits.
///
/// # Errors
///
/// If what comes is no response, or its body has more than `max_body` bytes.
pub async fn exchange_over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
    max_body: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| ExchangeError::protocol(&error))?;
    let request = in_origin_form(request).map(Full::new);
    let mut answered = pin!(async {
        let response = sender.send_request(request).await;
        let (head, body) = response
            .map_err(|error| ExchangeError::protocol(&error))?
            .into_parts();
        let body = Limited::new(body, max_body).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ExchangeError::TooLarge(max_body)
            } else {
                ExchangeError::protocol(&*error)
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    });
    let mut connection = pin!(connection);
    tokio::select! {
        response = &mut answered => return response,
        ended = &mut connection => ended.map_err(|error| ExchangeError::protocol(&error))?,
    }
    // The connection is over, and what it has received may not have been taken yet.
    answered.await
}

async fn connect(uri: &Uri) -> Result<TcpStream, ExchangeError> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let addresses = lookup_host((host, port)).await;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.map_err(ExchangeError::NoSuchHost)? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(ExchangeError::Connect(failure))
}

/// With the path alone in the request line and the authority in `host`, as servers want
/// it (RFC 9112, section 3.2.1).
fn in_origin_form(mut request: Request<Bytes>) -> Request<Bytes> {
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into();
    request
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Answers one connection with these bytes and closes it; returns what was asked.
    async fn server(answer: &'static [u8]) -> (BaseUrl, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            stream.write_all(answer).await.unwrap();
            String::from_utf8(bytes).unwrap()
        });
        (url.parse().unwrap(), asked)
    }

    async fn get(url: &BaseUrl, max_body: usize) -> Result<Response<Bytes>, ExchangeError> {
        let request = Request::get(url.join("/path", &[("q", "a b&c")]));
        exchange(request.body(Bytes::new()).unwrap(), TIMEOUT, max_body).await
    }

    #[tokio::test]
    async fn it_asks_in_origin_form_and_returns_any_status() {
        let (url, asked) = server(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone").await;
        let response = get(&url, 4).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.body()[..]),
            (404, &b"none"[..])
        );
        let asked = asked.await.unwrap();
        assert!(
            asked.starts_with("GET /base/path?q=a%20b%26c HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("host: 127.0.0.1:"), "{asked}");
    }

    #[tokio::test]
    async fn chunks_and_a_body_that_ends_with_the_connection_are_read_whole() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let (url, _) = server(chunked).await;
        assert_eq!(get(&url, 5).await.unwrap().body(), "abcde");
        let (url, _) = server(b"HTTP/1.0 200 OK\r\n\r\nto the end").await;
        assert_eq!(get(&url, 100).await.unwrap().body(), "to the end");
    }

    #[tokio::test]
    async fn what_goes_wrong_is_told_apart() {
        let (url, _) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde").await;
        assert!(matches!(
            get(&url, 4).await,
            Err(ExchangeError::TooLarge(4))
        ));
        let (url, _) = server(b"SSH-2.0-OpenSSH\r\n").await;
        assert!(matches!(
            get(&url, 4).await,
            Err(ExchangeError::Protocol(_))
        ));
        let (url, _) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").await;
        assert!(matches!(
            get(&url, 9).await,
            Err(ExchangeError::Protocol(_))
        ));
        // The port of a listener that is gone.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        match get(&url.parse().unwrap(), 4).await {
            Err(ExchangeError::Connect(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let ended = exchange(request, Duration::from_millis(50), 4).await;
        assert!(matches!(ended, Err(ExchangeError::Timeout(_))), "{ended:?}");
    }
}
