//! The MQTT client on a real Mosquitto: nothing that is kept is lost, whatever
//! becomes of the broker.

mod clients;
mod credentials;
mod deliveries;
mod outages;
#[path = "../support/mod.rs"]
mod support;
