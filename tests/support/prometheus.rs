//! A real Prometheus, with the features that the stack turns on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::TIMEOUT;
use super::daemon::Daemon;
use super::http;

/// A running Prometheus. Dropping it kills it and removes its data.
pub struct Prometheus {
    daemon: Daemon,
}

impl Prometheus {
    /// One that scrapes this service every second, as job `service`.
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn scraping(binary: &Path, target: SocketAddr) -> Self {
        Self::scraping_in("PrometheusProto", binary, target)
    }

    /// One that scrapes this service every second, as job `service`, in this protocol
    /// (Prometheus' `scrape_protocols`).
    ///
    /// # Panics
    ///
    /// With all it wrote, if it does not come to listen.
    pub fn scraping_in(protocol: &str, binary: &Path, target: SocketAddr) -> Self {
        Self::configured(
            binary,
            &format!(
                "global:\n  scrape_interval: 1s\n  scrape_protocols: [{protocol}]\n\
                 scrape_configs:\n  - job_name: service\n    \
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
        let directory = Daemon::directory("prometheus");
        let file = directory.join("prometheus.yml");
        fs::write(&file, configuration).expect("the directory is ours");
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--enable-feature=native-histograms,exemplar-storage,created-timestamp-zero-ingestion")
            .arg("--rules.alert.resend-delay=10s")
            .arg("--web.enable-lifecycle");
        Self {
            daemon: Daemon::start(command, directory),
        }
    }

    /// One with the stack's own configuration and rules, for services that run
    /// here (see [`stack_configuration`]).
    pub fn of_the_stack(binary: &Path, targets: &Targets) -> Self {
        // Its own address is known once it listens.
        let started = Self::configured(binary, "");
        started.reload(&stack_configuration(targets, started.address()));
        started
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// Puts another configuration in force, as the lifecycle API does.
    ///
    /// # Panics
    ///
    /// With the answer, if Prometheus rejects it.
    pub fn reload(&self, configuration: &str) {
        let file = self.daemon.files().join("prometheus.yml");
        fs::write(file, configuration).expect("the directory is ours");
        let answer = http::request(self.address(), "POST", "/-/reload", &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The alerts that are pending or firing, as `(alertname, state, labels)`.
    pub fn alerts(&self) -> Vec<(String, String, Value)> {
        let mut data = self.api("alerts");
        let alerts = data["alerts"].take();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let alerts = alerts.as_array().expect("a list").iter();
        alerts
            .map(|alert| {
                let labels = alert["labels"].clone();
                (text(&labels["alertname"]), text(&alert["state"]), labels)
            })
            .collect()
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

    /// The newest sample of the series that is selected, as (seconds since the epoch,
    /// value); `None` if none is.
    ///
    /// # Panics
    ///
    /// If several are selected.
    pub fn newest(&self, selector: &str) -> Option<(f64, f64)> {
        let at = self.number(&format!("timestamp({selector})"))?;
        Some((at, self.number(selector)?))
    }

    /// The one number that the expression computes at a time; `None` if it selects
    /// nothing.
    ///
    /// # Panics
    ///
    /// If it selects several series.
    pub fn number_at(&self, expression: &str, at: f64) -> Option<f64> {
        let query = percent_encoded(expression);
        let answer = self.api(&format!("query?query={query}&time={at:.3}"));
        one(expression, answer["result"].as_array()?)
    }

    /// The one number that the expression computes; `None` if it selects nothing.
    ///
    /// # Panics
    ///
    /// If it selects several series.
    pub fn number(&self, expression: &str) -> Option<f64> {
        one(expression, &self.query(expression))
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
                    start.elapsed() < TIMEOUT,
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
        let answer = http::get(self.address(), &format!("/api/v1/{path}"), &[]);
        let mut body = answer.json();
        assert_eq!(body["status"], "success", "{path}: {body}");
        body["data"].take()
    }
}

/// The number of the one series, if there is one.
fn one(expression: &str, series: &[Value]) -> Option<f64> {
    assert!(
        series.len() <= 1,
        "{expression} has several values: {series:?}"
    );
    let value = series.first()?["value"][1].as_str()?;
    Some(value.parse().expect("Prometheus writes numbers"))
}

/// Where those are whom the stack's configuration names.
#[derive(Clone, Copy)]
pub struct Targets {
    pub app: SocketAddr,
    pub alertmanager: SocketAddr,
    pub grafana: SocketAddr,
    pub manager: SocketAddr,
    pub metrics_gateway: SocketAddr,
    pub pager: SocketAddr,
    pub student: SocketAddr,
}

impl Targets {
    /// The service, and a [`stub`] for everybody else: with no Alertmanager there
    /// are no alerts to be delivered.
    pub fn service(app: SocketAddr) -> Self {
        let others = stub();
        Self {
            app,
            alertmanager: others,
            grafana: others,
            manager: others,
            metrics_gateway: others,
            pager: others,
            student: others,
        }
    }
}

/// `prometheus/prometheus.yml` with what names the stack's services replaced: the
/// discoveries by fixed targets, every other address by one on this machine, the
/// rules' path by where they are.
///
/// # Panics
///
/// If something that is to be replaced is not there, or a discovery remains.
pub fn stack_configuration(targets: &Targets, prometheus: SocketAddr) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus");
    let mut text =
        fs::read_to_string(directory.join("prometheus.yml")).expect("the stack has this file");
    for (name, port, address) in [
        ("app", 8000, targets.app),
        ("metrics_gateway", 9091, targets.metrics_gateway),
        ("manager", 9641, targets.manager),
        ("student", 8001, targets.student),
    ] {
        let discovery = format!(
            "    dns_sd_configs:\n      - names: [{name}]\n        type: A\n        \
             port: {port}\n        refresh_interval: 5s\n"
        );
        let fixed = format!("    static_configs:\n      - targets: ['{address}']\n");
        replace(&mut text, &discovery, &fixed, 1);
    }
    let rules = format!("- {}/rules/", directory.display());
    replace(&mut text, "- rules/", &rules, 1);
    // Alertmanager receives alerts and is scraped.
    for (name, address, times) in [
        ("[prometheus:9090]", prometheus, 1),
        ("[alertmanager:9093]", targets.alertmanager, 2),
        ("[grafana:3000]", targets.grafana, 1),
        ("[pager:8002]", targets.pager, 1),
    ] {
        replace(&mut text, name, &format!("['{address}']"), times);
    }
    let discovered = text.matches("_sd_configs").count();
    assert_eq!(discovered, 0, "a discovery remains in {text}");
    let targets: Vec<_> = text
        .lines()
        .filter(|line| line.contains("targets:"))
        .collect();
    assert!(
        targets.iter().all(|line| line.contains("127.0.0.1:")),
        "not of this machine: {targets:?}"
    );
    text
}

/// Replaces all occurrences, of which there must be this many.
///
/// # Panics
///
/// If there are more or fewer.
pub fn replace(text: &mut String, from: &str, to: &str, times: usize) {
    assert_eq!(text.matches(from).count(), times, "{from:?} in:\n{text}");
    *text = text.replace(from, to);
}

/// A stub of a service that is not here: answers every scrape, with no metrics.
/// It lives as long as the process.
pub fn stub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that disconnects is not answered.
            let _ = stream.and_then(|mut stream| {
                // What is asked for is the same whatever it says.
                let _ = stream.read(&mut [0; 4096])?;
                stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n\
                      content-length: 0\r\nconnection: close\r\n\r\n",
                )
            });
        }
    });
    address
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
