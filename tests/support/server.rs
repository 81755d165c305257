//! The service as its users run it: the real binary, on a free port of the
//! loopback, ended with a signal.
//!
//! What is relied on: with `--log-format json` the service writes a line with
//! the message `listening` and a field `address` to its standard error.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::http::{self, Answer};
use super::samples::Samples;

/// How long starting and stopping may take; longer than the drain's own deadline.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A running service. Dropping it kills it.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts `serve --bind 127.0.0.1:0 --log-format json` with these further
    /// arguments (which win, coming last) and returns once it listens.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it ends instead or does not listen in time.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args(["serve", "--bind", "127.0.0.1:0", "--log-format", "json"])
            .args(arguments);
        Self::spawn(command)
    }

    /// Starts this command, which must come down to `serve --log-format json`.
    pub fn spawn(mut command: Command) -> Self {
        // What a developer has set for himself must not decide a test.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("GOLDEN_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::default();
        let listening = drain(stderr, Arc::clone(&log));
        let address = match listening.recv_timeout(TIMEOUT) {
            Ok(address) => address,
            Err(reason) => {
                let _ = child.kill();
                let status = child.wait();
                let reason = match reason {
                    RecvTimeoutError::Timeout => "did not listen in time",
                    RecvTimeoutError::Disconnected => "ended before it listened",
                };
                let log = log.lock().expect("the reader does not panic").join("\n");
                panic!("{command:?} {reason} ({status:?}), having written:\n{log}");
            }
        };
        Self {
            child,
            address,
            log,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://address/path`, for clients that want a URL.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Answer {
        http::get(self.address, path, &[])
    }

    /// What `/metrics` says now, in text format 0.0.4.
    pub fn metrics(&self) -> Samples {
        let answer = http::get(
            self.address,
            "/metrics",
            &[("accept", "text/plain;version=0.0.4")],
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        Samples::parse(answer.text())
    }

    /// Polls `/metrics` until the condition holds, and returns what it then said.
    ///
    /// # Panics
    ///
    /// With the last samples, if it does not come to hold within the deadline.
    pub fn metrics_when(
        &self,
        deadline: Duration,
        what: &str,
        condition: impl Fn(&Samples) -> bool,
    ) -> Samples {
        let start = Instant::now();
        loop {
            let samples = self.metrics();
            if condition(&samples) {
                return samples;
            }
            assert!(
                start.elapsed() < deadline,
                "not within {deadline:?}: {what}\n{samples:#?}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// All lines it has written to its standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("the reader does not panic").clone()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child's id is a process id"), signal)
            .expect("the child has not been waited for, so its id is its own");
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it has not ended within the deadline.
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                start.elapsed() < deadline,
                "still running after {deadline:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to end as an orchestrator does, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(TIMEOUT)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended and been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Reads to the end, so that the service never blocks on a full pipe.
fn drain(
    stderr: impl std::io::Read + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
) -> Receiver<SocketAddr> {
    let (found, listening) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(address) = listening_address(&line) {
                // Nobody waits any more if it listens twice.
                let _ = found.send(address);
            }
            log.lock().expect("nobody panics holding it").push(line);
        }
    });
    listening
}

fn listening_address(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    // The formatter nests fields by default.
    let fields = line.get("fields").unwrap_or(&line);
    (fields.get("message")? == "listening").then_some(())?;
    fields.get("address")?.as_str()?.parse().ok()
}
