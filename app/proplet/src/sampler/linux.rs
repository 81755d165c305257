//! What Linux reports of a process: `/proc/PID` and its control group.
//!
//! Sources: proc(5), clock_getcpuclockid(3).

use std::io::{self, Read as _};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use nix::time::{ClockId as CpuClock, clock_getcpuclockid};
use nix::unistd::Pid;
use procfs::process::Process;
use procfs::{Current as _, Meminfo};
use rustix::time::{ClockId, clock_gettime};

use super::{Glance, Reading};
use golden_system::cgroup::Cgroup;
use proplet_schema::{CgroupMetrics, MonitoringProfile};

/// The limits of a control group are read again after this time.
const LIMITS_MAX_AGE: Duration = Duration::from_secs(10);

/// The machine's memory, in bytes: a constant.
static MACHINE: LazyLock<Option<u64>> =
    LazyLock::new(|| Meminfo::current().ok().map(|memory| memory.mem_total));

static TICKS_PER_SECOND: LazyLock<u64> = LazyLock::new(procfs::ticks_per_second);

#[derive(Debug)]
pub(super) struct Source {
    /// Its directory, held open: the number may go to another process.
    process: Process,
    /// The clock of the process's CPU time, in all its threads, past ones included.
    clock: Option<CpuClock>,
    cgroup: Cgroup,
    limits: Option<Limits>,
    buffer: Vec<u8>,
    heap: (u64, u64),
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    read: Instant,
    cores: Option<f64>,
    memory: Option<u64>,
}

fn unreadable(pid: i32, reason: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!(
        "/proc/{pid}/stat cannot be read ({reason}): the process is over, or /proc is mounted with hidepid and it is another user's; run the proplet as that user"
    ))
}

impl Source {
    pub(super) fn attach(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        let process = Process::new(pid).map_err(|error| unreadable(pid, &error))?;
        let mut source = Self {
            cgroup: Cgroup::of_process(pid.unsigned_abs()),
            process,
            clock: clock_getcpuclockid(Pid::from_raw(pid)).ok(),
            limits: None,
            buffer: Vec::with_capacity(4096),
            heap: (0, 0),
        };
        // With `hidepid` its directory may be there, and nothing in it readable.
        if source.text("stat").is_none() {
            return Err(unreadable(pid, &"no permission"));
        }
        Ok(source)
    }

    pub(super) fn machine_memory() -> Option<u64> {
        *MACHINE
    }

    pub(super) fn read(&mut self, profile: &MonitoringProfile) -> Option<Reading> {
        let mut reading = Reading::default();
        let stat = self.stat()?;
        (reading.user, reading.system) = (stat.user, stat.system);
        // The ticks of `stat` are of 10 ms: a tenth of a short interval.
        reading.at = Some(Instant::now());
        reading.cpu = self
            .clock
            .and_then(|clock| clock.now().ok())
            .map(Duration::from);
        if reading.cpu.is_none() {
            reading.at = Some(stat.at);
        }
        reading.uptime = since_boot().map(|now| now.saturating_sub(stat.started));
        // Of a process that has ended and is not yet reaped the counts remain.
        if !stat.over {
            if profile.collect_threads {
                reading.threads = Some(stat.threads);
            }
            if profile.collect_memory {
                // Not from `stat`, whose count leaves out what each processor has
                // not yet added to the sum.
                if let Some(status) = self.text("status") {
                    let kib = |key| keyed(status, key).map(|kib| kib * 1024);
                    reading.memory = kib("VmRSS:");
                    self.heap = (
                        kib("VmData:").unwrap_or_default(),
                        kib("RssAnon:").unwrap_or_default(),
                    );
                }
                reading.memory_limit = self.limits().memory.or(*MACHINE);
            }
            if profile.collect_file_descriptors {
                // Some when this process may look; it holds none there itself.
                reading.descriptors = self
                    .process
                    .fd_count()
                    .ok()
                    .and_then(|count| u64::try_from(count).ok());
            }
            if profile.collect_network_io {
                reading.network = self.text("net/dev").and_then(network);
            }
        }
        if profile.collect_disk_io {
            reading.disk = self.disk();
        }
        if profile.collect_cpu || profile.collect_memory {
            reading.cgroup = self.cgroup_metrics(profile);
        }
        Some(reading)
    }

    pub(super) fn glance(&mut self) -> Option<Glance> {
        let stat = self.stat()?;
        let disk = self.disk().map_or(0, |(read, written)| read + written);
        (!stat.over).then_some(Glance {
            at: stat.at,
            cpu: stat.user + stat.system,
            memory: stat.memory,
            threads: stat.threads,
            disk,
        })
    }

    /// The data segment, and what is resident of memory that is no file's.
    pub(super) fn heap(&self) -> (u64, u64) {
        self.heap
    }

