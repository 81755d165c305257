//! HTTP building blocks that all roles share: the accept loop, the layers around
//! a route, errors, bodies, access control, and the endpoints for metrics, probes
//! and documentation. Knows no role and none of their endpoints.
//!
//! - [`api`]: routes with their layers; which series exist is read from the
//!   API's description.
//! - [`layer`] defines when a request starts and when it ends; [`requests`] counts
//!   them by route, method and status, and how long they took.
//! - [`accept`]: the accept loop with its connection limit, its header timeout
//!   and its drain.
//! - [`problem`]: error responses, `{"detail": …}` and 422, as in FastAPI.
//! - [`body`], [`fields`]: a JSON body within limits, and its fields.
//! - [`access`]: who may change something.
//! - [`asset`]: the files of a page.
//! - [`docs`], [`health`], [`metrics`]: endpoints that every role has.

pub mod accept;
pub mod access;
pub mod api;
pub mod asset;
pub mod body;
pub mod buckets;
mod connection;
mod deadline;
pub mod docs;
pub mod fields;
mod gzip;
pub mod health;
mod labels;
pub mod layer;
mod layers;
pub mod metrics;
mod panics;
pub mod problem;
mod request_span;
pub mod requests;
mod trace_context;

pub use labels::{CLIENT_CLOSED_REQUEST, FailureCause};
pub use trace_context::{InvalidTraceparent, TraceContext};
