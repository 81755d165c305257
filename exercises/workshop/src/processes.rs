//! The processes of exercise 16: one leaks, the others look as if they did.
//! They are tasks of a real proplet, which the reference service's program is.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::child::KillOnDrop;
use crate::finding::Finding;
use crate::mqtt::{self, Broker};
use crate::{mystery, reference};
use proplet_schema::MonitoringProfile;

/// What to do where it, or the broker, is missing.
pub const REMEDY: &str = "Debian and Ubuntu: apt install mosquitto mosquitto-clients; macOS: brew \
     install mosquitto; everywhere else: https://mosquitto.org/download/. With Docker neither is \
     needed: `docker compose up --detach mosquitto` starts the broker, and `docker compose exec \
     mosquitto mosquitto_sub …` reads.";

/// The domain of the processes' topics; the channel is the student's name.
pub const DOMAIN: &str = "course";

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const NAMES: [&str; 6] = ["alder", "birch", "cedar", "hazel", "maple", "rowan"];
// Then even the leak has ended.
const DURATION: &str = "5m";

// How long the process of a trial lives, and how long its end is awaited.
const TRIAL: Duration = Duration::from_secs(2);
const TRIAL_TIMEOUT: Duration = Duration::from_secs(60);

/// What a process does, and for what it may be mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Takes more and more of something and never gives it back.
    Leaks,
    /// Has much memory, always the same.
    Big,
    /// Grows at first, and then no more.
    WarmsUp,
    /// Works: most of the CPU time is its.
    Busy,
    /// Writes to the disk: its totals rise for ever.
    Writes,
    /// Has many threads and open files, always the same.
    Many,
}

/// What leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Bytes.
    Memory,
    /// Open files.
    Descriptors,
}

/// The processes that a name stands for. `Debug` does not show which of them leaks.
#[derive(Clone)]
pub struct Processes {
    parts: Vec<(&'static str, Part, Value)>,
    /// What leaks.
    pub resource: Resource,
    /// How much of it in a second: bytes, or open files.
    pub per_second: f64,
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").finish_non_exhaustive()
    }
}

impl Processes {
    /// Those that this name stands for, under the course's salt.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let salt = mystery::salt();
        let drawn = Sha256::digest(format!("processes {}:{name} {salt}", name.len()));
        // One of `many`, each nearly as likely.
        let one_of = |byte: usize, many: u8| drawn[byte] % many;
        let mut names = NAMES;
        for last in (1..names.len()).rev() {
            names.swap(last, usize::from(drawn[last]) % (last + 1));
        }
        let (resource, per_second) = if one_of(8, 2) == 0 {
            let pieces = 4 + one_of(9, 11);
            (Resource::Memory, u64::from(pieces) * 64 * KIB)
        } else {
            (Resource::Descriptors, u64::from(2 + one_of(9, 8)))
        };
        let some = u64::from(one_of(10, 24));
        let leak = match resource {
            Resource::Memory => json!({
                "kind": "memory", "bytes": (8 + some) * MIB, "bytes_per_second": per_second,
            }),
            Resource::Descriptors => json!({
                "kind": "idle", "descriptors": 5 + some, "descriptors_per_second": per_second,
            }),
        };
        let workloads = [
            (Part::Leaks, leak),
            (
                Part::Big,
                json!({"kind": "memory", "bytes": (90 + some) * MIB}),
            ),
            (
                Part::WarmsUp,
                json!({
                    "kind": "memory", "bytes": 4 * MIB, "bytes_per_second": MIB,
                    "bytes_limit": (24 + some / 2) * MIB,
                }),
            ),
            (Part::Busy, json!({"kind": "cpu", "percent": 25})),
            (
                Part::Writes,
                json!({"kind": "disk", "bytes_per_second": 256 * KIB}),
            ),
            (
                Part::Many,
                json!({"kind": "idle", "threads": 12 + some, "descriptors": 150 + some}),
            ),
        ];
        let parts = names.into_iter().zip(workloads);
        let mut parts: Vec<_> = parts
            .map(|(name, (part, mut workload))| {
                workload["duration"] = json!(DURATION);
                (name, part, workload)
            })
            .collect();
        parts.sort_by_key(|(name, _, _)| *name);
        Self {
            parts,
            resource,
            per_second: per_second as f64,
        }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().map(|(name, _, _)| *name)
    }

    /// What the process of this name does.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<Part> {
        let found = self.parts.iter().find(|(other, _, _)| *other == name);
        found.map(|(_, part, _)| *part)
    }

    /// The proplet that runs them, watched by this profile, with its messages
    /// going to this broker.
    ///
    /// # Errors
    ///
    /// `no-broker`, or that there is no program and it cannot be built.
    pub fn command(
        &self,
        name: &str,
        profile: &MonitoringProfile,
        broker: &str,
    ) -> Result<Command, Finding> {
        let no_broker = |said: String| {
            Finding::new(
                "no-broker",
                format!("There is no broker at {broker}: {said}. Is Mosquitto running? {REMEDY}"),
            )
        };
        let address: SocketAddr = broker
            .parse()
            .map_err(|_| no_broker("an address looks like 127.0.0.1:1883".to_owned()))?;
        mqtt::ask(address).map_err(|error| no_broker(error.to_string()))?;
        let channel = channel(name);
        let mut command = proplet(&reference::program()?, address, &channel);
        for (name, _, workload) in &self.parts {
            command.args(["--task", &task(name, workload, profile)]);
        }
        Ok(command)
    }
}

