//! The documentation is true: the README's commands, links and names are right, and what
//! the course asks of its students can be done.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod course;
mod readme;
#[path = "../support/mod.rs"]
mod support;
