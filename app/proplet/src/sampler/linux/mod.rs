//! What Linux reports of a process, or of a tree of them: `/proc/PID`, its control
//! group, its sockets.

mod files;
mod listener;
mod machine;
mod network;
mod scan;
mod sockets;
mod tree;

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use procfs::{Current as _, Meminfo};
use rustix::time::{ClockId, clock_gettime};

use self::files::Files;
pub use self::machine::Machine;
use self::sockets::{Bytes, Carried};
use self::tree::{Tree, Used};
use super::{Counted, Glance, Reading};
use golden_system::cgroup::Cgroup;
use proplet_schema::{CgroupMetrics, MonitoringProfile};

/// The limits of a control group are read again after this time.
const LIMITS_MAX_AGE: Duration = Duration::from_secs(10);

/// A scan of all processes serves all tasks for half of an interval, and at most for
/// this long.
const SCAN_MAX_AGE: Duration = Duration::from_millis(500);

/// The machine's memory, in bytes: a constant.
static MACHINE: LazyLock<Option<u64>> =
    LazyLock::new(|| Meminfo::current().ok().map(|memory| memory.mem_total));

#[derive(Debug)]
pub(super) struct Source {
    pid: u32,
    tree: Tree,
    whole: bool,
    /// The control group holds this task and nothing else: it knows of every process.
    /// `None` until that was looked at.
    own_group: Option<bool>,
    /// It was in that group from the first sample on: the group's account is its own.
    group_counts: Option<bool>,
    started: Duration,
    cgroup: Cgroup,
    limits: Option<Limits>,
    heap: (u64, u64),
    carried: Carried,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    read: Instant,
    cores: Option<f64>,
    memory: Option<u64>,
}

impl Source {
    pub(super) fn attach(pid: u32, counted: Counted) -> io::Result<Self> {
        let (files, stat) = Files::open(i32::try_from(pid).map_err(io::Error::other)?)?;
        let whole = counted == Counted::Tree;
        Ok(Self {
            pid,
            tree: Tree::of(files, stat, whole),
            whole,
            own_group: None,
            group_counts: None,
            started: stat.started,
            cgroup: Cgroup::of_process(pid),
            limits: None,
            heap: (0, 0),
            carried: Carried::default(),
        })
    }

    pub(super) fn machine_memory() -> Option<u64> {
        *MACHINE
    }

    pub(super) fn read(
        &mut self,
        profile: &MonitoringProfile,
        machine: &mut Machine,
    ) -> Option<Reading> {
        self.follow_group();
        self.search(machine, scan_age(profile));
        let used = self.tree.read(profile.collect_disk_io)?;
        let mut reading = Reading {
            at: Some(Instant::now()),
            cpu: Some(self.cpu(used)),
            uptime: since_boot().map(|now| now.saturating_sub(self.started)),
            disk: used.disk,
            ..Reading::default()
        };
        self.read_levels(&mut reading, profile);
        let sockets = if profile.collect_network_io {
            self.read_network(&mut reading, profile, machine)
        } else {
            None
        };
        self.read_descriptors(&mut reading, profile, sockets);
        if profile.collect_cpu || profile.collect_memory {
            reading.cgroup = self.cgroup_metrics(profile, machine);
        }
        Some(reading)
    }

    /// Sums over the processes that live: of one that has ended and is not yet reaped
    /// the counts remain, and no levels.
    fn read_levels(&mut self, reading: &mut Reading, profile: &MonitoringProfile) {
        let mut processes = 0;
        for member in self.tree.members() {
            reading.user += member.stat.user;
            reading.system += member.stat.system;
            if member.stat.over {
                continue;
            }
            processes += 1;
            if profile.collect_threads {
                add(&mut reading.threads, Some(member.stat.threads));
            }
            if profile.collect_memory
                && let Some(memory) = member.files.memory()
            {
                add(&mut reading.memory, memory.resident);
                self.heap = memory.heap;
            }
        }
        if processes > 0 && profile.collect_memory {
            reading.memory_limit = self.limits().memory.or(*MACHINE);
        }
        reading.processes = Some(processes).filter(|_| self.whole);
    }

