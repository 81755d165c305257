//! Samples of one process: what it uses now, and what it has used since the
//! sample before. Where the numbers come from is the system's own module.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod portable;

use std::io;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
pub use linux::Machine;
#[cfg(target_os = "linux")]
use linux::Source;
#[cfg(not(target_os = "linux"))]
pub use portable::Machine;
#[cfg(not(target_os = "linux"))]
use portable::Source;

use super::application::Target;
use super::number::exact;
use proplet_schema::{
    CgroupMetrics, CpuMetrics, Listener, MemoryMetrics, MonitoringProfile, ProcessMetrics,
    Timestamp,
};

/// What the system says of a process: counts since its start, and levels.
/// What it does not say is absent.
#[derive(Clone, Debug, Default)]
struct Reading {
    /// When the CPU time was read.
    at: Option<Instant>,
    /// User and system time together, where there is a finer clock for them.
    cpu: Option<Duration>,
    user: Duration,
    system: Duration,
    uptime: Option<Duration>,
    memory: Option<u64>,
    memory_limit: Option<u64>,
    /// Read and written.
    disk: Option<(u64, u64)>,
    /// Received and sent.
    network: Option<(u64, u64)>,
    network_namespace: Option<u64>,
    /// Of its own TCP sockets.
    tcp: Option<(u64, u64)>,
    /// How many are counted, where its descendants are.
    processes: Option<u64>,
    threads: Option<u64>,
    descriptors: Option<u64>,
    cgroup: Option<CgroupMetrics>,
}

/// The machine's memory, in bytes.
#[must_use]
pub fn machine_memory() -> Option<u64> {
    Source::machine_memory()
}

/// Since when what a process does is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Its own start: it is watched from the beginning.
    Birth,
    /// Now: what it did before does not count.
    Now,
}

/// What of a task is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Its process alone.
    Process,
    /// The process's descendants too, those included that have ended.
    Tree,
}

impl Counted {
    /// As the profile says, or `otherwise` where it says nothing.
    #[must_use]
    pub fn of(profile: &MonitoringProfile, otherwise: Self) -> Self {
        match profile.process_tree {
            Some(true) => Self::Tree,
            Some(false) => Self::Process,
            None => otherwise,
        }
    }
}

/// Samples one process. Holds on to the process, not to its number: another one
/// that is given the same number later is never mistaken for it.
#[derive(Debug)]
pub struct Sampler {
    source: Source,
    since: Since,
    before: Option<Reading>,
}

/// What a first look at a process costs little to see, to tell whether a whole
/// sample would say anything new.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    at: Instant,
    cpu: Duration,
    memory: u64,
    threads: u64,
    disk: u64,
}

impl Sampler {
    /// Takes hold of this process.
    ///
    /// # Errors
    ///
    /// If there is no such process.
    pub fn attach(pid: u32, since: Since, counted: Counted) -> io::Result<Self> {
        Ok(Self {
            source: Source::attach(pid, counted)?,
            since,
            before: None,
        })
    }

    /// A sample of what the profile asks for. `None` once the process is gone.
    pub fn sample(
        &mut self,
        profile: &MonitoringProfile,
        machine: &mut Machine,
    ) -> Option<ProcessMetrics> {
        let now = self.source.read(profile, machine)?;
        let before = self.before.take();
        let metrics = ProcessMetrics {
            cpu_percent: before
                .as_ref()
                .filter(|_| profile.collect_cpu)
                .and_then(|before| cpu_percent(before, &now)),
            memory_bytes: now.memory,
            memory_percent: percent(now.memory, now.memory_limit),
            ..ProcessMetrics::default()
        };
        let born = self.since == Since::Birth && before.is_none();
        let delta = |now: Option<(u64, u64)>, before: Option<(u64, u64)>, at_first: (u64, u64)| {
            let now = now?;
            let before = before.unwrap_or(at_first);
            // A process that is over, or an interface that is gone, counts less.
            Some((
                now.0.saturating_sub(before.0),
                now.1.saturating_sub(before.1),
            ))
        };
        let disk_before = before.as_ref().and_then(|before| before.disk);
        let from = if born {
            (0, 0)
        } else {
            now.disk.unwrap_or_default()
        };
        let disk = delta(now.disk, disk_before, from);
        let network_before = before.as_ref().and_then(|before| before.network);
        // The namespace is older than the process: at first nothing is its own.
        let network = delta(now.network, network_before, now.network.unwrap_or_default());
        let tcp_before = before.as_ref().and_then(|before| before.tcp);
        let from = if born {
            (0, 0)
        } else {
            now.tcp.unwrap_or_default()
        };
        let tcp = delta(now.tcp, tcp_before, from);
        let metrics = ProcessMetrics {
            tcp_rx_bytes: tcp.map(|(received, _)| received),
            tcp_tx_bytes: tcp.map(|(_, sent)| sent),
            network_namespace: now.network_namespace,
            process_count: now.processes,
            disk_read_bytes: disk.map(|(read, _)| read),
            disk_write_bytes: disk.map(|(_, written)| written),
            network_rx_bytes: network.map(|(received, _)| received),
            network_tx_bytes: network.map(|(_, sent)| sent),
            uptime_seconds: now.uptime.map(|uptime| uptime.as_secs()),
            thread_count: now.threads,
            file_descriptor_count: now.descriptors,
            cgroup: now.cgroup.clone(),
            timestamp: Some(Timestamp::now()),
            ..metrics
        };
        self.before = Some(Reading {
            // What could not be read this time is compared with what could.
            disk: now.disk.or(disk_before),
            network: now.network.or(network_before),
            tcp: now.tcp.or(tcp_before),
            ..now
        });
        Some(metrics)
    }

