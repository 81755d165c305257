//! A scrape reads metrics while they change: a thread does so all the time, and compares
//! what it reads with what must hold at any time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use golden_metrics::model;
use prometheus_client::registry::Registry;
use training::metrics::{RoleMetrics, gather};

use super::wiring::{PENDING, STALENESS};

/// Reads all metrics again and again while they change, as a scrape does, and
/// holds what is read against what must be so at any time.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    pub(crate) fn start<'a>(nodes: impl IntoIterator<Item = &'a dyn RoleMetrics>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().map(registered).collect();
        let over = Arc::<AtomicBool>::default();
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut before = HashMap::new();
            let mut readings = 0;
            loop {
                // Once more when it is over, so that the end is read too.
                let last = is_over.load(Ordering::SeqCst);
                for (number, node) in nodes.iter().enumerate() {
                    for family in &gather(node).expect("nothing fails") {
                        check(number, family, &mut before);
                    }
                }
                readings += 1;
                if last {
                    return readings;
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { over, thread }
    }

    pub(crate) fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        let readings = self.thread.join().expect("what was read must be so");
        assert!(readings > 2, "nothing was read while it trained");
    }
}

/// A registry of nothing but these.
pub(crate) fn registered(metrics: &dyn RoleMetrics) -> Registry {
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    registry
}

fn check(node: usize, family: &model::MetricFamily, before: &mut HashMap<String, f64>) {
    for metric in &family.metric {
        let labels: Vec<_> = metric.label.iter().map(|label| &label.value).collect();
        let name = format!("{} {labels:?} of {node}", family.name);
        let mut rises = |what: &str, value: f64| {
            let last = before.insert(format!("{name} {what}"), value);
            assert!(Some(value) >= last, "{name} {what}: {last:?}, then {value}");
        };
        if let Some(counter) = &metric.counter {
            rises("value", counter.value);
        }
        if let Some(histogram) = &metric.histogram {
            rises("sum", histogram.sample_sum);
            let mut below = 0;
            for bucket in &histogram.bucket {
                rises(
                    &format!("to {}", bucket.upper_bound),
                    bucket.cumulative_count as f64,
                );
                assert!(below <= bucket.cumulative_count, "{name}: {histogram:?}");
                below = bucket.cumulative_count;
            }
            assert!(below <= histogram.sample_count, "{name}: {histogram:?}");
        }
        let Some(gauge) = &metric.gauge else { continue };
        let most = match family.name.as_str() {
            "index_miss_ratio" | "batch_unique_indices_rate" | "evaluation_auc" => 1.0,
            "staleness" | "staleness_peak" => STALENESS as f64,
            "num_pending_batches" => PENDING as f64,
            _ => f64::MAX,
        };
        let value = gauge.value;
        assert!((0.0..=most).contains(&value), "{name}: {value}");
    }
}
