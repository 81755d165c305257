//! Presence of a proplet: creation, liveness, last will.

use serde::{Deserialize, Serialize};

use super::numbers::{namespace, proplet_id};

/// Said once, when a proplet starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// Id of the proplet.
    #[serde(deserialize_with = "proplet_id")]
    pub proplet_id: String,
    /// Kubernetes' namespace, "default" elsewhere.
    #[serde(default, deserialize_with = "namespace")]
    pub namespace: String,
    /// What it is.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What a proplet says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Its machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// "docker" or "binary".
    pub environment: String,
    /// As Rust names it.
    pub os: String,
    /// As Rust names it.
    pub cpu_arch: String,
    /// The machine's memory; 0 where unknown.
    pub total_memory_bytes: u64,
    /// Its version.
    pub proplet_version: String,
    /// Always empty with ours, which runs no WebAssembly.
    pub wasm_runtime: String,
}

/// The liveness message, or the last will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive {
    /// Id of the proplet.
    #[serde(deserialize_with = "proplet_id")]
    pub proplet_id: String,
    /// Whether it lives.
    pub status: Status,
    /// Kubernetes' namespace, "default" elsewhere.
    #[serde(default, deserialize_with = "namespace")]
    pub namespace: String,
}

/// Said to a proplet whose samples are from the future, and rejected: an addition of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockNotice {
    /// Id of the proplet.
    #[serde(deserialize_with = "proplet_id")]
    pub proplet_id: String,
    /// So far its clock is ahead of the manager's.
    pub ahead_seconds: i64,
}

/// Whether a proplet is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is alive.
    Alive,
    /// It has shut down, or the broker has lost its connection.
    Offline,
}
