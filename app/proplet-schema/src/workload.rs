//! What a task does: one of the workloads that are built in, within bounds. A
//! command from the network never names a program.

use std::time::Duration;

use serde_json::{Value, json};

use super::fields::Fields;
use super::interval::Interval;
use super::refusal::{Refusal, nearest};

const MIB: u64 = 1024 * 1024;

/// What a task does, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The kind of work.
    pub kind: WorkloadKind,
    /// For how long; without, until it is stopped.
    pub duration: Option<Duration>,
}

/// The workloads that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Keeps each of its threads busy for a share of its time.
    Cpu {
        /// Of a core, 1 to 100.
        percent: u8,
        /// 1 to 64.
        threads: u8,
    },
    /// Holds memory, and takes more as time goes by: a leak.
    Memory {
        /// At once: at most 4 GiB.
        bytes: u64,
        /// At most 1 GiB.
        bytes_per_second: u64,
        /// Where the growth ends, `bytes` included: at most 4 GiB.
        bytes_limit: u64,
    },
    /// Writes a file.
    Disk {
        /// In all, then it rests; 0 for no end.
        bytes: u64,
        /// At most 1 GiB.
        bytes_per_second: u64,
    },
    /// Sends itself data over the loopback.
    Network {
        /// In all, then it rests; 0 for no end.
        bytes: u64,
        /// At most 1 GiB.
        bytes_per_second: u64,
    },
    /// Does nothing, with threads and open files.
    Idle {
        /// With the main one: 1 to 1,000.
        threads: u64,
        /// At once: at most 1,000.
        descriptors: u64,
        /// At most 100; ends at 10,000 in all.
        descriptors_per_second: u64,
    },
}

const KINDS: [&str; 6] = ["cpu", "memory", "disk", "network", "idle", "compute"];

impl Workload {
    /// The workload of a task of this name: `cpu` (also as the document's
    /// `compute`), `memory`, `disk`, `network` or `idle`, with these parameters.
    ///
    /// # Errors
    ///
    /// For an unknown name or parameter, or one out of its range.
    pub fn new(field: &str, name: &str, parameters: Option<&Value>) -> Result<Self, Refusal> {
        let nothing = json!({});
        let fields = Fields::of(parameters.unwrap_or(&nothing), "workload")?;
        let rate = 1..=1024 * MIB;
        let kind = match name.to_lowercase().as_str() {
            "cpu" | "compute" => {
                fields.only(&["kind", "duration", "percent", "threads"])?;
                let small = |number| u8::try_from(number).expect("at most 100");
                WorkloadKind::Cpu {
                    percent: small(fields.whole("percent", 1..=100, 50)?),
                    threads: small(fields.whole("threads", 1..=64, 1)?),
                }
            }
            "memory" => {
                let [growth, limit] = ["bytes_per_second", "bytes_limit"];
                fields.only(&["kind", "duration", "bytes", growth, limit])?;
                let bytes = fields.whole("bytes", 0..=4096 * MIB, 64 * MIB)?;
                WorkloadKind::Memory {
                    bytes,
                    bytes_per_second: fields.whole(growth, 0..=1024 * MIB, 0)?,
                    bytes_limit: fields.whole(limit, bytes..=4096 * MIB, 4096 * MIB)?,
                }
            }
            "disk" => {
                fields.only(&["kind", "duration", "bytes", "bytes_per_second"])?;
                WorkloadKind::Disk {
                    bytes: fields.whole("bytes", 0..=u64::MAX, 0)?,
                    bytes_per_second: fields.whole("bytes_per_second", rate, MIB)?,
                }
            }
            "network" => {
                fields.only(&["kind", "duration", "bytes", "bytes_per_second"])?;
                WorkloadKind::Network {
                    bytes: fields.whole("bytes", 0..=u64::MAX, 0)?,
                    bytes_per_second: fields.whole("bytes_per_second", rate, 64 * 1024)?,
                }
            }
            "idle" => {
                let rising = "descriptors_per_second";
                fields.only(&["kind", "duration", "threads", "descriptors", rising])?;
                WorkloadKind::Idle {
                    threads: fields.whole("threads", 1..=1000, 1)?,
                    descriptors: fields.whole("descriptors", 0..=1000, 0)?,
                    descriptors_per_second: fields.whole(rising, 0..=100, 0)?,
                }
            }
            other => {
                let remedy = format!(
                    "must be one of the workloads {}{}",
                    KINDS.join(", "),
                    nearest(other, KINDS)
                );
                return Err(Refusal::new(field, name, remedy));
            }
        };
        let duration = match fields.value(&["duration"]) {
            None => None,
            Some((name, value)) => Some(Interval::from_json(name, value)?.duration()),
        };
        Ok(Self { kind, duration })
    }

