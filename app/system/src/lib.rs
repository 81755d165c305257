//! How bytes come in and go out, within limits. Knows no role, no route and no
//! metric.
//!
//! - [`accept`]: the accept loop with its connection limit, its header timeout
//!   and its drain.
//! - [`mqtt`]: a client of an MQTT broker that survives its outages.
//! - [`pushgateway`]: a client of Prometheus' Pushgateway.
//! - [`shutdown`]: which signals end the process, and how.
//! - [`descriptors`]: how many file descriptors the process may open.

pub mod accept;
mod connection;
pub mod descriptors;
pub mod mqtt;
pub mod pushgateway;
pub mod shutdown;