/// The channel of this name's topics: what may not be in a topic is left out.
#[must_use]
pub fn channel(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .take(60)
        .collect();
    if plain.is_empty() {
        "-".to_owned()
    } else {
        plain
    }
}

/// The messages about a process that lives for two seconds, watched by this
/// profile: what each says, and how long after the first it came.
///
/// # Errors
///
/// That there is no program, or what it said when it failed.
pub fn trial(profile: &MonitoringProfile) -> Result<Vec<(f64, Value)>, Finding> {
    let program = reference::program()?;
    let broker = Broker::start()?;
    let work = json!({"kind": "cpu", "percent": 20, "duration": format!("{}s", TRIAL.as_secs())});
    let child = proplet(&program, broker.address(), "trial")
        .args(["--task", &task("tried", &work, profile)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("it could not be started: {error}")))?;
    let proplet = KillOnDrop::new(child);
    let deadline = Instant::now() + TRIAL_TIMEOUT;
    // How a task ended is said after its last sample.
    while broker.published("/control/proplet/results").is_empty() {
        let ended = proplet.try_wait();
        if let Ok(Some(status)) = ended {
            return Err(failed(&format!("it ended with {status}")));
        }
        if Instant::now() > deadline {
            let waited = TRIAL_TIMEOUT.as_secs();
            return Err(failed(&format!(
                "after {waited} s its task had not ended; is the machine very busy?"
            )));
        }
        thread::sleep(Duration::from_millis(10));
    }
    let messages = broker.published("/control/proplet/task_metrics");
    let Some(first) = messages.first().map(|message| message.at) else {
        return Ok(Vec::new());
    };
    messages
        .iter()
        .map(|message| {
            let content = serde_json::from_slice(&message.payload)
                .map_err(|error| failed(&format!("it sent something that is not JSON: {error}")))?;
            Ok((message.at.duration_since(first).as_secs_f64(), content))
        })
        .collect()
}

fn failed(what: &str) -> Finding {
    Finding::new(
        "proplet-failed",
        format!("The proplet that was to try your profile failed: {what}."),
    )
}

fn proplet(program: &Path, broker: SocketAddr, channel: &str) -> Command {
    let mut command = reference::command(program);
    command
        .args(["proplet", "--log", "warn", "--task-topics", "control"])
        .args(["--mqtt-address", &format!("tcp://{broker}")])
        .args(["--domain-id", DOMAIN, "--channel-id", channel])
        .args(["--entity-id", &format!("workshop-{channel}")]);
    command
}

fn task(name: &str, workload: &Value, profile: &MonitoringProfile) -> String {
    json!({"id": name, "workload": workload, "monitoring_profile": profile}).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use proplet_schema::Workload;

    #[test]
    fn every_name_stands_for_one_leak_among_workloads_that_there_are() {
        let mut leaks = std::collections::BTreeSet::new();
        for number in 0..200 {
            let processes = Processes::of(&format!("student {number}"));
            assert!(processes.names().eq(NAMES));
            let leaking = |name: &&str| processes.part(name) == Some(Part::Leaks);
            assert_eq!(processes.names().filter(leaking).count(), 1);
            for (_, _, workload) in &processes.parts {
                Workload::from_json(workload).unwrap();
            }
            let leak = processes.names().find(leaking).unwrap();
            leaks.insert((
                leak,
                processes.resource == Resource::Memory,
                processes.per_second as u64,
            ));
        }
        // Of 6 names, with 11 rates of memory or 8 of descriptors each.
        assert!(leaks.len() > 60, "{} kinds of leaks", leaks.len());
    }

    #[test]
    fn a_name_becomes_one_level_of_a_topic() {
        assert_eq!(channel("Ada Lovelace"), "ada-lovelace");
        assert_eq!(channel("a/b+c#"), "a-b-c-");
        assert_eq!(channel(""), "-");
    }
}
