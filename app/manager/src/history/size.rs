//! How much the history takes, as Prometheus sees it.

use super::History;
use golden_metrics::model::{MetricFamily, MetricType};
use golden_metrics::{Collect, Description};

const BYTES: Description = Description {
    name: "manager_history_bytes",
    help: "What the history takes on the disk, its log included, in bytes",
    kind: MetricType::Gauge,
};

/// Exposes the size of a history.
#[derive(Debug)]
pub struct HistorySize(pub History);

impl Collect for HistorySize {
    #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
    fn collect(&self, into: &mut Vec<MetricFamily>) {
        into.push(BYTES.family(vec![BYTES.sample(&[], self.0.bytes() as f64)]));
    }
}
