//! What sysinfo reports of a process on macOS and Windows. What it does not report
//! is absent: threads and descriptors where it counts none.

use std::io;
use std::time::{Duration, Instant};

use sysinfo::{Networks, Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

use super::{Counted, Glance, Reading};
use crate::application::Target;
use proplet_schema::{Listener, MonitoringProfile};

/// Nothing is read of the whole machine.
#[derive(Debug, Default)]
pub struct Machine;

#[derive(Debug)]
pub(super) struct Source {
    /// Of its own, so that no other sampling disturbs what it remembers.
    system: System,
    networks: Networks,
    pid: Pid,
    started: u64,
}

impl Source {
    /// Descendants are counted on Linux only.
    pub(super) fn attach(pid: u32, _: Counted) -> io::Result<Self> {
        let failed = |error| io::Error::other(format!("{error:?}"));
        let mut source = Self {
            system: System::new().map_err(failed)?,
            networks: Networks::new().map_err(failed)?,
            pid: Pid::from_u32(pid),
            started: 0,
        };
        source.system.refresh_memory();
        let started = source.process().map(Process::start_time);
        source.started = started.ok_or(io::ErrorKind::NotFound)?;
        Ok(source)
    }

    /// Whose a listening socket is cannot be told here.
    pub(super) fn target(&mut self, listener: &Listener) -> Result<Target, String> {
        Err(format!(
            "{listener} is not asked: application metrics are read on Linux only"
        ))
    }

    pub(super) fn machine_memory() -> Option<u64> {
        let mut system = System::new().ok()?;
        system.refresh_memory();
        Some(system.total_memory())
    }

    pub(super) fn read(&mut self, profile: &MonitoringProfile, _: &mut Machine) -> Option<Reading> {
        let started = self.started;
        let network = profile.collect_network_io.then(|| {
            self.networks.refresh(true);
            let counts = self.networks.iter().map(|(_, data)| data);
            counts.fold((0, 0), |sum, data| {
                (
                    sum.0 + data.total_received(),
                    sum.1 + data.total_transmitted(),
                )
            })
        });
        let total = self.system.total_memory();
        // A process that started at another time has the same number only.
        let process = self
            .process()
            .filter(|process| process.start_time() == started)?;
        let disk = process.disk_usage();
        let count = |count: usize| u64::try_from(count).ok();
        Some(Reading {
            at: Some(Instant::now()),
            user: Duration::from_millis(process.accumulated_cpu_time()),
            system: Duration::ZERO,
            uptime: Some(Duration::from_secs(process.run_time())),
            memory: profile.collect_memory.then(|| process.memory()),
            memory_limit: Some(total),
            disk: profile
                .collect_disk_io
                .then_some((disk.total_read_bytes, disk.total_written_bytes)),
            network,
            threads: process
                .tasks()
                .filter(|_| profile.collect_threads)
                .and_then(|tasks| count(tasks.len() + 1)),
            descriptors: process
                .open_files()
                .filter(|_| profile.collect_file_descriptors)
                .and_then(count),
            ..Reading::default()
        })
    }

    pub(super) fn glance(&mut self, _: &MonitoringProfile, _: &mut Machine) -> Option<Glance> {
        None
    }

    pub(super) fn survivor(&mut self, _: &mut Machine) -> Option<u32> {
        None
    }

    pub(super) fn heap(&self) -> (u64, u64) {
        (0, 0)
    }

    fn process(&mut self) -> Option<&Process> {
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .with_disk_usage();
        let pids = [self.pid];
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, kind);
        self.system.process(self.pid)
    }
}
