//! `class --serve`: takes reports over HTTP, and shows them in a page that renews itself; beside it
//! the teacher's page of each exercise.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::live::Live;
use super::show;
use crate::course::{Course, EXERCISES};
use crate::finding::Finding;
use crate::server::{Request, Response, Server, serve_http_within};

/// Where it listens unless told otherwise: only for this machine.
pub const DEFAULT: &str = "127.0.0.1:8010";

const PAGE: &str = include_str!("page.html");
// A report is a few kilobytes.
const MAX_BODY_BYTES: usize = 256 << 10;
// A class keeps few connections open: its browsers' and the reports of a moment.
const MAX_CONNECTIONS: usize = 128;
// A client that does not go on holds a connection no longer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The teacher's server. Dropping it ends it.
#[derive(Debug)]
pub struct ClassServer(Server);

impl ClassServer {
    /// One that listens at `bind`; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub fn start(bind: &str, course: Course) -> Result<Self, Finding> {
        let live = Mutex::new(Live::default());
        let open = Arc::new(AtomicUsize::new(0));
        Server::bind(bind, move |stream| {
            let _place = Place::take(&open)?;
            stream.set_read_timeout(Some(READ_TIMEOUT))?;
            serve(stream, &live, &course)
        })
        .map(Self)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// One of the connections that may be open.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> io::Result<Self> {
        let place = Self(Arc::clone(open));
        if open.fetch_add(1, Ordering::Relaxed) < MAX_CONNECTIONS {
            Ok(place)
        } else {
            Err(io::Error::other("too many connections"))
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve(stream: &TcpStream, live: &Mutex<Live>, course: &Course) -> io::Result<()> {
    serve_http_within(stream, MAX_BODY_BYTES, |request| {
        Some(answer(request, live, course))
    })
}

fn answer(request: &Request, live: &Mutex<Live>, course: &Course) -> Response {
    // Whoever panicked left what was known.
    let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
    let path = request.path.split('?').next().unwrap_or_default();
    let of = |status, content_type, body: String| Response {
        status,
        content_type,
        body: body.into_bytes(),
    };
    match (request.method.as_str(), path) {
        ("GET", "/") => of("200 OK", "text/html; charset=utf-8", PAGE.to_owned()),
        ("GET", "/class.json") => {
            let json = live.json(Instant::now()).to_string();
            of("200 OK", "application/json", json)
        }
        // A page of another site can send everything but this type without asking.
        ("POST", "/report") if request.header("content-type") != "application/json" => {
            let said = "content-type: must be application/json\n".to_owned();
            of("415 Unsupported Media Type", "text/plain", said)
        }
        ("POST", "/report") => match live.take(&request.body, Instant::now()) {
            Ok(()) => of("200 OK", "text/plain", "taken\n".to_owned()),
            Err(refused) => of(
                "422 Unprocessable Content",
                "text/plain",
                format!("{refused}\n"),
            ),
        },
        ("GET", path) if path.starts_with("/show/") => {
            match show::page(course, path.trim_start_matches("/show/")) {
                Some(page) => of("200 OK", "text/html; charset=utf-8", page),
                None => of(
                    "404 Not Found",
                    "text/plain",
                    format!("there is /show/1 to /show/{}\n", EXERCISES.len()),
                ),
            }
        }
        _ => of(
            "404 Not Found",
            "text/plain",
            "there is /, /show/1, /class.json and /report\n".to_owned(),
        ),
    }
}
