//! A client of an MQTT 3.1.1 broker: publishes and subscribes with quality of
//! service 1, at least once. Knows no topic's meaning and no payload's format.
//!
//! What is published waits in the [`Publisher`]'s outbox until the broker has
//! acknowledged it: bounded, in order, its oldest dropped and counted. Outages
//! of the broker lose nothing that the outbox holds. As quality of service 1
//! says, what the broker took without our hearing so is sent again: payloads
//! must carry what tells the second one from the first.
//!
//! What arrives waits in [`Deliveries`] until it is acknowledged by whoever has
//! stored it. A message beyond the limit is not read into memory, but reported and
//! acknowledged: it must not come again, nor end the connection.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), golden_mqtt::InvalidAddress> {
//! use golden_mqtt::{Content, Settings};
//!
//! let mut settings = Settings::new("tcp://localhost:1883".parse()?, "thermometer-7");
//! settings.subscriptions = vec!["room/7/set".to_owned()];
//! let (client, publisher, mut deliveries) = golden_mqtt::start(settings);
//! // Never waits, broker or not.
//! publisher.publish(&"room/7/temperature".into(), "20.5".into());
//! while let Some(delivery) = deliveries.next().await {
//!     if let Content::Whole(payload) = &delivery.content {
//!         println!("{}: {} bytes", delivery.topic, payload.len());
//!     }
//!     delivery.receipt.acknowledge();
//! }
//! # client.close(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Why not a crate: those that keep to 3.1.1 either lose the queue when the
//! broker has no session (rumqttc 0.25), or end the connection over an oversize
//! message, which a lasting session then sends again for ever (rumqttc and its
//! maintained fork), or are bindings to C.
//!
//! With the feature `clap`, [`MqttOptions`] are the flags of a connection for a command
//! line; nothing else here knows a flag.
//!
//! Source: OASIS, "MQTT Version 3.1.1", 2014; sections are named in the code.

mod backoff;
mod broker;
mod client;
mod connection;
mod delivery;
mod lost;
#[cfg(feature = "clap")]
mod options;
mod outbox;
mod packet;
mod subscription;
mod tls;

pub use broker::{Broker, InvalidAddress};
pub use client::{Client, Publisher, Settings, Will, start};
pub use delivery::{Content, Deliveries, Delivery, Receipt};
#[cfg(feature = "clap")]
pub use options::{MqttOptions, OptionsError};
pub use outbox::{Bounds, Statistics};
pub use tls::{Tls, TlsError, TlsFile, TlsFiles};
