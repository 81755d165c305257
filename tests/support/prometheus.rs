//! A real Prometheus, with native histograms and exemplars turned on.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running Prometheus. Dropping it kills it and removes its data.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
}

impl Prometheus {
    /// One that scrapes this service every second, as job `service`.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn scraping(binary: &Path, target: SocketAddr) -> Self {
        Self::configured(
            binary,
            &format!(
                "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: service\n    \
                 always_scrape_classic_histograms: true\n    static_configs:\n      - targets: ['{target}']\n"
            ),
        )
    }

    /// One with this configuration, on a free port; returns once it is ready.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn configured(binary: &Path, configuration: &str) -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);

        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("prometheus-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("cargo made the directory above");
        let file = directory.join("prometheus.yml");
        fs::write(&file, configuration).expect("the directory is ours");
        let mut child = Command::new(binary)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--enable-feature=native-histograms,exemplar-storage")
            .arg("--web.enable-lifecycle")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let (found, listening) = mpsc::channel();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if line.contains("msg=\"Listening on\"") {
                    let address = line
                        .rsplit("address=")
                        .next()
                        .and_then(|text| text.parse().ok());
                    // Nobody waits any more once it has been found.
                    let _ = found.send(address.expect("the address ends the line"));
                }
                let mut log = written.lock().expect("nobody panics holding it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = listening.recv_timeout(PATIENCE);
        let mut started = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            directory,
        };
        let listens = address.is_ok_and(|address| {
            started.address = address;
            started.becomes_ready()
        });
        let log = log.lock().expect("nobody panics holding it");
        assert!(
            listens,
            "Prometheus does not come up, having written:\n{log}"
        );
        started
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    // It listens before it answers queries.
    fn becomes_ready(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while http::get(self.address, "/-/ready", &[]).status != 200 {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// The series that the expression selects or computes now.
    ///
    /// # Panics
    ///
    /// If Prometheus refuses the expression.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.api(&format!("query?query={}", percent_encoded(expression)));
        answer["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{expression}: {answer}"))
            .clone()
    }

    /// The one number that the expression computes; `None` if it selects nothing.
    ///
    /// # Panics
    ///
    /// If it selects several series.
    pub fn number(&self, expression: &str) -> Option<f64> {
        let series = self.query(expression);
        assert!(
            series.len() <= 1,
            "{expression} has several values: {series:?}"
        );
        let value = series.first()?["value"][1].as_str()?;
        Some(value.parse().expect("Prometheus writes numbers"))
    }

    /// Polls until the expression's number fulfils the condition, and returns it.
    ///
    /// # Panics
    ///
    /// With the last number, if that does not happen in time.
    pub fn number_when(&self, expression: &str, condition: impl Fn(f64) -> bool) -> f64 {
        let start = Instant::now();
        loop {
            let number = self.number(expression);
            match number {
                Some(number) if condition(number) => return number,
                _ => assert!(
                    start.elapsed() < PATIENCE,
                    "{expression} stays at {number:?}"
                ),
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The `data` of an answer of `/api/v1/…`.
    ///
    /// # Panics
    ///
    /// If the answer is an error.
    pub fn api(&self, path: &str) -> Value {
        let answer = http::get(self.address, &format!("/api/v1/{path}"), &[]);
        let mut body = answer.json();
        assert_eq!(body["status"], "success", "{path}: {body}");
        body["data"].take()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // All three fail only if it is gone already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Everything but unreserved characters as `%XX` (RFC 3986, section 2).
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}
