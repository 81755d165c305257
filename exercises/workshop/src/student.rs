//! The student's service: started on a free port, asked, and ended, whatever it does.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::build;
use crate::child::{KillOnDrop, each_line, wait};
use crate::exposition::Exposition;
use crate::finding::Finding;
use crate::http::{self, Answer};

// From its start to the line that says where it listens.
const START_TIMEOUT: Duration = Duration::from_secs(10);
// Of what it writes, the bytes that are kept to be shown.
const MAX_OUTPUT_BYTES: usize = 2000;

/// Builds this program of the student's package and returns where it is.
///
/// # Errors
///
/// As [`build::build`].
pub fn build(root: &Path, name: &str) -> Result<PathBuf, Finding> {
    build::build(root, "student", name, &mut |_| {})
}

/// Runs a program to its end and returns what it wrote to its standard output.
///
/// # Errors
///
/// `does-not-start`, `does-not-end` at the timeout, or `fails` with what it wrote.
pub fn output(program: &Path, arguments: &[String], timeout: Duration) -> Result<String, Finding> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            Finding::new(
                "does-not-start",
                format!("Your program could not be started: {error}"),
            )
        })?;
    let (said, errors) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait(&KillOnDrop::new(child), timeout).ok_or_else(|| {
        Finding::new(
            "does-not-end",
            format!("Your program had not ended after {} s.", timeout.as_secs()),
        )
    })?;
    let said = said.join().unwrap_or_default();
    if status.success() {
        return Ok(said);
    }
    let errors = errors.join().unwrap_or_default();
    let last: Vec<_> = errors.lines().rev().take(20).collect();
    let last: Vec<_> = last.into_iter().rev().collect();
    Err(Finding::new(
        "fails",
        format!("Your program ended with {status}:\n\n{}", last.join("\n")),
    ))
}

/// A running service. Dropping it ends it.
#[derive(Debug)]
pub struct Student {
    child: KillOnDrop,
    address: SocketAddr,
    written: Arc<Mutex<String>>,
}

impl Student {
    /// Starts the program and waits until it listens.
    ///
    /// # Errors
    ///
    /// `does-not-start`, with what it wrote.
    pub fn start(program: &Path) -> Result<Self, Finding> {
        let mut child = Command::new(program)
            .env("STUDENT_BIND", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Finding::new(
                    "does-not-start",
                    format!("Your service could not be started: {error}"),
                )
            })?;
        let written = Arc::new(Mutex::new(String::new()));
        let (found, listening) = mpsc::channel();
        // Both are read to the end: a service that writes and writes must not
        // wait for a reader, nor fill our memory.
        let kept = Arc::clone(&written);
        each_line(child.stdout.take(), move |line| {
            if let Some(address) = line.trim().strip_prefix("listening on ")
                && let Ok(address) = address.parse()
            {
                // Nobody waits any more once it has been found.
                let _ = found.send(address);
            }
            keep(&kept, &line);
        });
        let kept = Arc::clone(&written);
        each_line(child.stderr.take(), move |line| keep(&kept, &line));
        let mut student = Self {
            child: KillOnDrop::new(child),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            written,
        };
        match listening.recv_timeout(START_TIMEOUT) {
            Ok(address) => {
                student.address = address;
                Ok(student)
            }
            Err(_) => Err(Finding::new(
                "does-not-start",
                format!(
                    "Your service did not begin to listen within {} s.{}",
                    START_TIMEOUT.as_secs(),
                    student.recent_output()
                ),
            )),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many bytes of memory it has, where the system tells: on Linux.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// Asks something that must be answered.
    ///
    /// # Errors
    ///
    /// `no-answer`, with what it wrote.
    pub fn ask(&self, method: &str, path: &str) -> Result<Answer, Finding> {
        http::request(self.address, method, path)
            .map_err(|error| self.no_answer(method, path, &error))
    }

    /// Asks all of this, `at_once` at a time; every answer must come, with the status
    /// that is expected.
    ///
    /// # Errors
    ///
    /// `no-answer`, or `other-answer` if a status is not the one expected.
    pub fn ask_all(&self, requests: &[(&str, String, u16)], at_once: usize) -> Result<(), Finding> {
        let plain: Vec<_> = requests
            .iter()
            .map(|(method, path, _)| (*method, path.clone()))
            .collect();
        let answers = http::all(self.address, &plain, at_once);
        for ((method, path, status), answer) in requests.iter().zip(answers) {
            let answer = answer.map_err(|error| self.no_answer(method, path, &error))?;
            if answer.status != *status {
                return Err(Finding::new(
                    "other-answer",
                    format!(
                        "`{method} {path}` was answered with {} instead of {status}. Measuring \
                         must not change the answers: is the response of `next.run` returned as \
                         it is?",
                        answer.status
                    ),
                ));
            }
        }
        Ok(())
    }

    /// What `/metrics` shows now.
    ///
    /// # Errors
    ///
    /// `no-answer`, or `bad-exposition` if Prometheus could not read it.
    pub fn metrics(&self) -> Result<Exposition, Finding> {
        let answer = self.ask("GET", "/metrics")?;
        if answer.status != 200 {
            return Err(Finding::new(
                "bad-exposition",
                format!("`GET /metrics` was answered with {}.", answer.status),
            ));
        }
        Exposition::parse(&answer.body).map_err(|error| {
            Finding::new(
                "bad-exposition",
                format!("Prometheus could not read your /metrics: {error}."),
            )
        })
    }

    /// Looks at `/metrics` until it shows what is awaited, or time is up; returns
    /// what it showed last.
    ///
    /// # Errors
    ///
    /// As [`Self::metrics`].
    pub fn metrics_when(
        &self,
        awaited: impl Fn(&Exposition) -> bool,
        timeout: Duration,
    ) -> Result<Exposition, Finding> {
        let deadline = Instant::now() + timeout;
        loop {
            let metrics = self.metrics()?;
            if awaited(&metrics) || Instant::now() > deadline {
                return Ok(metrics);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn no_answer(&self, method: &str, path: &str, error: &io::Error) -> Finding {
        Finding::new(
            "no-answer",
            format!(
                "`{method} {path}` got no answer: {}.{}",
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) {
                    format!("nothing came within {} s", http::TIMEOUT.as_secs())
                } else {
                    error.to_string()
                },
                self.recent_output()
            ),
        )
    }

    fn recent_output(&self) -> String {
        let written = match self.written.lock() {
            Ok(written) => written.trim().to_owned(),
            Err(_) => String::new(),
        };
        let mut words = String::new();
        if !written.is_empty() {
            let _ = write!(words, " The last it wrote:\n\n{written}");
        }
        words
    }
}

// Adds a line to what the service has written, of which the end is kept.
fn keep(written: &Mutex<String>, line: &str) {
    if let Ok(mut written) = written.lock() {
        written.push_str(line);
        written.push('\n');
        if written.len() > MAX_OUTPUT_BYTES {
            let mut cut = written.len() - MAX_OUTPUT_BYTES;
            while !written.is_char_boundary(cut) {
                cut += 1;
            }
            written.drain(..cut);
        }
    }
}

fn collect(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut from) = from {
            // Whoever writes more than this waits until the timeout.
            let _ = from.by_ref().take(64 << 20).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
