//! The size of the history, as Prometheus sees it.

use golden_metrics::GaugeFunc;
use prometheus_client::registry::Registry;

use super::History;

impl History {
    /// Exposes the size.
    pub fn register(&self, registry: &mut Registry) {
        let history = self.clone();
        registry.register(
            "manager_history_bytes",
            "What the history takes on the disk, its log included, in bytes",
            GaugeFunc(move || history.bytes()),
        );
    }
}
