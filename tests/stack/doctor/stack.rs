//! The stack as the doctor meets it, and the doctor as a user runs it.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::alertmanager::Alertmanager;
use super::fake::nowhere;
use crate::support::pager::Pager;
use crate::support::peers;
use crate::support::prometheus::Prometheus;
use crate::support::server::Server;

/// Longer than the doctor may ever take here; a hung one fails its test.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The real servers.
pub struct Stack {
    pub server: Server,
    pub pager: Pager,
    pub alertmanager: Alertmanager,
    pub prometheus: Prometheus,
}

impl Stack {
    /// All of it, healthy. `None` where a program is missing.
    pub fn start() -> Option<Self> {
        let alertmanager = peers::require("prometheus-alertmanager")?;
        let server = Server::start(&["--traffic", "20"]);
        let pager = Pager::start(&[]);
        let alertmanager = Alertmanager::calling(&alertmanager, &pager.server.url("/alerts"));
        let prometheus = Self::prometheus(&[
            &scrape("app", server.address(), CLASSIC),
            &scrape("alertmanager", alertmanager.address(), ""),
            &alerting(alertmanager.address()),
            &rules(&rule_directory()),
        ])?;
        Some(Self {
            server,
            pager,
            alertmanager,
            prometheus,
        })
    }

    /// A Prometheus with these parts of a configuration.
    pub fn prometheus(parts: &[&str]) -> Option<Prometheus> {
        let binary = peers::require("prometheus")?;
        let (jobs, rest): (Vec<&str>, Vec<&str>) =
            parts.iter().partition(|part| part.starts_with("- "));
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{}\nscrape_configs:\n{}\n",
            rest.join("\n"),
            jobs.join("\n")
        );
        Some(Prometheus::configured(&binary, &configuration))
    }

    /// The doctor of this stack, without Grafana.
    pub fn doctor(&self) -> Doctor {
        Doctor::new()
            .at("app", self.server.address())
            .at("prometheus", self.prometheus.address())
            .at("alertmanager", self.alertmanager.address())
            .at("pager", self.pager.address())
    }
}

/// What keeps classic buckets beside native histograms.
pub const CLASSIC: &str = "always_scrape_classic_histograms: true";

/// A job, with further lines.
pub fn scrape(job: &str, target: impl std::fmt::Display, more: &str) -> String {
    format!("- {{job_name: {job}, static_configs: [{{targets: ['{target}']}}], {more}}}")
}

pub fn alerting(alertmanager: SocketAddr) -> String {
    format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}")
}

pub fn rules(directory: &Path) -> String {
    format!("rule_files: ['{}/*.rules.yml']", directory.display())
}

pub fn rule_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus/rules")
}

/// A run of `golden-signals doctor`.
#[derive(Clone)]
pub struct Doctor {
    arguments: Vec<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Doctor {
    /// One that finds nothing until it is given addresses.
    pub fn new() -> Self {
        ["app", "prometheus", "grafana", "alertmanager", "pager"]
            .into_iter()
            .fold(Self { arguments: vec![] }, |doctor, peer| {
                doctor.at(peer, nowhere())
            })
    }

    pub fn at(self, peer: &str, address: SocketAddr) -> Self {
        self.with(&[&format!("--{peer}"), &format!("http://{address}")])
    }

    pub fn with(mut self, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        self.arguments.extend(arguments);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// If it does not come to one, or has panicked itself.
    pub fn run(&self) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command.arg("doctor").args(&self.arguments);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("GOLDEN_") {
                command.env_remove(name);
            }
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo built it");
        let id = i32::try_from(child.id()).expect("process ids are small");
        let reader = thread::spawn(move || child.wait_with_output().expect("it is our child"));
        let start = Instant::now();
        while !reader.is_finished() {
            if start.elapsed() > TIMEOUT {
                let id = rustix::process::Pid::from_raw(id).expect("it is no zero");
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
                panic!("doctor {:?} hangs", self.arguments);
            }
            thread::sleep(Duration::from_millis(10));
        }
        let output = reader.join().expect("it does not panic");
        let outcome = Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
        };
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
        outcome
    }

    /// Runs it with `--json`; the exit code must say what the report says.
    pub fn report(&self) -> Report {
        let outcome = self.clone().with(&["--json"]).run();
        let json: Value = serde_json::from_str(&outcome.stdout)
            .unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
        let broken = json["state"] == "broken";
        assert_eq!(outcome.code, Some(i32::from(broken)), "{json:#}");
        assert_eq!(json["broken"].is_string(), broken, "{json:#}");
        Report(json)
    }
}

/// Links, and those which hang on them and on nothing between.
const HANGING: [(&str, &str); 13] = [
    ("app", "metrics"),
    ("metrics", "traffic"),
    ("metrics", "target"),
    ("prometheus", "target"),
    ("prometheus", "rules"),
    ("target", "sample"),
    ("target", "data_source"),
    ("rules", "panels"),
    ("grafana", "data_source"),
    ("data_source", "panels"),
    ("dashboards", "panels"),
    ("alertmanager", "webhook"),
    ("webhook", "test_alert"),
];

/// The report in JSON.
pub struct Report(pub Value);

impl Report {
    /// The link of this name.
    pub fn link(&self, name: &str) -> &Value {
        let links = self.0["links"].as_array().expect("links are a list");
        let mut links = links.iter();
        links
            .find(|link| link["name"] == name)
            .unwrap_or_else(|| panic!("no link {name} in {:#}", self.0))
    }

    /// Asserts that this is the first broken link, that those which hang on it were not
    /// reached and say so, and that these words stand in what was seen and in what is to
    /// be done.
    pub fn is_broken_at(&self, name: &str, observed: &str, remedy: &str) {
        assert_eq!(self.0["broken"], name, "{:#}", self.0);
        let link = self.link(name);
        let text = |field: &str| link[field].as_str().unwrap_or_default().to_owned();
        assert!(
            text("observed").contains(observed),
            "{observed:?} in {link:#}"
        );
        assert!(text("remedy").contains(remedy), "{remedy:?} in {link:#}");
        let links = self.0["links"].as_array().expect("links are a list");
        let states = links
            .iter()
            .map(|link| link["state"].as_str().unwrap_or_default());
        let mut behind = false;
        for (link, state) in links.iter().zip(states) {
            let hangs = HANGING
                .iter()
                .any(|(cause, hanging)| *cause == name && link["name"] == *hanging);
            let right: &[&str] = match (link["name"] == name, behind) {
                (true, _) => &["broken"],
                (false, false) => &["ok", "warning", "skipped"],
                (false, true) if hangs => &["not_reached", "skipped"],
                (false, true) => &["ok", "warning", "broken", "not_reached", "skipped"],
            };
            assert!(right.contains(&state), "{link:#}");
            if state == "not_reached" {
                let observed = link["observed"].as_str().unwrap_or_default();
                assert!(observed.contains("hangs on "), "{link:#}");
            }
            behind |= link["name"] == name;
        }
    }

    pub fn warns_at(&self, name: &str, observed: &str) {
        let link = self.link(name);
        assert_eq!(link["state"], "warning", "{:#}", self.0);
        let said = link["observed"].as_str().unwrap_or_default();
        assert!(said.contains(observed), "{observed:?} in {link:#}");
        assert!(link["remedy"].is_string(), "{link:#}");
    }
}
