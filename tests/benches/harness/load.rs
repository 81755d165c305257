//! Sends load over kept-alive connections and says, request by request, what
//! came back and when.
//!
//! A latency is from just before the request is written to just after the last
//! byte of its answer is read, so it contains the client. What the client itself
//! costs is measured by sending the same load to something that does nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One answered request.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub started: Instant,
    pub latency: Duration,
    pub status: u16,
    pub body: Vec<u8>,
}

/// `GET path` with these headers, as bytes.
pub fn get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    (request + "\r\n").into_bytes()
}

/// A connection that is reused as long as the server lets it.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends without waiting for the answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let mut rest = request;
        while !rest.is_empty() {
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends and waits for the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Exchange> {
        let started = Instant::now();
        self.send(request).await?;
        self.received.clear();
        loop {
            let missing = match progress(&self.received)? {
                Progress::Complete { status, body } => {
                    let body = self.received[body..].to_vec();
                    return Ok(Exchange {
                        started,
                        latency: started.elapsed(),
                        status,
                        body,
                    });
                }
                Progress::Missing(bytes) => bytes,
            };
            self.stream.readable().await?;
            let filled = self.received.len();
            self.received.resize(filled + missing, 0);
            let read = self.stream.try_read(&mut self.received[filled..]);
            self.received
                .truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

enum Progress {
    /// All of it is there: the status, and where the body begins.
    Complete { status: u16, body: usize },
    /// This many bytes remain to be read, or to be tried while it is unknown.
    Missing(usize),
}

fn progress(received: &[u8]) -> io::Result<Progress> {
    // Heads fit into one read, and short answers with them.
    const HEAD: usize = 4096;
    let malformed = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "an answer this client cannot read",
        )
    };
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(Progress::Missing(HEAD));
    };
    let head = std::str::from_utf8(&received[..end]).map_err(|_| malformed())?;
    let status = head
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .ok_or_else(malformed)?;
    let length: usize = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(malformed)?;
    let body = end + 4;
    Ok(match (body + length).checked_sub(received.len()) {
        None | Some(0) => Progress::Complete { status, body },
        Some(missing) => Progress::Missing(missing),
    })
}

/// Keeps exactly `in_flight` requests in flight until all have been sent, and
/// returns them in the order they were sent.
pub async fn closed_loop(
    address: SocketAddr,
    in_flight: usize,
    requests: usize,
    request: &[u8],
) -> io::Result<Vec<Exchange>> {
    let sent = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let mut connection = Connection::open(address).await?;
        let (request, sent) = (request.to_vec(), Arc::clone(&sent));
        tasks.spawn(async move {
            let mut exchanges = Vec::new();
            while sent.fetch_add(1, Ordering::Relaxed) < requests {
                exchanges.push(connection.exchange(&request).await?);
            }
            io::Result::Ok(exchanges)
        });
    }
    let mut all = Vec::with_capacity(requests);
    while let Some(exchanges) = tasks.join_next().await {
        all.extend(exchanges.expect("the task does not panic")?);
    }
    all.sort_by_key(|exchange| exchange.started);
    Ok(all)
}

/// What an open loop saw.
#[derive(Debug, Default)]
pub struct OpenLoop {
    pub exchanges: Vec<Exchange>,
    /// Requests without an answer, by what went wrong.
    pub failures: Vec<io::ErrorKind>,
    /// How late the client itself was, per request: large values mean that the
    /// rate was not what it says.
    pub lateness: Vec<Duration>,
    pub most_connections: usize,
}

/// Sends at a constant rate, whatever comes back: a slow server gets no mercy.
///
/// A request that finds no idle connection opens one, so no request waits in
/// the client.
pub async fn open_loop(
    address: SocketAddr,
    per_second: f64,
    duration: Duration,
    request: &[u8],
) -> OpenLoop {
    let mut seen = OpenLoop::default();
    let mut idle: Vec<Connection> = Vec::new();
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    let total = (per_second * duration.as_secs_f64()).round();
    let mut sent = 0.0;
    let mut open = 0_usize;
    loop {
        while let Some(outcome) = tasks.try_join_next() {
            settle(outcome, &mut seen, &mut idle, &mut open);
        }
        while sent < total {
            let due = start + Duration::from_secs_f64(sent / per_second);
            let Some(late) = Instant::now().checked_duration_since(due) else {
                break;
            };
            seen.lateness.push(late);
            sent += 1.0;
            let reused = idle.pop();
            open += usize::from(reused.is_none());
            seen.most_connections = seen.most_connections.max(open);
            let request = request.to_vec();
            tasks.spawn(async move {
                let mut connection = match reused {
                    Some(connection) => connection,
                    None => Connection::open(address).await?,
                };
                let exchange = connection.exchange(&request).await?;
                io::Result::Ok((connection, exchange))
            });
        }
        if sent >= total {
            break;
        }
        // Tokio's clock ticks once a millisecond: what fell due since is sent at once.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while let Some(outcome) = tasks.join_next().await {
        settle(outcome, &mut seen, &mut idle, &mut open);
    }
    seen
}

fn settle(
    outcome: Result<io::Result<(Connection, Exchange)>, tokio::task::JoinError>,
    seen: &mut OpenLoop,
    idle: &mut Vec<Connection>,
    open: &mut usize,
) {
    match outcome.expect("the task does not panic") {
        Ok((connection, exchange)) => {
            seen.exchanges.push(exchange);
            idle.push(connection);
        }
        Err(error) => {
            seen.failures.push(error.kind());
            *open -= 1;
        }
    }
}
