//! The manners of an HTTP API that every role shares: how it says no, how a
//! body is read, who may change something, which layers lie around a route,
//! and how metrics, probes and documentation answer. Knows no role and none of
//! their endpoints.
//!
//! - [`api`]: routes with their layers; which series exist is read from the
//!   API's description.
//! - [`layer`] defines when a request starts and when it ends; [`requests`] counts
//!   them by route, method and status, and how long they took.
//! - [`accept`]: the accept loop with its connection limit, its header timeout
//!   and its drain.
//! - [`problem`]: `{"detail": …}` and 422, as FastAPI's users expect.
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
