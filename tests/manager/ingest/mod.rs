//! What the manager accepts from a real Mosquitto, in any dialect, alone or beside another
//! manager; and what it rejects, counted by reason and without harm to others.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::PathBuf;

use serde_json::Value;

use crate::support::peers;

mod dialects;
mod rejections;
mod shared_load;

/// A broker that keeps everything it is given, as the stack's does.
const KEEPS_ALL: &str = "max_queued_messages 0\nmax_inflight_messages 1000\n";

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

fn total(page: &Value) -> u64 {
    page["total"].as_u64().unwrap()
}
