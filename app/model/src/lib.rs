//! Role part: a model that predicts, falls back, drifts and is judged late, with its truth
//! known. The service mounts it.
//!
//! What is known of the world: the [`wine`]s, a finite list; so every distribution of
//! answers is a finite sum ([`truth`]). What answers: a boosted [`Model`], and the
//! [`business_rules`] while it cannot; the [`Predictor`] decides which, and counts. One
//! endpoint a file. Knows no other role.

mod artefact;
mod boosting;
pub mod business_rules;
pub mod command;
pub mod control;
mod customers;
mod fault;
pub mod feedback;
mod forest;
mod logistic;
mod metrics;
mod mystery;
mod pending;
pub mod predict;
mod predictor;
mod question;
pub mod scenario;
mod segment;
pub mod truth;
pub mod wine;

pub use artefact::{DECILES, GOOD_FROM, Model, Quality, Reference};
pub use customers::{Customer, Customers};
pub use predictor::{PENDING, Predictor, Started};
pub use segment::Segment;
