//! A service that answers quickly and now and then stalls, as a real one does
//! while it collects garbage, waits for a lock, or fails over. It counts what
//! arrives and times it from its arrival, so that the truth is known.

use std::fmt::Write as _;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::finding::Finding;
use crate::server::{self, Response, Server, serve_http};

/// What a request takes when nothing stalls.
pub const SERVICE_TIME: Duration = Duration::from_millis(5);

/// Connections that may wait to be accepted. With std's 128, a machine that keeps the
/// service waiting for a second refuses some, whose clients try again after 1, 3 and
/// 7 s: a wait that nobody meant.
const BACKLOG: i32 = 4096;

/// The upper bounds of its histogram, in seconds.
pub const BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5];

/// How long each of the earlier requests took, in seconds: into whose bucket none of those
/// falls that come while it is looked at.
pub const EARLIER_TIME: f64 = 0.04;

/// When it stalls, counted from the first request.
#[derive(Debug, Clone, Copy)]
pub struct Stalls {
    /// From the first request to the begin of the first stall.
    pub after: Duration,
    /// How long each lasts.
    pub length: Duration,
    /// From the begin of one to the begin of the next.
    pub every: Duration,
}

/// One request, both in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// When it arrived, counted from the first request.
    pub arrived: f64,
    /// From its arrival to its answer.
    pub took: f64,
}

/// A running service. Dropping it ends it.
#[derive(Debug)]
pub struct Stalling {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stalls: Stalls,
    // Requests that it served before anybody looked, of `EARLIER_TIME` each.
    earlier: usize,
    first: OnceLock<Instant>,
    served: Mutex<Vec<Served>>,
}

impl Stalling {
    /// One that listens there; port 0 is any that is free. Its histogram says that it has
    /// served `earlier` requests before, of [`EARLIER_TIME`] each.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub fn start(bind: &str, stalls: Stalls, earlier: usize) -> Result<Self, Finding> {
        let no_port = |error: io::Error| server::no_port(bind, &error);
        let listener = listen(bind).map_err(no_port)?;
        let shared = Arc::new(Shared {
            stalls,
            earlier,
            first: OnceLock::new(),
            served: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::on(listener, move |stream| serving.serve(stream)).map_err(no_port)?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many requests it has served since it was started.
    #[must_use]
    pub fn arrivals(&self) -> usize {
        self.shared.served.lock().map_or(0, |served| served.len())
    }

    /// What it has served since it was started.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        let served = self.shared.served.lock();
        served.map(|served| served.clone()).unwrap_or_default()
    }
}

fn listen(bind: &str) -> io::Result<TcpListener> {
    let address = bind.to_socket_addrs()?.next();
    let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // As std does, and for its reasons: Windows would let two listen on one port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        serve_http(stream, |request| {
            let is_scrape = request.method == "GET" && request.path == "/metrics";
            let body = if is_scrape {
                self.page()
            } else {
                self.answer()
            };
            Some(Response::text("200 OK", body))
        })
    }

    fn answer(&self) -> String {
        let start = Instant::now();
        let arrived = start - *self.first.get_or_init(|| start);
        thread::sleep(self.stalls.left(arrived) + SERVICE_TIME);
        if let Ok(mut served) = self.served.lock() {
            served.push(Served {
                arrived: arrived.as_secs_f64(),
                took: start.elapsed().as_secs_f64(),
            });
        }
        "{\"random\": 4}\n".to_owned()
    }

    // Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    fn page(&self) -> String {
        let name = "http_request_duration_seconds";
        let served = self.served.lock();
        let took: Vec<_> =
            served.map_or(Vec::new(), |all| all.iter().map(|one| one.took).collect());
        let mut page = format!("# TYPE {name} histogram\n");
        for bound in BOUNDS {
            let earlier = if EARLIER_TIME <= bound {
                self.earlier
            } else {
                0
            };
            let within = took.iter().filter(|took| **took <= bound).count() + earlier;
            let _ = writeln!(page, "{name}_bucket{{le=\"{bound}\"}} {within}");
        }
        let count = took.len() + self.earlier;
        let sum = took.iter().sum::<f64>() + EARLIER_TIME * self.earlier as f64;
        let _ = writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(page, "{name}_sum {sum}\n{name}_count {count}");
        page
    }
}

impl Stalls {
    /// How long a request that arrives then must wait for the stall to end.
    #[must_use]
    pub fn left(&self, arrived: Duration) -> Duration {
        let Some(since) = arrived.checked_sub(self.after) else {
            return Duration::ZERO;
        };
        let into = since.as_secs_f64() % self.every.as_secs_f64();
        self.length.saturating_sub(Duration::from_secs_f64(into))
    }
}