    fn stat(&mut self) -> Option<Stat> {
        let text = self.text("stat")?;
        let at = Instant::now();
        // The name is in parentheses and may contain anything: from behind it.
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        let over = matches!(fields.next()?, "Z" | "X" | "x");
        // Field 3 was the state; utime is 14, stime 15, num_threads 20,
        // starttime 22, rss 24.
        let mut fields = fields.skip(10);
        let mut next = |skipped| fields.nth(skipped)?.parse::<u64>().ok();
        let (user, system) = (ticks(next(0)?), ticks(next(0)?));
        let threads = next(4)?;
        let started = ticks(next(1)?);
        let memory = next(1)? * procfs::page_size();
        Some(Stat {
            at,
            over,
            user,
            system,
            threads,
            started,
            memory,
        })
    }

    /// `None` where this process may not look.
    fn disk(&mut self) -> Option<(u64, u64)> {
        let text = self.text("io")?;
        // "cancelled_write_bytes:" ends the same way: only at a line's start.
        Some((keyed(text, "read_bytes:")?, keyed(text, "write_bytes:")?))
    }

    fn limits(&mut self) -> Limits {
        let fresh = self
            .limits
            .filter(|limits| limits.read.elapsed() < LIMITS_MAX_AGE);
        *self.limits.insert(fresh.unwrap_or_else(|| {
            Limits {
                read: Instant::now(),
                cores: self.cgroup.cpu_quota().map(|(cores, _)| cores),
                memory: self
                    .cgroup
                    .memory(MACHINE.unwrap_or(u64::MAX))
                    .map(|(limit, _)| limit),
            }
        }))
    }

    fn cgroup_metrics(&mut self, profile: &MonitoringProfile) -> Option<CgroupMetrics> {
        let limits = self.limits();
        let metrics = CgroupMetrics {
            cpu_seconds: self.cgroup.cpu_seconds().filter(|_| profile.collect_cpu),
            cpu_limit_cores: limits.cores.filter(|_| profile.collect_cpu),
            memory_bytes: self
                .cgroup
                .memory_usage()
                .filter(|_| profile.collect_memory),
            memory_limit_bytes: limits.memory.filter(|_| profile.collect_memory),
        };
        (metrics != CgroupMetrics::default()).then_some(metrics)
    }

    /// A file of the process; `None` if it is gone or not for this user.
    fn text(&mut self, file: &str) -> Option<&str> {
        self.buffer.clear();
        let mut file = self.process.open_relative(file).ok()?;
        file.read_to_end(&mut self.buffer).ok()?;
        // A process's name may be anything; the numbers around it are ASCII.
        if std::str::from_utf8(&self.buffer).is_err() {
            self.buffer.iter_mut().for_each(|byte| *byte &= 0x7F);
        }
        std::str::from_utf8(&self.buffer).ok()
    }
}

struct Stat {
    at: Instant,
    /// It has ended, and its parent has not heard so yet.
    over: bool,
    user: Duration,
    system: Duration,
    threads: u64,
    /// Since the machine's start.
    started: Duration,
    memory: u64,
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / (*TICKS_PER_SECOND).max(1)))
}

fn since_boot() -> Option<Duration> {
    let time = clock_gettime(ClockId::Boottime);
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

/// The number behind a key at a line's start.
fn keyed(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

/// Bytes received and sent over all interfaces, the loopback included.
fn network(text: &str) -> Option<(u64, u64)> {
    let interfaces = text.lines().filter_map(|line| line.split_once(':'));
    interfaces
        .map(|(_, counts)| {
            let mut counts = counts.split_ascii_whitespace();
            let received = counts.next()?.parse::<u64>().ok()?;
            // The first of the eight counts of sending.
            let sent = counts.nth(7)?.parse::<u64>().ok()?;
            Some((received, sent))
        })
        .try_fold((0, 0), |sum: (u64, u64), counts| {
            let (received, sent) = counts?;
            Some((sum.0 + received, sum.1 + sent))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_the_kernels_to_the_nanosecond() {
        let own = || {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            let nanos = u32::try_from(time.tv_nsec).unwrap();
            Duration::new(u64::try_from(time.tv_sec).unwrap(), nanos)
        };
        let mut source = Source::attach(std::process::id()).unwrap();
        let profile = MonitoringProfile::for_task(false);
        // Other tests run beside it, in threads of this process.
        for _ in 0..20 {
            let before = own();
            let read = source.read(&profile).unwrap().cpu.unwrap();
            assert!((before..=own()).contains(&read));
        }
    }

    #[test]
    fn interfaces_are_added_up() {
        let text = "Inter-|   Receive                            |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes\n    \
                    lo:    1000      10    0    0    0     0          0         0     1000      10\n  \
                    eth0:200 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n";
        assert_eq!(network(text), Some((1200, 1030)));
        assert_eq!(network("garbage: x"), None);
    }

    #[test]
    fn a_key_is_a_whole_one() {
        let text = "cancelled_write_bytes: 7\nwrite_bytes: 5\nVmRSS:\t    123 kB\n";
        assert_eq!(keyed(text, "write_bytes:"), Some(5));
        assert_eq!(keyed(text, "VmRSS:"), Some(123));
        assert_eq!(keyed(text, "VmSwap:"), None);
    }
}