    /// CPU time and memory of the process, in Propeller's shape for a proplet,
    /// as of the last sample.
    #[must_use]
    pub fn totals(&self, sample: &ProcessMetrics) -> (CpuMetrics, MemoryMetrics) {
        let last = self.before.clone().unwrap_or_default();
        let (heap_sys_bytes, heap_inuse_bytes) = self.source.heap();
        let cgroup = sample.cgroup.clone().unwrap_or_default();
        let cpu = CpuMetrics {
            user_seconds: last.user.as_secs_f64(),
            system_seconds: last.system.as_secs_f64(),
            percent: sample.cpu_percent.unwrap_or_default(),
        };
        let memory = MemoryMetrics {
            rss_bytes: sample.memory_bytes.unwrap_or_default(),
            heap_sys_bytes,
            heap_inuse_bytes,
            container_usage_bytes: cgroup.memory_bytes,
            container_limit_bytes: cgroup.memory_limit_bytes,
            ..MemoryMetrics::default()
        };
        (cpu, memory)
    }

    /// A glance, which costs a fraction of a sample. `None` where the system
    /// has nothing cheaper, or the process is gone.
    pub fn glance(&mut self, profile: &MonitoringProfile, machine: &mut Machine) -> Option<Glance> {
        self.source.glance(profile, machine)
    }

    /// Where one of the task's processes listens, as its profile says: nobody else is
    /// asked.
    ///
    /// # Errors
    ///
    /// Why there is nobody to be asked.
    pub fn target(&mut self, listener: &Listener) -> Result<Target, String> {
        self.source.target(listener)
    }

    /// A process that still runs of those that are counted, whether the first of them
    /// does or not. `None` where only one is counted.
    pub fn survivor(&mut self, machine: &mut Machine) -> Option<u32> {
        self.source.survivor(machine)
    }
}

/// What a process was doing between two glances.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// Cores.
    cpu: f64,
    /// Bytes a second.
    disk: f64,
    memory: u64,
    threads: u64,
}

impl Glance {
    /// What happened from an earlier glance to this one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Activity {
        let seconds = self.at.duration_since(earlier.at).as_secs_f64().max(1e-3);
        let disk = exact(self.disk.saturating_sub(earlier.disk));
        Activity {
            cpu: self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / seconds,
            disk: disk / seconds,
            memory: self.memory,
            threads: self.threads,
        }
    }
}

impl Activity {
    /// Whether it is another than that of the last sample: CPU by 5 points,
    /// memory by 5 percent and a MiB, disk by a MiB a second, any thread.
    #[must_use]
    pub fn differs(&self, last: &Self) -> bool {
        const MIB: u64 = 1024 * 1024;

        let grown = self.memory.abs_diff(last.memory);
        self.threads != last.threads
            || (self.cpu - last.cpu).abs() > 0.05
            || (self.disk - last.disk).abs() > 1024.0 * 1024.0
            || (grown > MIB && grown > last.memory / 20)
    }
}

fn cpu_percent(before: &Reading, now: &Reading) -> Option<f64> {
    let elapsed = now.at?.checked_duration_since(before.at?)?;
    let used = match (now.cpu, before.cpu) {
        (Some(now), Some(before)) => now.saturating_sub(before),
        _ => (now.user + now.system).saturating_sub(before.user + before.system),
    };
    (!elapsed.is_zero()).then(|| rounded(100.0 * used.as_secs_f64() / elapsed.as_secs_f64()))
}

fn percent(part: Option<u64>, whole: Option<u64>) -> Option<f64> {
    let (part, whole) = (part?, whole.filter(|whole| *whole > 0)?);
    Some(rounded(100.0 * exact(part) / exact(whole)))
}

/// To the thousandth: what is beyond it is noise and makes messages long.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
