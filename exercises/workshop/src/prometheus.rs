//! A real Prometheus of our own, on a free port, with the student's
//! configuration.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{KillOnDrop, each_line};
use crate::finding::Finding;
use crate::http::{self, encoded};
use crate::promtool::REMEDY;
use crate::scratch::Scratch;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running Prometheus. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    child: KillOnDrop,
    address: SocketAddr,
    _data: Scratch,
}

impl Prometheus {
    /// One with this configuration.
    ///
    /// # Errors
    ///
    /// `not-installed`, or `does-not-load` with what it says.
    pub fn start(configuration: &str) -> Result<Self, Finding> {
        Self::start_with(configuration, &[])
    }

    /// One with this configuration and these further arguments.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_with(configuration: &str, arguments: &[&str]) -> Result<Self, Finding> {
        let data = Scratch::new().map_err(|error| failed(&error))?;
        Self::start_in(data, configuration, arguments)
    }

    /// One that remembers what is in the folder `data` in this one.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_in(
        data: Scratch,
        configuration: &str,
        arguments: &[&str],
    ) -> Result<Self, Finding> {
        let program = peers::find("prometheus").ok_or_else(|| {
            Finding::new(
                "not-installed",
                format!("prometheus is not installed. {REMEDY}"),
            )
        })?;
        let file = data.path().join("prometheus.yml");
        std::fs::write(&file, configuration).map_err(|error| failed(&error))?;
        let mut child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.path().join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let errors = child.stderr.take();
        let mut prometheus = Self {
            child: KillOnDrop::new(child),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            _data: data,
        };
        let complaint = Arc::new(Mutex::new(String::new()));
        let (found, listening) = mpsc::channel();
        let kept = Arc::clone(&complaint);
        each_line(errors, move |line| {
            let address = line
                .contains("msg=\"Listening on\"")
                .then(|| line.rsplit("address=").next()?.parse().ok())
                .flatten();
            if let Some(address) = address {
                // Nobody waits any more once it has been found.
                let _ = found.send(address);
            }
            if line.contains("level=ERROR")
                && let Ok(mut complaint) = kept.lock()
            {
                complaint.push_str(&line);
            }
        });
        let deadline = Instant::now() + START_TIMEOUT;
        if let Ok(address) = listening.recv_timeout(START_TIMEOUT) {
            prometheus.address = address;
            // It listens before it has read its configuration.
            while Instant::now() < deadline {
                match http::request(address, "GET", "/-/ready") {
                    Ok(answer) if answer.status == 200 => return Ok(prometheus),
                    Err(_)
                        if prometheus
                            .child
                            .try_wait()
                            .is_ok_and(|ended| ended.is_some()) =>
                    {
                        break;
                    }
                    _ => thread::sleep(Duration::from_millis(20)),
                }
            }
        }
        let complaint = complaint
            .lock()
            .map(|text| text.clone())
            .unwrap_or_default();
        // Of its log lines only what concerns the file.
        let error = complaint
            .split_once("err=")
            .map_or(complaint.as_str(), |(_, error)| error)
            .trim_matches('"')
            .replace(&file.display().to_string(), "prometheus.yml")
            .replace("\\n", "\n")
            .replace("\\\"", "\"");
        Err(Finding::new(
            "does-not-load",
            format!("Prometheus does not start with your configuration:\n\n{error}"),
        ))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the query returns, once it returns one series with a number.
    ///
    /// # Errors
    ///
    /// `prometheus-failed`, also if it has not by the timeout.
    pub fn number_when(&self, query: &str, timeout: Duration) -> Result<f64, Finding> {
        let deadline = Instant::now() + timeout;
        loop {
            let data = self.api(&format!("query?query={}", encoded(query)))?;
            let number = data["result"][0]["value"][1].as_str();
            match number.and_then(|number| number.parse::<f64>().ok()) {
                Some(number) if !number.is_nan() => return Ok(number),
                _ if Instant::now() > deadline => {
                    let what = format!("Prometheus returned nothing for {query}: {data}");
                    return Err(Finding::new("prometheus-failed", what));
                }
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// The `data` of an answer of `/api/v1/…`.
    ///
    /// # Errors
    ///
    /// `prometheus-failed`.
    pub fn api(&self, path: &str) -> Result<Value, Finding> {
        let failed = |what: String| Finding::new("prometheus-failed", what);
        let answer = http::request(self.address, "GET", &format!("/api/v1/{path}"))
            .map_err(|error| failed(format!("Prometheus does not answer {path}: {error}")))?;
        let mut body: Value = serde_json::from_str(&answer.body)
            .map_err(|error| failed(format!("{path}: {error}: {}", answer.body)))?;
        Ok(body["data"].take())
    }
}

fn failed(error: &std::io::Error) -> Finding {
    Finding::new(
        "prometheus-failed",
        format!("Prometheus could not be started: {error}"),
    )
}
