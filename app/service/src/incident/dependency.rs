//! A dependency behind a pool of connections: who finds none free waits for one.

use std::time::Duration;

use tokio::sync::Semaphore;

/// The pool.
#[derive(Debug)]
pub(super) struct Dependency {
    places: Semaphore,
}

impl Dependency {
    pub(super) fn new(of: &simulation::incident::Dependency) -> Self {
        Self {
            places: Semaphore::new(of.places),
        }
    }

    /// A call that takes so long once it has a connection.
    pub(super) async fn call(&self, takes: Duration) {
        let place = self.places.acquire().await;
        async_io::Timer::after(takes).await;
        drop(place);
    }
}
