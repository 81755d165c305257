//! A small Pushgateway: takes what is pushed, remembers every exchange, and can
//! fail on demand. As the real one it keeps groups of metrics by the labels in
//! their path, PUT replacing a whole group and POST the metrics of the same
//! names, and it shows all of them at `/metrics`.
//!
//! Unlike the real one it does not compare the types of one name across groups,
//! keeps nothing on disk, and has no web page. Source: the Pushgateway's README,
//! sections "API" and "About timestamps".

mod groups;
mod protobuf;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use groups::{Group, Labels};

use crate::exposition::Exposition;
use crate::finding::Finding;
use crate::server::{Request, Response, Server, serve_http};
use groups::Groups;

/// What it does with a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes it.
    Accepts,
    /// Answers 500, and takes nothing.
    Refuses,
    /// Reads it, and does not answer.
    Hangs,
}

/// One push, and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `PUT` and so on.
    pub method: String,
    /// As it was asked for.
    pub path: String,
    /// The labels in the path, if it is the path of a group.
    pub group: Option<Labels>,
    /// What was pushed; empty if it could not be read.
    pub pushed: Exposition,
    /// 200 if it was taken; 0 while there is no answer.
    pub status: u16,
    /// Why it was not taken.
    pub complaint: String,
}

/// A running gateway. Dropping it ends it.
#[derive(Debug)]
pub struct Gateway {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    exchanges: Mutex<Vec<Exchange>>,
    groups: Mutex<Groups>,
    ended: AtomicBool,
}

impl Gateway {
    /// One that listens there; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// `no-port`.
    pub fn start(bind: &str, behaviour: Behaviour) -> Result<Self, Finding> {
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            exchanges: Mutex::default(),
            groups: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let server = Server::bind(bind, move |stream| {
            serve_http(stream, |request| match request.method.as_str() {
                "GET" => Some(serving.show(&request.path)),
                _ => serving.take(request),
            })
        })?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Changes what it does. Pushes that hang are answered by the new behaviour.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        if let Ok(mut now) = self.shared.behaviour.lock() {
            *now = behaviour;
        }
    }

    /// Every push so far, in the order in which they came.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let exchanges = self.shared.exchanges.lock();
        exchanges.map(|all| all.clone()).unwrap_or_default()
    }

    /// What it would show to Prometheus now, group by group.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let groups = self.shared.groups.lock();
        groups.map(|groups| groups.all()).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Ends what hangs; the server ends by itself.
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn show(&self, path: &str) -> Response {
        let (status, body) = match path {
            "/metrics" => {
                let groups = self.groups.lock();
                let page = groups.map(|groups| groups.page());
                ("200 OK", page.unwrap_or_default())
            }
            "/-/ready" | "/-/healthy" => ("200 OK", "OK".to_owned()),
            _ => ("404 Not Found", "not found\n".to_owned()),
        };
        Response::text(status, body)
    }

    // Nothing if it hangs until the end.
    fn take(&self, request: &Request) -> Option<Response> {
        let (method, path) = (request.method.as_str(), request.path.as_str());
        let group = groups::labels_in(path);
        let read = groups::read(request.header("content-type"), &request.body);
        let number = {
            let mut exchanges = self.exchanges.lock().ok()?;
            exchanges.push(Exchange {
                method: method.to_owned(),
                path: path.to_owned(),
                group: group.clone(),
                pushed: read.clone().unwrap_or_default(),
                status: 0,
                complaint: String::new(),
            });
            exchanges.len() - 1
        };
        let behaviour = loop {
            if self.ended.load(Ordering::Relaxed) {
                return None;
            }
            match *self.behaviour.lock().ok()? {
                Behaviour::Hangs => thread::sleep(Duration::from_millis(10)),
                behaviour => break behaviour,
            }
        };
        let (status, body) = match (behaviour, group) {
            (Behaviour::Refuses, _) => (
                "500 Internal Server Error",
                "failing on demand\n".to_owned(),
            ),
            (_, None) if path.starts_with("/metrics/job/") => (
                "400 Bad Request",
                format!("{path} has a label without a value\n"),
            ),
            (_, None) => ("404 Not Found", format!("{path} names no job\n")),
            (_, Some(labels)) => {
                let mut groups = self.groups.lock().ok()?;
                match (method, read) {
                    ("DELETE", _) => {
                        groups.delete(&labels);
                        ("202 Accepted", String::new())
                    }
                    ("PUT" | "POST", Err(complaint)) => ("400 Bad Request", complaint + "\n"),
                    ("PUT", Ok(pushed)) => {
                        groups.replace(labels, pushed);
                        ("200 OK", String::new())
                    }
                    ("POST", Ok(pushed)) => {
                        groups.update(labels, pushed);
                        ("200 OK", String::new())
                    }
                    _ => ("405 Method Not Allowed", "PUT, POST or DELETE\n".to_owned()),
                }
            }
        };
        let mut exchanges = self.exchanges.lock().ok()?;
        exchanges[number].status = status[..3].parse().unwrap_or(0);
        body.trim().clone_into(&mut exchanges[number].complaint);
        Some(Response::text(status, body))
    }
}
