//! Distributions and what is built on them, as a user meets them: the text,
//! the samples, the truth that samples are compared with, what is hidden.
//!
//! Everything here is seeded, so a run says the same as the run before. The
//! statistical tests state how likely they would be to fail for another seed.

mod examples;
mod hidden;
mod incidents;
mod means;
mod mistakes;
mod replay;
mod samples;
mod statistics;
mod streams;
mod text;
mod traffic;
mod visible;