    /// The sockets among which its own are to be looked for, where they can be told.
    fn read_network<'m>(
        &mut self,
        reading: &mut Reading,
        profile: &MonitoringProfile,
        machine: &'m mut Machine,
    ) -> Option<&'m HashMap<u64, Bytes>> {
        let mut members = self.tree.members().iter_mut();
        let first = members.find(|member| !member.stat.over)?;
        let namespace = first.files.network_namespace();
        reading.network_namespace = namespace;
        reading.network = match namespace {
            Some(namespace) => {
                let interval = profile.interval.duration();
                let read = || first.files.network();
                machine.namespaces.recent(namespace, interval, read)
            }
            None => first.files.network(),
        };
        machine.sockets.recent(namespace?)
    }

    /// Descriptors and what its sockets have carried, by one walk for both.
    fn read_descriptors(
        &mut self,
        reading: &mut Reading,
        profile: &MonitoringProfile,
        sockets: Option<&HashMap<u64, Bytes>>,
    ) {
        let counted = profile.collect_file_descriptors;
        // One that several of them have open is one socket.
        let mut open = HashMap::new();
        let living = self.tree.members().iter().filter(|m| !m.stat.over);
        for member in living {
            let count = match sockets.filter(|sockets| !sockets.is_empty()) {
                Some(sockets) => member.files.walk_descriptors(|inode| {
                    open.extend(sockets.get(&inode).map(|bytes| (inode, *bytes)));
                }),
                None if counted => member.files.descriptors(),
                None => None,
            };
            if counted {
                add(&mut reading.descriptors, count);
            }
        }
        if sockets.is_some() {
            reading.tcp = Some(self.carried.add(open));
        }
    }

    pub(super) fn glance(
        &mut self,
        profile: &MonitoringProfile,
        machine: &mut Machine,
    ) -> Option<Glance> {
        self.follow_group();
        self.search(machine, scan_age(profile));
        let used = self.tree.read(true)?;
        let disk = used.disk.map_or(0, |(read, written)| read + written);
        let (at, cpu) = (Instant::now(), self.cpu(used));
        let mut glance = Glance {
            at,
            cpu,
            memory: 0,
            threads: 0,
            disk,
        };
        let living = self.tree.members().iter().filter(|m| !m.stat.over);
        let mut lives = false;
        for member in living {
            lives = true;
            glance.memory += member.stat.memory;
            glance.threads += member.stat.threads;
        }
        lives.then_some(glance)
    }

    /// A process of the tree that still runs.
    pub(super) fn survivor(&mut self, machine: &mut Machine) -> Option<u32> {
        if !self.whole {
            return None;
        }
        self.search(machine, Duration::ZERO);
        self.tree.read(false)?;
        let mut living = self.tree.members().iter().filter(|m| !m.stat.over);
        living.find_map(|member| u32::try_from(member.files.pid()).ok())
    }

    /// The data segment, and what is resident of memory that is no file's.
    pub(super) fn heap(&self) -> (u64, u64) {
        self.heap
    }

    /// Whoever starts a task may move it into its group after its start.
    fn follow_group(&mut self) {
        if self.cgroup.follow_process(self.pid) {
            self.own_group = None;
            self.limits = None;
        }
    }

    fn search(&mut self, machine: &mut Machine, max_age: Duration) {
        if !self.whole {
            return;
        }
        let of_group = match self.own_group {
            Some(false) => None,
            _ => self.cgroup.members_apart_from(&machine.own),
        };
        let own_group = self.own_group.unwrap_or_else(|| {
            let mut members = of_group.iter().flatten();
            members.clone().any(|pid| *pid == self.pid)
                && members.all(|pid| *pid == self.pid || self.is_younger(*pid))
        });
        self.own_group = Some(own_group);
        self.group_counts.get_or_insert(own_group);
        let group = of_group.filter(|_| own_group).unwrap_or_default();
        self.tree.search(&mut machine.scan, max_age, &group);
    }

    /// Whether a process, if it is still there, is not older than the task.
    fn is_younger(&self, pid: u32) -> bool {
        let found = i32::try_from(pid).ok().map(Files::open);
        found.is_none_or(|found| found.map_or(true, |(_, stat)| stat.started >= self.started))
    }

    /// The control group's own account has every process that ever was in it.
    fn cpu(&self, used: Used) -> Duration {
        let of_group = self.cgroup.cpu_seconds();
        let of_group = of_group.filter(|_| self.group_counts == Some(true));
        of_group.map_or(used.cpu, Duration::from_secs_f64)
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

    fn cgroup_metrics(
        &mut self,
        profile: &MonitoringProfile,
        machine: &mut Machine,
    ) -> Option<CgroupMetrics> {
        let limits = self.limits();
        let events = machine
            .events(&self.cgroup, scan_age(profile))
            .unwrap_or_default();
        let of_cpu = profile.collect_cpu;
        let of_memory = profile.collect_memory;
        let [cpu, memory, io] = events.pressure;
        let cpu = cpu.filter(|_| of_cpu);
        let (memory, io) = (memory.filter(|_| of_memory), io.filter(|_| of_memory));
        let metrics = CgroupMetrics {
            cpu_seconds: self.cgroup.cpu_seconds().filter(|_| profile.collect_cpu),
            cpu_limit_cores: limits.cores.filter(|_| profile.collect_cpu),
            memory_bytes: self
                .cgroup
                .memory_usage()
                .filter(|_| profile.collect_memory),
            memory_limit_bytes: limits.memory.filter(|_| profile.collect_memory),
            cpu_throttled_seconds: events.throttled_seconds.filter(|_| of_cpu),
            memory_high_events: events.memory_high.filter(|_| of_memory),
            memory_oom_kills: events.oom_kills.filter(|_| of_memory),
            cpu_waiting_seconds: cpu.map(|pressure| pressure.some),
            cpu_stalled_seconds: cpu.map(|pressure| pressure.full),
            memory_waiting_seconds: memory.map(|pressure| pressure.some),
            memory_stalled_seconds: memory.map(|pressure| pressure.full),
            io_waiting_seconds: io.map(|pressure| pressure.some),
            io_stalled_seconds: io.map(|pressure| pressure.full),
        };
        (metrics != CgroupMetrics::default()).then_some(metrics)
    }
}

fn add(to: &mut Option<u64>, value: Option<u64>) {
    if let Some(value) = value {
        *to = Some(to.unwrap_or_default() + value);
    }
}

fn scan_age(profile: &MonitoringProfile) -> Duration {
    SCAN_MAX_AGE.min(profile.interval.duration() / 2)
}

fn since_boot() -> Option<Duration> {
    let time = clock_gettime(ClockId::Boottime);
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
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
        let mut source = Source::attach(std::process::id(), Counted::Process).unwrap();
        let mut machine = Machine::default();
        let profile = MonitoringProfile::for_task(false);
        // Other tests run beside it, in threads of this process.
        for _ in 0..20 {
            let before = own();
            let read = source.read(&profile, &mut machine).unwrap().cpu.unwrap();
            assert!((before..=own()).contains(&read));
        }
    }
}
