//! The samples that are kept of a process, and what they come to.

use std::collections::VecDeque;

use proplet_schema::{Aggregated, MonitoringProfile, ProcessMetrics, Traffic};

/// The last samples, and the totals of all of them.
#[derive(Debug)]
pub struct History {
    size: usize,
    samples: VecDeque<Kept>,
    cpu: f64,
    memory: u128,
    totals: Traffic,
}

/// What of a sample the mean and the maximum are made of.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// NaN where the sample had none.
    cpu_percent: f32,
    /// `u64::MAX` likewise.
    memory_bytes: u64,
}

impl History {
    /// As long as the profile says; empty where it keeps nothing.
    #[must_use]
    pub fn new(profile: &MonitoringProfile) -> Self {
        Self {
            size: if profile.retain_history {
                profile.history_size
            } else {
                0
            },
            samples: VecDeque::new(),
            cpu: 0.0,
            memory: 0,
            totals: Traffic::default(),
        }
    }

    /// Adds a sample; the oldest one makes room.
    pub fn add(&mut self, sample: &ProcessMetrics) {
        self.totals = self.totals.plus(sample.traffic());
        if self.size == 0 {
            return;
        }
        if self.samples.len() == self.size
            && let Some(oldest) = self.samples.pop_front()
        {
            self.cpu -= oldest.cpu().unwrap_or_default();
            self.memory -= u128::from(oldest.memory().unwrap_or_default());
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seven digits of a percentage are enough"
        )]
        let kept = Kept {
            cpu_percent: sample
                .cpu_percent
                .map_or(f32::NAN, |percent| percent as f32),
            memory_bytes: sample.memory_bytes.unwrap_or(u64::MAX),
        };
        self.cpu += kept.cpu().unwrap_or_default();
        self.memory += u128::from(kept.memory().unwrap_or_default());
        self.samples.push_back(kept);
    }

    /// Mean and maximum of the samples that are kept, of those that have the
    /// number; totals of all since the first one. `None` where none are kept.
    #[must_use]
    pub fn aggregated(&self) -> Option<Aggregated> {
        if self.samples.is_empty() {
            return None;
        }
        let cpu = self.samples.iter().filter_map(Kept::cpu);
        let memory = self.samples.iter().filter_map(Kept::memory);
        let of_cpu = u32::try_from(cpu.clone().count()).unwrap_or(u32::MAX);
        let of_memory = memory.clone().count() as u128;
        let thousandth = |value: f64| (value * 1e3).round() / 1e3;
        // Sums of what was added and taken away again end a hair off.
        let mean_cpu = (self.cpu / f64::from(of_cpu.max(1))).max(0.0);
        Some(Aggregated {
            avg_cpu_usage: thousandth(mean_cpu),
            max_cpu_usage: thousandth(cpu.fold(0.0, f64::max)),
            avg_memory_usage: u64::try_from(self.memory / of_memory.max(1)).unwrap_or(u64::MAX),
            max_memory_usage: memory.max().unwrap_or_default(),
            total_disk_read: self.totals.disk_read_bytes.unwrap_or_default(),
            total_disk_write: self.totals.disk_write_bytes.unwrap_or_default(),
            // The document's message has all nine keys.
            total_network_rx: Some(self.totals.network_rx_bytes.unwrap_or_default()),
            total_network_tx: Some(self.totals.network_tx_bytes.unwrap_or_default()),
            sample_count: self.samples.len() as u64,
        })
    }
}

impl Kept {
    fn cpu(&self) -> Option<f64> {
        (!self.cpu_percent.is_nan()).then(|| f64::from(self.cpu_percent))
    }

    fn memory(&self) -> Option<u64> {
        (self.memory_bytes != u64::MAX).then_some(self.memory_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proplet_schema::ProfileName;

    fn sample(cpu: Option<f64>, memory: u64) -> ProcessMetrics {
        ProcessMetrics {
            cpu_percent: cpu,
            memory_bytes: Some(memory),
            disk_write_bytes: Some(10),
            ..ProcessMetrics::default()
        }
    }

    fn history(size: usize, retain: bool) -> History {
        History::new(&MonitoringProfile {
            history_size: size,
            retain_history: retain,
            ..ProfileName::Standard.into()
        })
    }

    #[test]
    fn means_are_of_the_window_and_totals_of_everything() {
        let mut history = history(3, true);
        assert_eq!(history.aggregated(), None);
        for (cpu, memory) in [
            (None, 900),
            (Some(90.0), 100),
            (Some(10.0), 200),
            (Some(20.0), 300),
        ] {
            history.add(&sample(cpu, memory));
        }
        let aggregated = history.aggregated().unwrap();
        let expected = Aggregated {
            avg_cpu_usage: 40.0,
            max_cpu_usage: 90.0,
            avg_memory_usage: 200,
            max_memory_usage: 300,
            total_disk_write: 40,
            total_network_rx: Some(0),
            total_network_tx: Some(0),
            sample_count: 3,
            ..Aggregated::default()
        };
        assert_eq!(aggregated, expected);
        history.add(&sample(Some(0.1), 1));
        let aggregated = history.aggregated().unwrap();
        assert_eq!(aggregated.max_cpu_usage, 20.0);
        assert_eq!(aggregated.avg_cpu_usage, 10.033);
        assert_eq!(aggregated.total_disk_write, 50);
    }

    #[test]
    fn the_first_sample_has_no_cpu_and_spoils_no_mean() {
        let mut history = history(10, true);
        history.add(&sample(None, 100));
        history.add(&sample(Some(50.0), 100));
        assert_eq!(history.aggregated().unwrap().avg_cpu_usage, 50.0);
    }

    #[test]
    fn nothing_is_kept_that_is_not_wanted() {
        for mut history in [history(0, true), history(10, false)] {
            history.add(&sample(Some(1.0), 1));
            assert_eq!(history.aggregated(), None);
        }
    }
}
