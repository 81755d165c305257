//! What the endpoints share, and how each takes the part of it that it needs.
//!
//! Only the state: how it is made stands in [`run`](crate::run), what is done with it in the endpoints.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::FromRef;

use command_line::secret::Secret;

use crate::admission::Admission;
use crate::incident::game::Game;
use crate::incident::scrapes::Scrapes;
use crate::incident::series::Series;
use crate::live::Live;
use crate::random_value::RandomValue;
use crate::scenario::Scenario;
use golden_http::access::Access;
use golden_http::body::BodyTimeout;
use golden_http::health::Readiness;
use model::Predictor;
use prometheus_client::registry::Registry;

/// What the endpoints share.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

/// The parts of a [`Service`].
pub struct Parts {
    pub(crate) access: Access,
    pub(crate) admission: Arc<Admission>,
    pub(crate) body_timeout: Duration,
    pub(crate) game: Mutex<Option<Game>>,
    pub(crate) live: Arc<Live>,
    pub(crate) mystery_salt: Secret,
    pub(crate) predictor: Arc<Predictor>,
    pub(crate) random_value: RandomValue,
    pub(crate) readiness: Readiness,
    pub(crate) registry: Arc<Registry>,
    pub(crate) request_timeout: Duration,
    pub(crate) scenario: Scenario,
    pub(crate) scrapes: Scrapes,
    pub(crate) series: Series,
}

impl Service {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Service> for Access {
    fn from_ref(service: &Service) -> Self {
        service.access.clone()
    }
}

impl FromRef<Service> for BodyTimeout {
    fn from_ref(service: &Service) -> Self {
        Self(service.body_timeout)
    }
}

impl FromRef<Service> for Readiness {
    fn from_ref(service: &Service) -> Self {
        service.readiness.clone()
    }
}

impl FromRef<Service> for Arc<Registry> {
    fn from_ref(service: &Service) -> Self {
        Arc::clone(&service.registry)
    }
}

impl FromRef<Service> for Arc<Predictor> {
    fn from_ref(service: &Service) -> Self {
        Arc::clone(&service.predictor)
    }
}

impl FromRef<Service> for Arc<Live> {
    fn from_ref(service: &Service) -> Self {
        Arc::clone(&service.live)
    }
}
