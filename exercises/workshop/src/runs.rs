//! Three real trainings, each with another fault: which has which depends on a
//! name and the course's salt, as the mysteries do. They are processes of the
//! reference, `golden-signals train`, and push to a gateway.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::child::KillOnDrop;
use crate::finding::Finding;
use crate::gateway::{Behaviour, Gateway};
use crate::http;
use crate::mystery;
use crate::reference;
use crate::scratch::Scratch;

/// Their names, which are the label `job` of their metrics. They mean nothing.
pub const RUNS: [&str; 3] = ["birch", "cedar", "maple"];

/// The features of the training, as the label `feat` has them.
pub const FEATURES: [&str; 4] = ["user", "item", "history", "context"];

/// The shards of each run, as the label `instance` has them.
pub const SHARDS: [&str; 2] = ["rep_0", "rep_1"];

// What the small table holds.
const CAPACITIES: [u32; 3] = [1500, 2500, 4000];
// Enough to see every fault within seconds, and little enough for a laptop that
// has other things to do.
const EXAMPLES_PER_SECOND: &str = "3000";
// About a quarter of an hour: they end by themselves.
const STEPS: &str = "11000";

/// What is wrong with one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// NaN gradients in one feature: its place in [`FEATURES`].
    Nan(usize),
    /// Tables that are too small: how many embeddings each shard holds.
    SmallTable(u32),
    /// A slow shard: its place in [`SHARDS`].
    SlowShard(usize),
}

/// The fault of each of [`RUNS`], in their order.
#[must_use]
pub fn faults(name: &str) -> [Fault; 3] {
    let mut hash = Sha256::new();
    for part in ["three runs", name, &mystery::salt()] {
        // With its length, so that no two triples run into the same bytes.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let pick = |number: usize, among: usize| usize::from(digest[number]) % among;
    let mut faults = [
        Fault::Nan(pick(0, FEATURES.len())),
        Fault::SmallTable(CAPACITIES[pick(1, CAPACITIES.len())]),
        Fault::SlowShard(pick(2, SHARDS.len())),
    ];
    // Fisher and Yates.
    faults.swap(2, pick(3, 3));
    faults.swap(1, pick(4, 2));
    faults
}

/// The three, running. Dropping them ends them, and removes their metrics.
#[derive(Debug)]
pub struct Runs {
    children: Vec<KillOnDrop>,
    gateway: SocketAddr,
    // Only if it is ours.
    own: Option<Gateway>,
    _configurations: Scratch,
}

impl Runs {
    /// Starts those of this name. If nobody listens at the address, a gateway of
    /// our own is opened there.
    ///
    /// # Errors
    ///
    /// `no-port`, `does-not-start`.
    pub fn start(program: &Path, name: &str, gateway: SocketAddr) -> Result<Self, Finding> {
        let failed = |error: io::Error| {
            Finding::new(
                "does-not-start",
                format!("{} could not be started: {error}", program.display()),
            )
        };
        let listens = TcpStream::connect_timeout(&gateway, Duration::from_secs(1)).is_ok();
        let own = if listens {
            None
        } else {
            Some(Gateway::start(&gateway.to_string(), Behaviour::Accepts)?)
        };
        let mut runs = Self {
            children: Vec::new(),
            gateway: own.as_ref().map_or(gateway, Gateway::address),
            own,
            _configurations: Scratch::new().map_err(failed)?,
        };
        for (number, (job, fault)) in RUNS.iter().zip(faults(name)).enumerate() {
            let configuration = runs._configurations.path().join(format!("{job}.yaml"));
            fs::write(
                &configuration,
                format!(
                    "PersiaMetricsConfig:\n  enable_metrics: true\n  job_name: {job}\n  \
                     push_interval: 1\n"
                ),
            )
            .map_err(failed)?;
            let mut command = reference::command(program);
            // By the environment: a list of processes shows the command line.
            let seed = (number + 1).to_string();
            command
                .arg("train")
                .env("GOLDEN_GLOBAL_CONFIG", &configuration)
                .env("PERSIA_METRICS_GATEWAY_ADDR", runs.gateway.to_string())
                .env("GOLDEN_EXAMPLES_PER_SECOND", EXAMPLES_PER_SECOND)
                .env("GOLDEN_STEPS", STEPS)
                .env("GOLDEN_SEED", seed)
                .env("GOLDEN_DELETE_METRICS", "true")
                .envs(environment(fault))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let child = command.spawn().map_err(failed)?;
            runs.children.push(KillOnDrop::new(child));
        }
        Ok(runs)
    }

    /// Where their metrics are.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.gateway
    }

    /// Whether the gateway is ours.
    #[must_use]
    pub fn is_own_gateway(&self) -> bool {
        self.own.is_some()
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        // Before their metrics are removed, or they would push again.
        self.children.clear();
        if self.own.is_some() {
            return;
        }
        // A gateway forgets nothing by itself.
        for job in RUNS {
            for (role, instances) in [
                ("parameter-server", &SHARDS[..]),
                ("embedding-worker", &SHARDS[..1]),
                ("trainer", &SHARDS[..1]),
            ] {
                for instance in instances {
                    let ip = self.gateway.ip();
                    let path =
                        format!("/metrics/job/{job}/instance/{instance}/ip_addr/{ip}/role/{role}");
                    let _ = http::request(self.gateway, "DELETE", &path);
                }
            }
        }
    }
}

fn environment(fault: Fault) -> Vec<(&'static str, String)> {
    match fault {
        Fault::Nan(feature) => vec![
            ("GOLDEN_NAN_EVERY", "20".to_owned()),
            ("GOLDEN_NAN_FEATURE", FEATURES[feature].to_owned()),
        ],
        Fault::SmallTable(capacity) => vec![("GOLDEN_TABLE_CAPACITY", capacity.to_string())],
        Fault::SlowShard(shard) => vec![("GOLDEN_SLOW_SHARD", format!("{shard}=200ms"))],
    }
}
