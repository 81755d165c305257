//! The connection to the broker and the group, as Prometheus sees them.

use std::fmt;
use std::sync::Arc;

use golden_metrics::EncodeFamily;
use golden_mqtt::Publisher;

use super::group::Standing;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// Exposes the connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) publisher: Publisher,
    pub(super) standing: Arc<Standing>,
}

impl Collector for Connection {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let statistics = self.publisher.statistics();
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
            "manager_subscription_ok",
            "Whether a probe arrived through every subscription of this connection (1 or 0)",
            i64::from(statistics.connected && self.standing.is_subscribed()),
        )?;
        encoder.encode_gauge(
            "manager_group_members",
            "Managers of the group that are alive, as this one has heard, itself included",
            self.standing.members(),
        )?;
        encoder.encode_counter(
            "manager_sessions_taken_over",
            "Sessions of managers that are gone whose messages this one has taken over",
            self.standing.taken_over(),
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
