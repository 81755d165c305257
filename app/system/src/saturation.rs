//! Saturation: how full each constrained resource is, from 0 to 1. The largest
//! of the ratios is *the* saturation, since the fullest resource is the one
//! that gives way first.
//!
//! A resource that this process shares with others counts as full when it is
//! full for all of them: without a limit of its own, the ratios of CPU and
//! memory are the host's. What the process itself uses is in `process`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_io::Timer;
use tokio::runtime::{Handle, RuntimeMetrics};

use super::cgroup::Cgroup;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Over which time busy ratios (CPU, runtime) are taken.
pub const WINDOW: Duration = Duration::from_secs(1);

/// Gives a ratio; what lies outside 0..1 is cut off.
type Ratio = Box<dyn Fn() -> f64 + Send + Sync>;

/// The ratios of all resources.
#[derive(Default)]
pub struct Saturation {
    ratios: Vec<(&'static str, Ratio)>,
}

impl fmt::Debug for Saturation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saturation").finish_non_exhaustive()
    }
}

impl Saturation {
    /// Adds a resource whose ratio can be told at any moment.
    pub fn watch(
        &mut self,
        resource: &'static str,
        ratio: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.ratios.push((resource, Box::new(ratio)));
    }

    /// Exposes the ratios, each taken when a scrape asks.
    pub fn register(self, registry: &mut Registry) {
        registry.register(
            "saturation_ratio",
            "How full a constrained resource is, from 0 to 1; the largest is the saturation",
            self,
        );
    }

    /// Adds memory, file descriptors, CPU and the runtime, and starts the task
    /// that takes the ratios of CPU and runtime every [`WINDOW`]. The task ends with the
    /// runtime.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn watch_process(&mut self) {
        let cgroup = Arc::new(Cgroup::of_this_process());
        let [cpu, runtime] = [(); 2].map(|()| LastRatio::default());
        self.watch("cpu", cpu.reader());
        // As it is now: a second is time enough to run out of it.
        let memory = Arc::clone(&cgroup);
        self.watch("memory", move || memory_ratio(&memory).unwrap_or(0.0));
        self.watch("fds", || fds_ratio().unwrap_or(0.0));
        self.watch("runtime", runtime.reader());
        tokio::spawn(async move {
            let workers = Handle::current().metrics();
            let [mut cpu, mut runtime] = [cpu, runtime].map(BusyRatio::new);
            loop {
                if let Some((busy, capacity)) = cpu_time(&cgroup) {
                    cpu.update(busy, capacity);
                }
                #[expect(clippy::cast_precision_loss, reason = "a machine's worker threads")]
                runtime.update(runtime_busy(&workers), workers.num_workers() as f64);
                // Not Tokio's timer: as long as it has one to look after, each of its
                // workers looks at the time whenever it has nothing to do.
                Timer::after(WINDOW).await;
            }
        });
    }
}

impl EncodeMetric for Saturation {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (resource, ratio) in &self.ratios {
            let ratio = ratio().clamp(0.0, 1.0);
            let labels = [("resource", *resource)];
            encoder.encode_family(&labels)?.encode_gauge(&ratio)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// The last ratio that was taken, 0 before the first; clones share it.
#[derive(Clone, Debug, Default)]
struct LastRatio(Arc<AtomicU64>);

impl LastRatio {
    fn set(&self, ratio: f64) {
        self.0.store(ratio.to_bits(), Relaxed);
    }

    fn reader(&self) -> impl Fn() -> f64 + Send + Sync + 'static {
        let this = self.clone();
        move || f64::from_bits(this.0.load(Relaxed))
    }
}

/// A ratio of busy time to time, between two looks at a growing total.
#[derive(Debug)]
struct BusyRatio {
    ratio: LastRatio,
    last: Option<(Instant, f64)>,
}

impl BusyRatio {
    fn new(ratio: LastRatio) -> Self {
        Self { ratio, last: None }
    }

    /// `busy`: seconds of busy time since ever; `capacity`: how many such
    /// seconds a second offers.
    fn update(&mut self, busy: f64, capacity: f64) {
        let now = Instant::now();
        if let Some((then, busy_then)) = self.last {
            let elapsed = now.duration_since(then).as_secs_f64() * capacity;
            if elapsed > 0.0 {
                self.ratio.set((busy - busy_then) / elapsed);
            }
        }
        self.last = Some((now, busy));
    }
}

fn runtime_busy(workers: &RuntimeMetrics) -> f64 {
    (0..workers.num_workers())
        .map(|worker| workers.worker_total_busy_duration(worker).as_secs_f64())
        .sum()
}

/// Busy CPU seconds since ever and the cores that they are taken from: of the
/// control group with a quota, or else of the host.
#[cfg(target_os = "linux")]
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds and ticks stay far below 2^52"
)]
fn cpu_time(cgroup: &Cgroup) -> Option<(f64, f64)> {
    use procfs::{CurrentSI, KernelStats};

    let ticks_per_second = procfs::ticks_per_second() as f64;
    if let Some((quota, used)) = cgroup.cpu_quota() {
        let busy = match used {
            Some(micros) => micros as f64 / 1e6,
            None => {
                let stat = procfs::process::Process::myself().ok()?.stat().ok()?;
                (stat.utime + stat.stime) as f64 / ticks_per_second
            }
        };
        return Some((busy, quota));
    }
    let stats = KernelStats::current().ok()?;
    let total = &stats.total;
    let busy = total.user
        + total.nice
        + total.system
        + total.irq.unwrap_or(0)
        + total.softirq.unwrap_or(0)
        + total.steal.unwrap_or(0);
    Some((
        busy as f64 / ticks_per_second,
        stats.cpu_time.len().max(1) as f64,
    ))
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
fn memory_ratio(cgroup: &Cgroup) -> Option<f64> {
    let host = crate::kilobytes::read("/proc/meminfo", ["MemTotal", "MemAvailable"]);
    let [total, available] = host?;
    if let Some((limit, used)) = cgroup.memory(total) {
        return Some(used as f64 / limit as f64);
    }
    Some(1.0 - available as f64 / total as f64)
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_precision_loss, reason = "descriptors are few")]
fn fds_ratio() -> Option<f64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    let open = super::process::open_descriptors()?;
    Some(open as f64 / limit as f64)
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(_: &Cgroup) -> Option<(f64, f64)> {
    None
}

#[cfg(not(target_os = "linux"))]
fn memory_ratio(_: &Cgroup) -> Option<f64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn fds_ratio() -> Option<f64> {
    None
}
