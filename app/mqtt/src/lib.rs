//! A client of an MQTT 3.1.1 broker: publishes and subscribes with quality of
//! service 1, at least once. Knows no topic's meaning and no payload's format.
//!
//! What is published waits in the [`Publisher`]'s outbox until the broker has
//! acknowledged it: bounded, in order, its oldest dropped and counted. Outages
//! of the broker lose nothing that the outbox holds. As quality of service 1
//! says, what the broker took without our hearing so is sent again: payloads
//! carry what tells the second one from the first (`schema` does).
//!
//! What arrives waits in [`Deliveries`] until it is acknowledged by whoever has
//! stored it. A message beyond the limit is not read into memory, but told and
//! acknowledged: it must not come again, nor end the connection.
//!
//! Why not a crate: those that keep to 3.1.1 either lose the queue when the
//! broker has no session (rumqttc 0.25), or end the connection over an oversize
//! message, which a lasting session then sends again for ever (rumqttc and its
//! maintained fork), or are bindings to C.
//!
//! Source: OASIS, "MQTT Version 3.1.1", 2014; sections are named in the code.

mod backoff;
mod broker;
mod client;
mod connection;
mod delivery;
mod options;
mod outbox;
mod packet;
mod tls;

pub use broker::{Broker, InvalidAddress};
pub use client::{Client, Publisher, Settings, Will, start};
pub use delivery::{Content, Deliveries, Delivery, Receipt};
pub use options::MqttOptions;
pub use outbox::{Bounds, Statistics};
pub use tls::TlsError;
