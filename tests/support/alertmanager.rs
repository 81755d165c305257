//! A real Alertmanager with the stack's own configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::daemon::Daemon;
use super::http;
use super::prometheus::replace;

/// A running Alertmanager. Dropping it kills it and removes its data.
pub struct Alertmanager {
    daemon: Daemon,
}

impl Alertmanager {
    /// One with `prometheus/alertmanager.yml`, whose webhooks all go to this pager
    /// instead of the stack's.
    ///
    /// # Panics
    ///
    /// If that file names the webhook not four times, once a level and for the Watchdog; and, with all
    /// that Alertmanager wrote, if it does not come to listen.
    pub fn of_the_stack(binary: &Path, pager: SocketAddr) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/alertmanager.yml");
        let mut text = fs::read_to_string(file).expect("the stack has this file");
        replace(
            &mut text,
            "http://pager:8002/",
            &format!("http://{pager}/"),
            4,
        );
        let directory = Daemon::directory("alertmanager");
        let file = directory.join("alertmanager.yml");
        fs::write(&file, text).expect("the directory is ours");
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.path={}",
                directory.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            // A single instance needs no cluster, which would take a port of its own.
            .arg("--cluster.listen-address=");
        Self {
            daemon: Daemon::start(command, directory),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// Sends it alerts, as Prometheus does.
    ///
    /// # Panics
    ///
    /// If it does not accept them.
    pub fn send(&self, alerts: &Value) {
        let answer = http::post(self.address(), "/api/v2/alerts", alerts);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The alerts that it knows and that are not resolved.
    pub fn alerts(&self) -> Vec<Value> {
        let answer = http::get(self.address(), "/api/v2/alerts", &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json().as_array().expect("a list").clone()
    }
}
