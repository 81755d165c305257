//! The connection to the broker, as Prometheus sees it.

use std::fmt;

use golden_metrics::EncodeFamily;
use golden_mqtt::Publisher;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// Exposes the connection.
#[derive(Debug)]
pub(super) struct Connection(pub(super) Publisher);

impl Collector for Connection {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let statistics = self.0.statistics();
        encoder.encode_gauge(
            "manager_broker_connected",
            "Whether there is a connection to the broker",
            i64::from(statistics.connected),
        )?;
        encoder.encode_counter(
            "manager_broker_connections",
            "Connections to the broker that were made",
            statistics.connections,
        )?;
        encoder.encode_gauge(
            "manager_commands_waiting",
            "Commands to proplets that the broker does not have yet",
            statistics.waiting,
        )?;
        encoder.encode_counter(
            "manager_commands_dropped",
            "Commands to proplets that were dropped because too many waited",
            statistics.dropped,
        )
    }
}
