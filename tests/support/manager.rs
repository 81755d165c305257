//! The manager as its users run it, and the messages that proplets send it.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::TIMEOUT;
use super::http::{self, Answer};
use super::samples::Samples;
use super::server::Server;

/// A running manager. Dropping it kills it; its history stays until the
/// [`Directory`] is dropped.
pub struct Manager {
    pub server: Server,
    metrics: SocketAddr,
}

/// A directory that is removed in the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);

        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("manager-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("cargo made the directory above");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A history's file in it.
    pub fn history(&self) -> String {
        self.0.join("history.sqlite").display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Manager {
    /// One that is connected to this broker, and subscribed.
    ///
    /// # Panics
    ///
    /// If it does not come to be.
    pub fn start(broker: &str, directory: &Directory, arguments: &[&str]) -> Self {
        let manager = Self::start_connected(broker, directory, arguments);
        manager.metrics_when("subscribed at the broker", |metrics| {
            metrics.value("manager_subscription_ok", &[]) > 0.0
        });
        manager
    }

    /// One that has connected to this broker.
    ///
    /// # Panics
    ///
    /// If it does not come to.
    pub fn start_connected(broker: &str, directory: &Directory, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args([
                "manager",
                "--bind",
                "127.0.0.1:0",
                "--metrics-bind",
                "127.0.0.1:0",
            ])
            .args(["--log-format", "json", "--mqtt-address", broker])
            .args(["--history", &directory.history()])
            .args(arguments);
        let server = Server::spawn(command);
        let line = server.log().into_iter().find_map(|line| {
            let line: Value = serde_json::from_str(&line).ok()?;
            let fields = line.get("fields").unwrap_or(&line).clone();
            (fields["message"] == "metrics listening").then_some(fields)
        });
        let address = line.expect("it says so before it says that it listens");
        let address = address["address"].as_str().expect("it is text");
        let manager = Self {
            server,
            metrics: address.parse().expect("it is an address"),
        };
        manager.metrics_when("connected to the broker", |metrics| {
            metrics.value("manager_broker_connections_total", &[]) > 0.0
        });
        manager
    }

    /// Where Prometheus scrapes it.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// `GET path` of the API.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Any request to the API.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        http::request(
            self.server.address(),
            method,
            path,
            &headers,
            body.as_bytes(),
        )
    }

    /// What `/metrics` says now.
    pub fn metrics(&self) -> Samples {
        let answer = http::get(
            self.metrics,
            "/metrics",
            &[("accept", "text/plain;version=0.0.4")],
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        Samples::parse(answer.text())
    }

    /// Polls `/metrics` until the condition holds.
    ///
    /// # Panics
    ///
    /// With the last samples, if it does not come to hold.
    pub fn metrics_when(&self, what: &str, condition: impl Fn(&Samples) -> bool) -> Samples {
        let start = Instant::now();
        loop {
            let samples = self.metrics();
            if condition(&samples) {
                return samples;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "not within {TIMEOUT:?}: {what}\n{samples:#?}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Polls a path of the API until the condition holds.
    ///
    /// # Panics
    ///
    /// With the last answer, if it does not come to hold.
    pub fn get_when(&self, path: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.get(path);
            if condition(&answer) {
                return answer;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "{path}, not in time: {what}\n{answer:#}"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many messages were rejected so.
    pub fn rejected(&self, reason: &str) -> f64 {
        self.metrics()
            .value("manager_messages_rejected_total", &[("reason", reason)])
    }
}

/// `m/d/c/c/` and this.
pub fn topic(kind: &str) -> String {
    format!("m/d/c/c/control/proplet/{kind}")
}

/// Now, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.expect("it is later").as_millis()).expect("it is not that late")
}

/// RFC 3339 of milliseconds since the epoch.
pub fn rfc3339(ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
    humantime::format_rfc3339_millis(at).to_string()
}

/// A sign of life.
pub fn alive(proplet: &str, status: &str) -> String {
    json!({"proplet_id": proplet, "status": status, "namespace": "default"}).to_string()
}

/// The document's message, of this time.
pub fn task_sample(proplet: &str, task: &str, at_ms: u64) -> Value {
    json!({
        "task_id": task,
        "proplet_id": proplet,
        "metrics": {
            "cpu_percent": 42.5,
            "memory_bytes": 67_108_864,
            "memory_percent": 1.5,
            "disk_read_bytes": 1_048_576,
            "disk_write_bytes": 524_288,
            "network_rx_bytes": 4_096,
            "network_tx_bytes": 8_192,
            "uptime_seconds": 120,
            "thread_count": 4,
            "file_descriptor_count": 12,
            "timestamp": rfc3339(at_ms)
        },
        "aggregated": {
            "avg_cpu_usage": 38.2,
            "max_cpu_usage": 65.0,
            "avg_memory_usage": 62_914_560,
            "max_memory_usage": 71_303_168,
            "total_disk_read": 2_097_152,
            "total_disk_write": 1_048_576,
            "total_network_rx": 12_288,
            "total_network_tx": 24_576,
            "sample_count": 24
        }
    })
}

/// Publishes many messages with quality of service 1 over one connection.
pub struct Flood(std::process::Child);

impl Flood {
    /// Begins to publish these messages on one topic, with the `mosquitto_pub`
    /// beside this `mosquitto_sub`.
    pub fn start(
        subscriber: &Path,
        broker: SocketAddr,
        topic: &str,
        messages: impl Iterator<Item = String> + Send + 'static,
    ) -> Self {
        let mut child = Command::new(subscriber.with_file_name("mosquitto_pub"))
            .args(["-h", "127.0.0.1", "-p", &broker.port().to_string()])
            .args(["-q", "1", "-l", "-t", topic])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it comes with mosquitto_sub");
        let mut stdin = std::io::BufWriter::new(child.stdin.take().expect("it is piped"));
        thread::spawn(move || {
            for message in messages {
                if writeln!(stdin, "{message}").is_err() {
                    return;
                }
            }
        });
        Self(child)
    }

    /// Waits until the broker has them all.
    pub fn wait(&mut self) {
        assert!(self.0.wait().expect("it is our child").success());
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
