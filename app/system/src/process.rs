//! Prometheus' standard process metrics, read from `/proc` when a scrape asks.
//! On other systems than Linux there are none: absent, not 0.
//!
//! Source of the set: Prometheus' "Writing client libraries", "Process metrics".

use golden_metrics::{Collect, model};

/// Exposes the process metrics.
#[derive(Debug, Default)]
pub struct Process;

#[cfg(not(target_os = "linux"))]
impl Collect for Process {
    fn collect(&self, _into: &mut Vec<model::MetricFamily>) {}
}

#[cfg(target_os = "linux")]
impl Collect for Process {
    fn collect(&self, into: &mut Vec<model::MetricFamily>) {
        // A process that cannot read its own entries has no process metrics;
        // the rest of the scrape is worth having.
        into.extend(linux::families().unwrap_or_default());
    }
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
    use std::sync::LazyLock;

    use procfs::process::{LimitValue, Process};
    use procfs::{CurrentSI, KernelStats, ProcResult};

    use golden_metrics::Description;
    use golden_metrics::model::{MetricFamily, MetricType};

    const fn gauge(name: &'static str, help: &'static str) -> Description {
        Description {
            name,
            help,
            kind: MetricType::Gauge,
        }
    }

    // The standard ones' help is word for word that of Prometheus' own clients: a
    // Pushgateway, which exposes them of itself too, complains of any other with each
    // push and each scrape.
    const CPU_SECONDS: Description = Description {
        name: "process_cpu_seconds_total",
        help: "Total user and system CPU time spent in seconds.",
        kind: MetricType::Counter,
    };
    const OPEN_FDS: Description = gauge("process_open_fds", "Number of open file descriptors.");
    const MAX_FDS: Description = gauge(
        "process_max_fds",
        "Maximum number of open file descriptors.",
    );
    const VIRTUAL_MEMORY: Description = gauge(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
    );
    const VIRTUAL_MEMORY_MAX: Description = gauge(
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
    );
    const RESIDENT_MEMORY: Description = gauge(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
    );
    const HEAP: Description = gauge(
        "process_heap_bytes",
        "Size of the data segment, which holds the heap, in bytes",
    );
    const START_TIME: Description = gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
    );
    const THREADS: Description = gauge(
        "process_threads",
        "Operating system threads, with the main one",
    );

    /// Seconds since the epoch at which the machine was started: a constant.
    static BOOT_TIME: LazyLock<Option<u64>> =
        LazyLock::new(|| KernelStats::current().ok().map(|stats| stats.btime));

    #[expect(
        clippy::cast_precision_loss,
        reason = "bytes and ticks stay far below 2^52"
    )]
    pub(super) fn families() -> ProcResult<Vec<MetricFamily>> {
        // First, since what reads the rest holds a descriptor itself.
        let open_descriptors = super::open_descriptors();
        let process = Process::myself()?;
        let stat = process.stat()?;
        let limits = process.limits()?;
        let ticks_per_second = procfs::ticks_per_second() as f64;
        let limit = |value| match value {
            LimitValue::Unlimited => f64::INFINITY,
            LimitValue::Value(value) => value as f64,
        };
        // Not from `stat`, whose count of resident pages leaves out what each
        // processor has not yet added to the sum: up to some MiB on a large
        // machine. `status` adds it up on newer kernels and is no worse on others.
        let status = process.status()?;
        let resident = status.vmrss.unwrap_or(0) * 1024;
        let data_segment = status.vmdata.unwrap_or(0) * 1024;
        let mut values = vec![
            (
                CPU_SECONDS,
                (stat.utime + stat.stime) as f64 / ticks_per_second,
            ),
            (MAX_FDS, limit(limits.max_open_files.soft_limit)),
            (VIRTUAL_MEMORY, stat.vsize as f64),
            (
                VIRTUAL_MEMORY_MAX,
                limit(limits.max_address_space.soft_limit),
            ),
            (RESIDENT_MEMORY, resident as f64),
            (HEAP, data_segment as f64),
            (THREADS, stat.num_threads as f64),
        ];
        values.extend(open_descriptors.map(|open| (OPEN_FDS, open as f64)));
        if let Some(boot_time) = *BOOT_TIME {
            let since_boot = stat.starttime as f64 / ticks_per_second;
            values.push((START_TIME, boot_time as f64 + since_boot));
        }
        Ok(values
            .into_iter()
            .map(|(description, value)| description.family(vec![description.sample(&[], value)]))
            .collect())
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
