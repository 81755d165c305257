//! The live page's source: a small Prometheus inside the service.
//!
//! Once a second it scrapes the service's own registry, as Prometheus would
//! scrape `/metrics`, keeps the last three minutes, and evaluates for everyone who
//! watches what the page's PromQL would evaluate to. A student without Docker so
//! sees the same numbers as one with the whole stack.
//!
//! - [`promql`]: `rate`, `increase`, `histogram_quantile`.
//! - [`history`]: the samples of the last minutes.
//! - [`panels`]: what is asked of them.
//! - [`stream`]: `GET /live`, the answers once a second.
//!
//! It scrapes whether or not someone watches: a scrape costs about a millisecond,
//! and a page opened later shows at once what came before.
//!
//! Nothing here may hold up a request: a scrape only reads, and watchers wait for
//! the scraper, never it for them.

pub mod history;
pub mod panels;
pub mod promql;
pub mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::history::History;
use super::alerts::Pager;
use golden_metrics::gather;
use prometheus_client::registry::Registry;

/// The time between two scrapes.
pub const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// How much of the past the graphs show.
pub const SHOWN_RANGE: Duration = Duration::from_secs(120);

/// What the oldest point shown needs: the longest range before it, and a scrape
/// to spare.
const KEPT: Duration = Duration::from_secs(120 + 60 + 1);

/// Maximum watchers at once. A class of thirty looks at one teacher's service;
/// each watcher holds a connection, so there must be a limit.
pub const MAX_WATCHERS: usize = 64;

/// The scraper and those who watch it.
#[derive(Debug)]
pub struct Live {
    history: Mutex<History>,
    /// The time of the newest scrape (ms since the epoch). A watch channel and not
    /// a queue: a watcher that lags finds only the newest there, catches up from
    /// the history, and so can never make memory grow.
    newest: watch::Sender<i64>,
    watchers: Arc<Semaphore>,
    pager: Arc<Pager>,
    shutdown: watch::Receiver<bool>,
}

impl Live {
    /// Starts to scrape `registry`, until `shutdown` turns true (or its sender is
    /// gone) or the last handle is dropped. Watchers also see `pager`'s
    /// alerts.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn new(
        registry: Arc<Registry>,
        pager: Arc<Pager>,
        shutdown: watch::Receiver<bool>,
    ) -> Arc<Self> {
        let live = Arc::new(Self {
            history: Mutex::new(History::new(KEPT)),
            newest: watch::Sender::new(i64::MIN),
            watchers: Arc::new(Semaphore::new(MAX_WATCHERS)),
            pager,
            shutdown: shutdown.clone(),
        });
        tokio::spawn(scrape(Arc::downgrade(&live), registry, shutdown));
        live
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // A panic while scraping leaves at worst one sample out.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scrapes once a second.
async fn scrape(live: Weak<Live>, registry: Arc<Registry>, mut shutdown: watch::Receiver<bool>) {
    // Wall time read once, then a clock that only goes forward: samples must be
    // in order even when someone sets the machine's clock.
    let (began, epoch) = (Instant::now(), now());
    let mut every_second = interval(SCRAPE_INTERVAL);
    every_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every_second.tick() => {}
            () = stopped(&mut shutdown) => return,
        }
        let Some(live) = live.upgrade() else { return };
        let at = epoch + i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        live.pager.forget();
        match gather(&registry) {
            Ok(scraped) => {
                live.history().record(&scraped, at);
                live.newest.send_replace(at);
            }
            Err(error) => tracing::error!(%error, "a collector failed"),
        }
    }
}

/// Waits until the service stops.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: with it the service.
    let _ = shutdown.wait_for(|down| *down).await;
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
