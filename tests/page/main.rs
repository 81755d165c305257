//! The live page: what a student sees of it and can do with it in a real Chromium, and the
//! numbers, queries and events behind it.

mod access;
mod controls;
mod live_page;
mod live_stream;
mod model;
mod panels;
mod promql;
#[path = "../support/mod.rs"]
mod support;