    /// From `{"kind": "cpu", "percent": 50, …}`.
    ///
    /// # Errors
    ///
    /// As [`Workload::new`], and if there is no `kind`.
    pub fn from_json(value: &Value) -> Result<Self, Refusal> {
        match Fields::of(value, "workload")?.text(&["kind"])? {
            Some(kind) => Self::new("kind", &kind, Some(value)),
            None => Err(Refusal::new(
                "kind",
                "null",
                format!("must be one of the workloads {}", KINDS.join(", ")),
            )),
        }
    }

    /// The name of what it does.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            WorkloadKind::Cpu { .. } => "cpu",
            WorkloadKind::Memory { .. } => "memory",
            WorkloadKind::Disk { .. } => "disk",
            WorkloadKind::Network { .. } => "network",
            WorkloadKind::Idle { .. } => "idle",
        }
    }

    /// What [`Workload::from_json`] reads as the same.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = match self.kind {
            WorkloadKind::Cpu { percent, threads } => {
                json!({"percent": percent, "threads": threads})
            }
            WorkloadKind::Memory {
                bytes,
                bytes_per_second,
                bytes_limit,
            } => json!({
                "bytes": bytes,
                "bytes_per_second": bytes_per_second,
                "bytes_limit": bytes_limit
            }),
            WorkloadKind::Disk {
                bytes,
                bytes_per_second,
            }
            | WorkloadKind::Network {
                bytes,
                bytes_per_second,
            } => json!({"bytes": bytes, "bytes_per_second": bytes_per_second}),
            WorkloadKind::Idle {
                threads,
                descriptors,
                descriptors_per_second,
            } => json!({
                "threads": threads,
                "descriptors": descriptors,
                "descriptors_per_second": descriptors_per_second
            }),
        };
        object["kind"] = self.name().into();
        if let Some(duration) = self.duration {
            let text = humantime::format_duration(duration).to_string();
            object["duration"] = text.replace(' ', "").into();
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for name in KINDS {
            let parameters = json!({"duration": "1m30s"});
            let workload = Workload::new("name", name, Some(&parameters)).unwrap();
            assert_eq!(workload.duration, Some(Duration::from_secs(90)));
            assert_eq!(Workload::from_json(&workload.to_json()), Ok(workload));
        }
    }

    #[test]
    fn beyond_its_bounds_it_is_refused() {
        for (workload, field, remedy) in [
            (
                json!({"kind": "cpu", "percent": 101}),
                "percent",
                "from 1 to 100",
            ),
            (json!({"kind": "cpu", "bytes": 1}), "bytes", "unknown field"),
            (
                json!({"kind": "memory", "bytes": 1_u64 << 40}),
                "bytes",
                "4294967296",
            ),
            (
                json!({"kind": "memory", "bytes": 100, "bytes_limit": 99}),
                "bytes_limit",
                "from 100 to",
            ),
            (
                json!({"kind": "idle", "threads": 0}),
                "threads",
                "from 1 to 1000",
            ),
            (json!({"kind": "/bin/sh"}), "kind", "one of the workloads"),
            (
                json!({"kind": "memmory"}),
                "kind",
                "did you mean \"memory\"",
            ),
            (
                json!({"kind": "cpu", "duration": "0s"}),
                "duration",
                "100ms to 24h",
            ),
            (json!({}), "kind", "one of the workloads"),
        ] {
            let refusal = Workload::from_json(&workload).unwrap_err();
            assert_eq!(refusal.field, field);
            assert!(refusal.remedy.contains(remedy), "{refusal}");
        }
    }
}
