//! Totals of all proplets and tasks.

use super::Bounds;
use super::proplet::Proplet;
use crate::number::exact;

/// All tasks of all proplets together, by their latest samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Proplets that are alive.
    pub proplets_alive: usize,
    /// Proplets that are known.
    pub proplets: usize,
    /// Tasks with recent samples.
    pub tasks: usize,
    /// Their CPU usage, in percent of one core.
    pub cpu_percent: f64,
    /// Their memory, in bytes.
    pub memory_bytes: f64,
    /// Their threads.
    pub threads: f64,
    /// Their open descriptors.
    pub file_descriptors: f64,
}

impl Totals {
    pub(super) fn add(&mut self, proplet: &Proplet, bounds: Bounds, now: i64) {
        self.proplets_alive += usize::from(proplet.lives(bounds, now));
        self.tasks += proplet.tasks.len();
        for task in proplet.tasks.values() {
            let metrics = &task.metrics;
            let count = |count: Option<u64>| count.map_or(0.0, exact);
            self.cpu_percent += metrics.cpu_percent.unwrap_or(0.0);
            self.memory_bytes += count(metrics.memory_bytes);
            self.threads += count(metrics.thread_count);
            self.file_descriptors += count(metrics.file_descriptor_count);
        }
    }
}
