//! A proplet as its users run it, and processes for it to watch.

use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::TIMEOUT;
use super::mosquitto::{Mosquitto, Subscriber};
use super::peers;

/// A child of the test, killed when it is dropped.
pub struct Running(Child);

impl Running {
    /// Starts `golden-signals` with these arguments and variables.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        // What a developer has set for himself must not decide a test.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("GOLDEN_") || name.starts_with("PROPLET_") {
                command.env_remove(name);
            }
        }
        let child = command
            .args(arguments)
            .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it was built with this test");
        Self(child)
    }

    /// A proplet `p` of channel `m/d/c/c`, at this broker.
    pub fn proplet(broker: SocketAddr, arguments: &[&str]) -> Self {
        let broker = format!("tcp://{broker}");
        let mut all = vec!["proplet", "--mqtt-address", &broker, "--log", "warn"];
        all.extend(["--domain-id", "d", "--channel-id", "c", "--entity-id", "p"]);
        all.extend(arguments);
        Self::start(&all, &[])
    }

    /// A built-in workload without a proplet, for one to watch.
    pub fn workload(workload: &serde_json::Value) -> Self {
        // As the proplet starts them: without the allocator's thread.
        let variables = [("_RJEM_MALLOC_CONF", "background_thread:false")];
        Self::start(&["workload", &workload.to_string()], &variables)
    }

    /// Any program.
    pub fn command(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program is there"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child's id is a process id"), signal)
            .expect("the child has not been waited for, so its id is its own");
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not come.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                return status;
            }
            assert!(start.elapsed() < TIMEOUT, "still running");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Politely first, so that its tasks are ended too.
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// The processes that this one has started.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let of_thread = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("children")).ok()
    };
    let children: String = tasks.filter_map(of_thread).collect();
    let pids = children
        .split_whitespace()
        .map(|pid| pid.parse().expect("a process id"));
    pids.collect()
}

/// Where the messages of [`Running::proplet`] go.
pub fn topic(kind: &str) -> String {
    format!("m/d/c/c/{kind}")
}

/// The task metrics of this task, in order.
pub fn of_task<'a>(messages: &'a [serde_json::Value], task_id: &str) -> Vec<&'a serde_json::Value> {
    let of_task = messages
        .iter()
        .filter(|message| message["task_id"] == task_id);
    of_task.collect()
}

/// Polls until the condition holds.
///
/// # Panics
///
/// If it does not come to.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "not within {TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The number behind a key in a file of `/proc/PID`.
pub fn proc_number(pid: u32, file: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let value = line.and_then(|rest| rest.split_whitespace().next());
    value
        .and_then(|value| value.parse().ok())
        .expect("every process has it")
}

/// A broker with a subscriber of everything, where there is one.
pub fn broker() -> Option<(Mosquitto, Subscriber)> {
    let (Some(binary), Some(sub)) = (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return None;
    };
    let broker = Mosquitto::start(&binary, "max_queued_messages 0\nmax_inflight_messages 0");
    let subscriber = Subscriber::start(&sub, broker.address(), &["m/#"]);
    Some((broker, subscriber))
}

/// The first message of the task for which the condition holds.
pub fn message_when(
    subscriber: &Subscriber,
    task_id: &str,
    what: &str,
    condition: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let all = subscriber.json_when(&topic("control/proplet/task_metrics"), what, |messages| {
        of_task(messages, task_id).into_iter().any(&condition)
    });
    let found = of_task(&all, task_id)
        .into_iter()
        .find(|message| condition(message));
    found.expect("it was there a moment ago").clone()
}

/// The count.
///
/// # Panics
///
/// If it is none.
pub fn number(value: &serde_json::Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}
