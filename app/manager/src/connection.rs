//! The connection to the broker, as Prometheus sees it.

use golden_metrics::model::{MetricFamily, MetricType};
use golden_metrics::{Collect, Description};
use golden_mqtt::Publisher;

const CONNECTED: Description = Description {
    name: "manager_broker_connected",
    help: "Whether there is a connection to the broker",
    kind: MetricType::Gauge,
};
const CONNECTIONS: Description = Description {
    name: "manager_broker_connections_total",
    help: "Connections to the broker that were made",
    kind: MetricType::Counter,
};
const COMMANDS_WAITING: Description = Description {
    name: "manager_commands_waiting",
    help: "Commands to proplets that the broker does not have yet",
    kind: MetricType::Gauge,
};
const COMMANDS_DROPPED: Description = Description {
    name: "manager_commands_dropped_total",
    help: "Commands to proplets that were dropped because too many waited",
    kind: MetricType::Counter,
};

/// Exposes the connection.
#[derive(Debug)]
pub(super) struct Connection(pub(super) Publisher);

impl Collect for Connection {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    fn collect(&self, into: &mut Vec<MetricFamily>) {
        let statistics = self.0.statistics();
        for (description, value) in [
            (CONNECTED, f64::from(u8::from(statistics.connected))),
            (CONNECTIONS, statistics.connections as f64),
            (COMMANDS_WAITING, statistics.waiting as f64),
            (COMMANDS_DROPPED, statistics.dropped as f64),
        ] {
            into.push(description.family(vec![description.sample(&[], value)]));
        }
    }
}
