//! Bytes to and from a service that leaves everything to the test: no traffic of
//! its own, and no client library that would correct anything.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::http::{self, Answer};
use super::server::Server;

/// Longer than the service may take to answer or to close: one that closes later hangs.
pub const TIMEOUT: Duration = Duration::from_secs(20);

pub const QUIET: &[&str] = &[
    "--traffic",
    "0",
    "--error-rate",
    "0",
    "--delay",
    "constant(1ms)",
];

pub fn quiet(further: &[&str]) -> Server {
    Server::start(&[QUIET, further].concat())
}

/// The server lives, nothing is in flight, and no descriptor is held beyond
/// those that were open before.
pub fn nothing_remains(server: &Server, open_before: f64) {
    assert_eq!(server.get("/healthz").status, 200);
    assert_eq!(server.get("/random").status, 200);
    server.metrics_when(TIMEOUT, "everything has ended and is closed", |samples| {
        let in_flight: f64 = samples
            .select("http_requests_in_flight", &[])
            .filter(|sample| sample.labels["route"] != "/metrics")
            .map(|sample| sample.value)
            .sum();
        in_flight == 0.0 && samples.value("process_open_fds", &[]) <= open_before
    });
    let panicked = server.log().iter().any(|line| line.contains("panicked"));
    assert!(!panicked, "{:#?}", server.log());
}

/// What is open while one scrapes and nothing else happens.
pub fn open_now(server: &Server) -> f64 {
    // The timer of the delays opens its own with the first delay.
    assert_eq!(server.get("/random").status, 200);
    server.metrics().value("process_open_fds", &[])
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("not zero");
    stream
}

/// Everything until the server closes, which it must.
pub fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!(
            "not closed: {error}, after {:?}",
            String::from_utf8_lossy(&bytes)
        ),
    }
    bytes
}

pub fn patch(address: SocketAddr, path: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json")];
    http::request(address, "PATCH", path, &headers, body.as_bytes())
}

pub fn head(method: &str, path: &str, headers: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\r\n"
    )
}

/// The status of the answer to these bytes, if it is one.
pub fn status(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let stream = connect(address);
    // It may say no before it has read everything.
    let _ = (&stream).write_all(bytes);
    http::parse(&rest(&stream)).map(|answer| answer.status)
}
