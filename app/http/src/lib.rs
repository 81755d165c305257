//! The manners of an HTTP API that every role shares: how it says no, how a
//! body is read, who may change something, which layers lie around a route,
//! and how metrics, probes and documentation answer. Knows no role and none of
//! their endpoints; stands on `signals`, whose measurements its layers make.
//!
//! - [`api`]: routes with their layers; which series exist is read from the
//!   API's description.
//! - [`problem`]: `{"detail": …}` and 422, as FastAPI's users expect.
//! - [`body`], [`fields`]: a JSON body within limits, and its fields.
//! - [`access`]: who may change something.
//! - [`asset`]: the files of a page.
//! - [`docs`], [`health`], [`metrics`]: endpoints that every role has.

pub mod access;
pub mod api;
pub mod asset;
pub mod body;
mod deadline;
pub mod docs;
pub mod fields;
pub mod health;
mod layers;
pub mod metrics;
mod panics;
pub mod problem;
mod request_span;
