//! HTTP building blocks that all roles share: the accept loop, the layer around
//! all routes, errors, bodies, access control, and the endpoints for metrics, probes
//! and documentation. Knows no role and none of their endpoints.
//!
//! - [`api`]: the routes of a role; which series exist is read from the
//!   API's description.
//! - [`layer`]: what happens around a route, in order, and when a request starts and
//!   ends; [`routes`] finds its route, [`requests`] counts it by route, method and
//!   status, and how long it took; [`CurrentRequest`] names it in the log.
//! - [`accept`]: the accept loop with its connection limit, its timeouts and its
//!   drain; [`failures`] counts the connections that failed.
//! - [`problem`]: error responses, `{"detail": …}` and 422, as in FastAPI.
//! - [`body`], [`fields`]: a JSON body within limits, and its fields.
//! - [`access`]: who may change something.
//! - [`asset`]: the files of a page.
//! - [`latest`]: a text that changes while many read it.
//! - [`docs`], [`health`], [`metrics`]: endpoints that every role has.

pub mod accept;
pub mod access;
pub mod api;
pub mod asset;
pub mod body;
pub mod buckets;
mod connection;
mod current;
pub mod docs;
pub mod failures;
pub mod fields;
mod gzip;
pub mod health;
mod labels;
pub mod latest;
pub mod layer;
pub mod metrics;
mod pieces;
mod places;
pub mod problem;
pub mod requests;
pub mod routes;
mod stream;
mod sweep;
mod trace_context;
mod watch;
mod watched_service;

pub use current::CurrentRequest;
pub use labels::{CLIENT_CLOSED_REQUEST, FailureCause};
pub use trace_context::{InvalidTraceparent, TraceContext};
pub use watched_service::SharedBody;
