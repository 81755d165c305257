//! Prometheus' standard process metrics, read from `/proc` when a scrape asks.
//! On other systems than Linux there are none: absent, not 0.
//!
//! Source of the set: Prometheus' "Writing client libraries", "Process metrics". Beside it
//! stands `process_stopping`: whoever watches can so tell an end that was asked for from one
//! that was not.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use golden_metrics::EncodeFamily as _;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// Exposes the process metrics.
#[derive(Debug, Default)]
pub struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(
            "process_stopping",
            "1 once the process has been told to stop, 0 before",
            u64::from(STOPPING.load(Ordering::Relaxed)),
        )?;
        // A process that cannot read its own entries has no process metrics;
        // the rest of the scrape is worth having.
        #[cfg(target_os = "linux")]
        if let Ok(readings) = linux::Readings::now() {
            readings.encode(encoder)?;
        }
        Ok(())
    }
}

/// A process is told once, whatever role it has.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// The process has been told to stop: `process_stopping` is 1 from now on.
pub fn is_told_to_stop() {
    STOPPING.store(true, Ordering::Relaxed);
}

/// The file descriptors that this process has open, without any that counting
/// them takes. `None` where `/proc` cannot be read.
#[cfg(target_os = "linux")]
pub(crate) fn open_descriptors() -> Option<u64> {
    const DIRECTORY: &str = "/proc/self/fd";

    // Since Linux 6.2 the directory's size is their number.
    match std::fs::metadata(DIRECTORY).ok()?.len() {
        // Before, they are to be listed: one of them is then the list's own.
        0 => u64::try_from(std::fs::read_dir(DIRECTORY).ok()?.count())
            .ok()?
            .checked_sub(1),
        open => Some(open),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt;
    use std::sync::LazyLock;
    use std::time::{Duration, UNIX_EPOCH};

    use procfs::process::Stat;
    use procfs::{CurrentSI, FromRead, KernelStats, ProcResult};

    use golden_metrics::{EncodeFamily, NO_LABELS};
    use prometheus_client::encoding::DescriptorEncoder;
    use rustix::process::{Resource, getrlimit};

    use crate::kilobytes;

    /// Seconds since the epoch at which the machine was started: a constant.
    static BOOT_TIME: LazyLock<Option<u64>> =
        LazyLock::new(|| KernelStats::current().ok().map(|stats| stats.btime));

    /// What is read of this process at a scrape.
    pub(super) struct Readings {
        cpu_seconds: f64,
        open_fds: Option<u64>,
        max_fds: f64,
        virtual_memory: u64,
        virtual_memory_max: f64,
        resident_memory: u64,
        data_segment: u64,
        start_time: Option<f64>,
        threads: i64,
    }

    impl Readings {
        #[expect(
            clippy::cast_precision_loss,
            reason = "limits and ticks stay far below 2^52"
        )]
        pub(super) fn now() -> ProcResult<Self> {
            // First, since what reads the rest holds a descriptor itself.
            let open_fds = super::open_descriptors();
            let stat = Stat::from_file("/proc/self/stat")?;
            // Not from `stat`, whose count of resident pages leaves out what each
            // processor has not yet added to the sum: up to some MiB on a large
            // machine. `status` adds it up on newer kernels and is no worse on others.
            let status = kilobytes::read("/proc/self/status", ["VmRSS", "VmData"]);
            let [resident_memory, data_segment] = status.unwrap_or_default();
            let ticks_per_second = procfs::ticks_per_second() as f64;
            let limit = |resource| {
                let soft = getrlimit(resource).current;
                soft.map_or(f64::INFINITY, |limit| limit as f64)
            };
            Ok(Self {
                cpu_seconds: (stat.utime + stat.stime) as f64 / ticks_per_second,
                open_fds,
                max_fds: limit(Resource::Nofile),
                virtual_memory: stat.vsize,
                virtual_memory_max: limit(Resource::As),
                resident_memory,
                data_segment,
                start_time: BOOT_TIME
                    .map(|boot_time| boot_time as f64 + stat.starttime as f64 / ticks_per_second),
                threads: stat.num_threads,
            })
        }

        // The standard ones' help is word for word that of Prometheus' own clients: a
        // Pushgateway, which exposes them of itself too, complains of any other with each
        // push and each scrape.
        pub(super) fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            let started = self.start_time.map(Duration::from_secs_f64);
            let started = started.map(|since_epoch| UNIX_EPOCH + since_epoch);
            encoder.encode_counters_created(
                "process_cpu_seconds",
                "Total user and system CPU time spent in seconds",
                [(NO_LABELS, self.cpu_seconds, started)],
            )?;
            if let Some(open) = self.open_fds {
                let help = "Number of open file descriptors";
                encoder.encode_gauge("process_open_fds", help, open)?;
            }
            encoder.encode_gauge(
                "process_max_fds",
                "Maximum number of open file descriptors",
                self.max_fds,
            )?;
            encoder.encode_gauge(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes",
                self.virtual_memory,
            )?;
            encoder.encode_gauge(
                "process_virtual_memory_max_bytes",
                "Maximum amount of virtual memory available in bytes",
                self.virtual_memory_max,
            )?;
            encoder.encode_gauge(
                "process_resident_memory_bytes",
                "Resident memory size in bytes",
                self.resident_memory,
            )?;
            encoder.encode_gauge(
                "process_heap_bytes",
                "Size of the data segment, which holds the heap, in bytes",
                self.data_segment,
            )?;
            if let Some(start) = self.start_time {
                let help = "Start time of the process since unix epoch in seconds";
                encoder.encode_gauge("process_start_time_seconds", help, start)?;
            }
            encoder.encode_gauge(
                "process_threads",
                "Operating system threads, including the main thread",
                self.threads,
            )
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    /// Other tests of this process open and close some meanwhile, now and then.
    #[test]
    fn counting_descriptors_does_not_count_its_own() {
        let listed = || fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
        let exact = (0..10_000).any(|_| {
            let before = listed();
            let counted = super::open_descriptors();
            before == listed() && counted == Some(before)
        });
        assert!(exact, "never the number that is listed");
    }
}
