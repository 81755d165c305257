//! Six models that answer, five of which ail, each otherwise and since another moment: which
//! depends on a name and the course's salt, as the mysteries do. They are processes of the
//! reference, `golden-signals serve`, and nobody but us may ask them what ails them.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::child::{KillOnDrop, each_line};
use crate::finding::Finding;
use crate::http;
use crate::mystery;
use crate::reference;

/// Their names, which are the label `job` of their metrics. They mean nothing.
pub const MODELS: [&str; 6] = [
    "arneis",
    "barbera",
    "cortese",
    "dolcetto",
    "freisa",
    "grignolino",
];

/// Why rules answer, as the label `reason` has it, and how the service is told to.
pub const REASONS: [(&str, &str); 4] = [
    ("absent", "absent"),
    ("timeout", "slow"),
    ("error", "failing"),
    ("nan", "nan"),
];

// Shares of the requests that are met, in percent.
const SHARES: [u32; 3] = [20, 30, 40];
// In which tenth of the lowest scores nearly all would be, if all were met.
const UNIT_SHARE: f64 = 0.5;
// From a minute on, when there is something to compare with, to two and a half.
const EARLIEST: u32 = 60;
const LATEST: u32 = 150;
// Requests a second, two in five of which are predictions.
const TRAFFIC: &str = "40";
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// What ails a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// Nothing.
    None,
    /// Alcohol comes in another unit.
    Unit,
    /// Alcohol does not come, in so many percent of the requests.
    Missing(u32),
    /// Rules answer so many percent of the requests, for a reason: its place in [`REASONS`].
    Fallback(usize, u32),
    /// Taste has changed.
    Taste,
    /// Each gets the answer of another.
    Stuck,
}

/// One of the six.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// What ails it.
    pub ailment: Ailment,
    /// Since when, in seconds after its start.
    pub onset: u32,
}

/// What ails each of [`MODELS`], in their order.
#[must_use]
pub fn cases(name: &str) -> [Case; 6] {
    let mut hash = Sha256::new();
    for part in ["six models", name, &mystery::salt()] {
        // With its length, so that no two triples run into the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let pick = |number: usize, among: usize| usize::from(digest[number]) % among;
    let mut ailments = [
        Ailment::None,
        Ailment::Unit,
        Ailment::Missing(SHARES[pick(0, SHARES.len())]),
        Ailment::Fallback(pick(1, REASONS.len()), SHARES[pick(2, SHARES.len())]),
        Ailment::Taste,
        Ailment::Stuck,
    ];
    // Fisher and Yates.
    for last in (1..ailments.len()).rev() {
        ailments.swap(last, pick(2 + last, last + 1));
    }
    let mut place = 0;
    ailments.map(|ailment| {
        place += 1;
        let onset = EARLIEST + u32::from(digest[10 + place]) % (LATEST - EARLIEST + 1);
        Case { ailment, onset }
    })
}

/// The six, running. Dropping them ends them.
#[derive(Debug)]
pub struct Models {
    children: Vec<KillOnDrop>,
    addresses: Vec<SocketAddr>,
}

impl Models {
    /// Starts those of this name; `hurry` times as fast do they begin to ail.
    ///
    /// # Errors
    ///
    /// `does-not-start`.
    pub fn start(program: &Path, name: &str, hurry: f64) -> Result<Self, Finding> {
        let token = format!("{:032x}", rand::random::<u128>());
        let mut models = Self {
            children: Vec::new(),
            addresses: Vec::new(),
        };
        for (number, case) in cases(name).into_iter().enumerate() {
            let begin = Instant::now();
            let address = models.spawn(program, &token, number)?;
            let after = f64::from(case.onset) / hurry - begin.elapsed().as_secs_f64();
            let begins_in = format!("{:.0}ms", 1000.0 * after.max(0.0));
            if let Some((scenario, share)) = scenario(case.ailment) {
                let fault = json!({"scenario": scenario, "share": share, "begins_in": begins_in});
                ail(address, &token, &fault)?;
            }
        }
        Ok(models)
    }

    fn spawn(&mut self, program: &Path, token: &str, number: usize) -> Result<SocketAddr, Finding> {
        let failed = |error: io::Error| failed(&format!("{}: {error}", program.display()));
        let mut command = reference::command(program);
        // By the environment: a list of processes shows the command line.
        let child = command
            .args(["serve", "--bind", "127.0.0.1:0", "--log-format", "json"])
            .env("GOLDEN_TRAFFIC", TRAFFIC)
            .env("GOLDEN_SEED", (number + 1).to_string())
            .env("GOLDEN_CONTROL_TOKEN", token)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(failed)?;
        let log = child.stderr.take();
        self.children.push(KillOnDrop::new(child));
        let (found, listening) = mpsc::channel();
        each_line(log, move |line| {
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = [&line, &line["fields"]];
            let is_it = fields.iter().any(|one| one["message"] == "listening");
            let address = fields.iter().find_map(|one| one["address"].as_str());
            if let (true, Some(address)) = (is_it, address.and_then(|text| text.parse().ok())) {
                // Nobody waits any more once it has been found.
                let _ = found.send(address);
            }
        });
        let address = listening.recv_timeout(START_TIMEOUT);
        let address = address.map_err(|_| self::failed("it does not listen"))?;
        self.addresses.push(address);
        Ok(address)
    }

    /// Where they are, in the order of [`MODELS`].
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A configuration with which a Prometheus scrapes them, each as its own job.
    #[must_use]
    pub fn configuration(&self, rules: &Path) -> String {
        let jobs: Vec<_> = MODELS
            .iter()
            .zip(&self.addresses)
            .map(|(model, address)| {
                let target = json!([{"targets": [address.to_string()]}]);
                json!({"job_name": model, "static_configs": target})
            })
            .collect();
        let every = json!({"scrape_interval": "5s", "evaluation_interval": "5s"});
        // JSON is YAML.
        json!({"global": every, "rule_files": [rules], "scrape_configs": jobs}).to_string()
    }
}

fn failed(what: &str) -> Finding {
    let observed = format!("The models could not be started: {what}.");
    Finding::new("does-not-start", observed)
}

// As `/control/model` takes it.
fn scenario(ailment: Ailment) -> Option<(&'static str, f64)> {
    let share = |percent: u32| f64::from(percent) / 100.0;
    Some(match ailment {
        Ailment::None => return None,
        Ailment::Unit => ("fraction", UNIT_SHARE),
        Ailment::Missing(percent) => ("missing", share(percent)),
        Ailment::Fallback(reason, percent) => (REASONS[reason].1, share(percent)),
        Ailment::Taste => ("concept", 1.0),
        Ailment::Stuck => ("stuck", 1.0),
    })
}

fn ail(address: SocketAddr, token: &str, fault: &Value) -> Result<(), Finding> {
    let bearer = format!("Bearer {token}");
    let host = address.to_string();
    let headers = [
        ("host", host.as_str()),
        ("authorization", &bearer),
        ("content-type", "application/json"),
    ];
    let path = "/control/model";
    let answer = http::send(address, "PATCH", path, &headers, &fault.to_string());
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(failed(&format!("{}: {}", answer.status, answer.body))),
        Err(error) => Err(failed(&error.to_string())),
    }
}
