//! Golden Signals: a service whose four golden signals can be trusted, and the
//! workshop around it.
//!
//! The house, from the roles down to what they stand on. Arrows run downwards
//! only: a role may use the rooms below it; those know no role.
//!
//! - [`manager`]: collects what proplets report: history, API, metrics.
//! - [`service`]: the teaching service, `GET /random` and everything around it.
//! - [`training`]: an embedding training, watched through a Pushgateway.
//! - [`doctor`]: follows the chain from the service to its graphs and its pager,
//!   and says which link is broken.
//! - [`http`]: the manners of an API that the roles share; stands on the rooms
//!   below it.
//! - [`proplet`]: monitors processes and publishes what it sees over MQTT.
//! - [`signals`]: what is counted, when it starts and ends, how it is exposed.
//! - [`simulation`]: what the service pretends to be: distributions, arrivals,
//!   faults.
//! - [`transport`]: the accept loop with its limits and its drain, the MQTT client.
//!
//! [`schema`] is what process monitoring sends over MQTT.
//!
//! [`flags`], [`logging`], [`terminal`] and [`heartbeat`] serve every role.
//! [`healthcheck`] asks a running one from outside.

pub mod doctor;
pub mod flags;
pub mod healthcheck;
pub mod heartbeat;
pub mod http;
pub mod logging;
pub mod manager;
pub mod proplet;
pub mod schema;
pub mod service;
pub mod signals;
pub mod simulation;
pub mod terminal;
pub mod training;
pub mod transport;
