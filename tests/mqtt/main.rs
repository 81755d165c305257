//! The MQTT client on a real Mosquitto: nothing in the outbox is lost, whatever
//! happens to the broker.

mod clients;
mod credentials;
mod deliveries;
mod diagnosis;
mod outages;
#[path = "../support/mod.rs"]
mod support;
