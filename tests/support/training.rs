//! A process of a training as its users run it: the real binary, its metrics
//! enabled by a real configuration file, ended with a signal.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ::training::features::FEATURES;
use ::training::metrics::{
    EmbeddingWorkerMetrics, ParameterServerMetrics, PushMetrics, RoleMetrics, TrainerMetrics,
    gather,
};
use golden_metrics::model::MetricFamily;
use golden_metrics::model::MetricType::{self, Counter, Gauge, Histogram};
use prometheus_client::registry::Registry;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::TIMEOUT;
use super::daemon::Daemon;

/// The metrics of Persia's document, with its names and the types of its time.
pub const DOCUMENTED: [(&str, MetricType); 15] = [
    ("index_miss_count", Counter),
    ("index_miss_ratio", Gauge),
    ("gradient_id_miss_count", Counter),
    ("estimated_distinct_id", Gauge),
    ("batch_unique_indices_rate", Gauge),
    ("staleness", Gauge),
    ("nan_count", Counter),
    ("nan_grad_skipped", Counter),
    ("lookup_mixed_batch_time_cost", Histogram),
    ("num_pending_batches", Gauge),
    ("lookup_create_requests_time_cost", Histogram),
    ("lookup_rpc_time_cost", Histogram),
    ("update_gradient_time_cost", Histogram),
    ("summation_time_cost", Histogram),
    ("lookup_batched_time_cost", Histogram),
];

/// What the nodes of a training push of themselves, all roles in one, once everything has
/// a value.
pub fn pushed() -> Vec<MetricFamily> {
    let mut registry = Registry::default();
    let shard = ParameterServerMetrics::default();
    shard.index_miss_ratio.set(0.5);
    shard.register(&mut registry);
    let worker = EmbeddingWorkerMetrics::default();
    for place in 0..FEATURES.len() {
        worker.batch_unique_indices_rate.of(place).set(1.0);
    }
    worker.register(&mut registry);
    let trainer = TrainerMetrics::default();
    for gauge in [
        &trainer.train_loss,
        &trainer.evaluation_loss,
        &trainer.evaluation_auc,
        &trainer.checkpoint_step,
    ] {
        gauge.set(0.5);
    }
    trainer.register(&mut registry);
    PushMetrics::default().register(&mut registry);
    gather(&registry).expect("no collector fails")
}

/// A directory of one test, with the configuration in it. Removed when dropped.
pub struct Job {
    directory: PathBuf,
    gateway: SocketAddr,
}

impl Job {
    /// The job of this name, which pushes every second to this gateway.
    pub fn new(name: &str, gateway: SocketAddr) -> Self {
        let directory = Daemon::directory("training");
        let config = format!(
            "PersiaMetricsConfig:\n  enable_metrics: true\n  job_name: {name}\n  push_interval: 1\n"
        );
        fs::write(directory.join("global_config.yaml"), config).expect("the directory is ours");
        Self { directory, gateway }
    }

    /// A file of this name in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts `train` with these arguments.
    pub fn start(&self, arguments: &[&str]) -> Training {
        let config = self.file("global_config.yaml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args(["train", "--log-format", "json", "--progress-every", "1s"])
            .arg("--global-config")
            .arg(config)
            .args(arguments)
            .env("PERSIA_METRICS_GATEWAY_ADDR", self.gateway.to_string());
        Training::spawn(command)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // What is left is in the build's own temporary directory.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A running process of a training. Dropping it kills it.
pub struct Training {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Training {
    /// Starts this command, which must come down to `train --log-format json`.
    pub fn spawn(mut command: Command) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GOLDEN_") {
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
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                written.lock().expect("nobody panics holding it").push(line);
            }
        });
        Self { child, log }
    }

    /// All lines it has logged so far.
    pub fn log(&self) -> Vec<Value> {
        self.log.lock().expect("nobody panics holding it").clone()
    }

    /// The lines so far whose message contains this.
    pub fn lines(&self, message: &str) -> Vec<Value> {
        let log = self.log();
        log.into_iter()
            .filter(|line| {
                line["message"]
                    .as_str()
                    .is_some_and(|text| text.contains(message))
            })
            .collect()
    }

    /// Polls until it has logged a message that contains this, and returns the line.
    ///
    /// # Panics
    ///
    /// With the log, if it does not in a minute.
    pub fn line_when(&self, message: &str) -> Value {
        self.lines_when(message, 1).remove(0)
    }

    /// Polls until it has logged this many.
    ///
    /// # Panics
    ///
    /// With the log, if it does not in a minute.
    pub fn lines_when(&self, message: &str, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let lines = self.lines(message);
            if lines.len() >= count {
                return lines;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "{count} times {message:?}, not in a minute: {:#?}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where it listens, once it does.
    pub fn address(&self) -> String {
        let line = self.line_when("listening");
        let address = line["address"].as_str().expect("it says where");
        address.to_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C, and waits for its end.
    pub fn interrupt(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Kills it, without a chance to say anything.
    pub fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    /// With the log, if it does not end in a minute.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(start.elapsed() < TIMEOUT, "still runs: {:#?}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        self.kill();
    }
}
