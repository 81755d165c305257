//! The live page's source: a small Prometheus inside the service.
//!
//! Once a second it scrapes the service's own registry, as Prometheus would
//! scrape `/metrics`, keeps the last three minutes, and evaluates for everyone who
//! watches what the page's PromQL would evaluate to. A student without Docker so
//! sees the same numbers as one with the whole stack.
//!
//! - [`promql`]: `rate`, `increase`, `histogram_quantile`.
//! - [`history`]: the samples of the last minutes.
//! - [`panels`]: what is asked of them; [`model`]: what of the model.
//! - [`pager`]: the pager's alerts.
//! - [`scraper`]: takes the samples, while somebody watches.
//! - [`stream`]: `GET /live`, the answers once a second.
//!
//! Nothing here may hold up a request: a scrape only reads, on a thread of its own, and
//! watchers wait for the scraper, never it for them.

pub mod history;
pub mod model;
mod pager;
pub mod panels;
pub mod promql;
mod scraper;
pub mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::history::History;
pub use self::pager::Pager;
use self::scraper::Scraper;
use prometheus_client::registry::Registry;

/// How much of the past the graphs show.
pub const SHOWN_RANGE: Duration = Duration::from_secs(120);

/// What the oldest point shown needs: the longest range before it, and a scrape
/// to spare.
const KEPT: Duration = Duration::from_secs(120 + 60 + 1);

/// Maximum watchers at once. A class of thirty looks at one teacher's service;
/// each watcher holds a connection, so there must be a limit.
pub const MAX_WATCHERS: usize = 64;

/// The samples of the last minutes and those who watch them.
#[derive(Debug)]
pub struct Live {
    history: Mutex<History>,
    /// The time of the newest scrape (ms since the epoch). A watch channel and not
    /// a queue: a watcher that lags finds only the newest there, catches up from
    /// the history, and so can never make memory grow.
    newest: watch::Sender<i64>,
    scraper: Scraper,
    watchers: Arc<Semaphore>,
    pager: Pager,
    shutdown: watch::Receiver<bool>,
}

/// What [`Live::newest`] is before the first scrape.
const NEVER: i64 = i64::MIN;

impl Live {
    /// Scrapes `registry` while somebody watches, until `shutdown` turns true (or its
    /// sender is gone). Watchers also see `pager`'s alerts.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        pager: Pager,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            history: Mutex::new(History::new(KEPT)),
            newest: watch::Sender::new(NEVER),
            scraper: Scraper::new(registry),
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
            pager,
            shutdown,
        })
    }

    /// A watcher's seat, for which the scraper works; `None` where all are taken.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    fn sit_down(self: &Arc<Self>) -> Option<OwnedSemaphorePermit> {
        let seat = Arc::clone(&self.watchers).try_acquire_owned().ok()?;
        scraper::start(self);
        Some(seat)
    }

    fn is_watched(&self) -> bool {
        self.watchers.available_permits() < MAX_WATCHERS
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // A panic while scraping leaves at worst one sample out.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the service stops.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: with it the service.
    let _ = shutdown.wait_for(|down| *down).await;
}
