//! What never became a request, or ended with its connection: counted by reason, since no
//! route knows of it. The reasons are a fixed set, so that no client can make a series.

use golden_metrics::Counter;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FailureReason {
    /// What came was no HTTP/1: answered 400.
    InvalidRequest,
    /// The head was larger than allowed: answered 431, or 414 where it is the path.
    HeadTooLarge,
    /// The head began and did not come to its end: answered 408.
    HeadTimeout,
    /// The client did not read: cut off.
    WriteTimeout,
    /// The connection limit was reached: answered 503.
    ConnectionLimit,
}

impl FailureReason {
    /// All of them, in the order of their discriminants.
    const ALL: [Self; 5] = [
        Self::InvalidRequest,
        Self::HeadTooLarge,
        Self::HeadTimeout,
        Self::WriteTimeout,
        Self::ConnectionLimit,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::HeadTooLarge => "head_too_large",
            Self::HeadTimeout => "head_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::ConnectionLimit => "connection_limit",
        }
    }
}

impl EncodeLabelValue for FailureReason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: FailureReason,
}

/// The counters of the connections that failed, of one listener or of several.
#[derive(Clone, Debug)]
pub struct ConnectionFailures([Counter; FailureReason::ALL.len()]);

impl ConnectionFailures {
    /// Exposed by `registry`, from 0 on.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        let counters =
            FailureReason::ALL.map(|reason| family.get_or_create_owned(&Labels { reason }));
        registry.register(
            "http_connections_failed",
            "Connections that failed before they carried a whole request, or because their client did not read",
            family,
        );
        Self(counters)
    }

    pub(super) fn count(&self, reason: FailureReason) {
        self.0[reason as usize].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_the_places_in_all() {
        for (place, reason) in FailureReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
