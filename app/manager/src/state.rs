//! What the endpoints of the API share, and how each part of it is extracted.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;

use super::fleet::Fleet;
use super::history::History;
use super::live::Live;
use super::tasks::Tasks;
use golden_http::access::Access;
use golden_http::body::BodyTimeout;
use golden_http::health::Readiness;
use golden_mqtt::Publisher;
use prometheus_client::registry::Registry;

/// The shared state of the API.
#[derive(Clone)]
pub struct Manager(pub(super) Arc<Parts>);

/// The parts of a [`Manager`].
pub struct Parts {
    pub(super) access: Access,
    pub(super) body_timeout: Duration,
    pub(super) broker: Publisher,
    pub(super) fleet: Arc<Fleet>,
    pub(super) history: History,
    pub(super) live: Arc<Live>,
    pub(super) readiness: Readiness,
    pub(super) registry: Arc<Registry>,
    pub(super) tasks: Arc<Tasks>,
}

impl Deref for Manager {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Manager> for Access {
    fn from_ref(manager: &Manager) -> Self {
        manager.access.clone()
    }
}

impl FromRef<Manager> for BodyTimeout {
    fn from_ref(manager: &Manager) -> Self {
        Self(manager.body_timeout)
    }
}

impl FromRef<Manager> for Readiness {
    fn from_ref(manager: &Manager) -> Self {
        manager.readiness.clone()
    }
}

impl FromRef<Manager> for Arc<Registry> {
    fn from_ref(manager: &Manager) -> Self {
        Arc::clone(&manager.registry)
    }
}

impl FromRef<Manager> for Arc<Live> {
    fn from_ref(manager: &Manager) -> Self {
        Arc::clone(&manager.live)
    }
}
