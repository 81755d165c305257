//! What the service uses under full load, and what it keeps: memory, descriptors, processor
//! time, series.
//!
//! A program of its own, because cargo runs one program after the other: these tests fill
//! the machine, and would disturb those of the service that wait for a moment in time.

mod alerts;
mod cardinality;
mod memory;
mod non_readers;
mod process;
mod saturation;
#[path = "../support/mod.rs"]
mod support;
