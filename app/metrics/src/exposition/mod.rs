//! Writes [gathered](crate::gather) metrics in the format that a scrape asks for. Knows
//! the formats, not the metrics.

mod negotiation;
mod text;

use prost::Message;

use crate::model::MetricFamily;

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' protocol buffers, each message behind its length: the one
    /// format that carries native histograms.
    Protobuf,
    /// OpenMetrics 1.0: text with exemplars.
    OpenMetrics,
    /// Prometheus' text format 0.0.4: what people read.
    Text,
}

impl Format {
    /// The value of the `Content-Type` header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => {
                "application/vnd.google.protobuf; \
                 proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The format that an `Accept` header asks for; text where it asks for
    /// nothing that there is, since a scrape in a plain format beats none.
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        negotiation::preferred(accept).unwrap_or(Self::Text)
    }

    /// These families in this format.
    #[must_use]
    pub fn encode(self, families: &[MetricFamily]) -> Vec<u8> {
        let mut encoded = match self {
            Self::Protobuf => delimited(families),
            Self::OpenMetrics => text::open_metrics(families).into_bytes(),
            Self::Text => text::prometheus(families).into_bytes(),
        };
        // It may lie with a client that does not read: then without the room that it
        // grew into, which may be as much again.
        encoded.shrink_to_fit();
        encoded
    }
}

fn delimited(families: &[MetricFamily]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for family in families {
        family
            .encode_length_delimited(&mut bytes)
            .expect("a vector has room for any message");
    }
    bytes
}
