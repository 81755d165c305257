//! A proplet's announcements: liveness and metadata.

use std::path::Path;

use super::monitor::Origin;
use super::sampler;
use proplet_schema::{Alive, Metadata, Status, check_identifier};

/// The liveness message, or the last will.
pub(super) fn alive(origin: &Origin, status: Status) -> Alive {
    Alive {
        proplet_id: origin.proplet_id.clone(),
        status,
        namespace: origin.namespace.clone(),
    }
}

/// What it says of itself when it starts.
pub(super) fn metadata() -> Metadata {
    Metadata {
        hostname: Some(host_name()),
        environment: if Path::new("/.dockerenv").exists() {
            "docker".to_owned()
        } else {
            "binary".to_owned()
        },
        os: std::env::consts::OS.to_owned(),
        cpu_arch: std::env::consts::ARCH.to_owned(),
        total_memory_bytes: sampler::machine_memory().unwrap_or_default(),
        proplet_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Metadata::default()
    }
}

/// The host name, as far as it can be a level of a topic.
pub(super) fn host_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    if check_identifier("", &name).is_ok() {
        name
    } else {
        "proplet".to_owned()
    }
}
