//! What goes wrong in the service: the conditions of an incident, put into force.
//!
//! What an incident is stands in the crate `simulation`; here it really happens: a leak
//! leaks, a pause blocks, a pool fills. One file for each way in which something goes
//! wrong, and [`game`], which hides when and what. Nothing here is logged.

mod busy_loop;
mod cache;
mod dependency;
pub mod game;
mod leaks;
mod pauses;
pub mod scrapes;
pub(crate) mod series;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use simulation::Conditions;

use self::cache::Cache;
use self::dependency::Dependency;
pub(crate) use self::worker::work;

/// What a request meets beside what it draws: only while an incident is of such a kind.
#[derive(Debug)]
pub struct Hardships {
    dependency: Option<Dependency>,
    cache: Option<Cache>,
    /// Series that each request adds.
    pub(crate) series: u32,
    /// By what the number that is recorded is multiplied.
    pub(crate) recorded_factor: f64,
}

impl Hardships {
    /// Those of the conditions; `None` where there are none, as nearly always.
    pub(crate) fn of(conditions: &Conditions) -> Option<Arc<Self>> {
        let hardships = Self {
            dependency: conditions.dependency.as_ref().map(Dependency::new),
            cache: conditions.cache.map(Cache::new),
            series: conditions.series_per_request,
            recorded_factor: conditions.recorded_factor.into(),
        };
        let none = hardships.dependency.is_none()
            && hardships.cache.is_none()
            && hardships.series == 0
            && conditions.recorded_factor == 1;
        (!none).then(|| Arc::new(hardships))
    }

    /// Waits for what the request needs; a call of the dependency takes so long.
    pub(crate) async fn endure(&self, call: Duration) {
        if let Some(cache) = &self.cache {
            cache.read().await;
        }
        if let Some(dependency) = &self.dependency {
            dependency.call(call).await;
        }
    }
}
