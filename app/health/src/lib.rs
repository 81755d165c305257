//! Whether a role does its work, asked from outside: over HTTP where it listens
//! ([`healthcheck`]), by the age of a file where it does not ([`heartbeat`]).
//! Knows no role.

pub mod healthcheck;
pub mod heartbeat;
