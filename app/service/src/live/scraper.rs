//! Takes a sample of the service's own metrics once a second, while somebody watches.
//! Knows when to scrape; what is kept of a scrape is [`History`](super::history)'s matter.
//!
//! A service that nobody watches pays nothing. It goes on for as long after the last
//! watcher as samples are kept, so that whoever comes back by then, having reloaded the
//! page or lost the connection, misses nothing. A page that is opened later begins with
//! its opening: its first point comes at once, its first rates a second later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{KEPT, Live, NEVER, stopped};
use golden_metrics::gather;
use prometheus_client::registry::Registry;

/// The time between two scrapes.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// What is scraped, and whether it is at present.
#[derive(Debug)]
pub(super) struct Scraper {
    registry: Arc<Registry>,
    running: Mutex<bool>,
}

impl Scraper {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            running: Mutex::new(false),
        }
    }

    fn running(&self) -> MutexGuard<'_, bool> {
        // A flag is never half set.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scrapes from now on, unless it does already. Called with a seat taken.
pub(super) fn start(live: &Arc<Live>) {
    let mut running = live.scraper.running();
    if !*running {
        *running = true;
        tokio::spawn(scrape(Arc::clone(live)));
    }
}

/// Scrapes until nobody has watched for as long as samples are kept.
async fn scrape(live: Arc<Live>) {
    let mut shutdown = live.shutdown.clone();
    // Ends with this future; a pager that is slow holds no scrape up.
    let mut following = JoinSet::new();
    let followed = Arc::clone(&live);
    following.spawn(async move { followed.pager.follow().await });
    // Wall time read once, then a clock that only goes forward: samples must be
    // in order even when someone sets the machine's clock.
    let (began, epoch) = (Instant::now(), now());
    let mut watched = began;
    let mut every_second = interval(SCRAPE_INTERVAL);
    every_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every_second.tick() => {}
            () = stopped(&mut shutdown) => return,
        }
        if live.is_watched() {
            watched = Instant::now();
        } else if watched.elapsed() >= KEPT && end(&live) {
            return;
        }
        let at = epoch + i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let scraped = Arc::clone(&live);
        // Reads files and takes its time: not on a thread that requests wait for.
        if let Err(error) = spawn_blocking(move || scraped.scrape(at)).await {
            tracing::error!(%error, "a collector panicked");
        }
    }
}

/// Ends the scraping, unless somebody has sat down meanwhile.
fn end(live: &Live) -> bool {
    let mut running = live.scraper.running();
    if live.is_watched() {
        return false;
    }
    *running = false;
    live.history().clear();
    live.pager.forget();
    live.newest.send_replace(NEVER);
    true
}

impl Live {
    /// Takes one sample of everything.
    fn scrape(&self, at: i64) {
        match gather(&self.scraper.registry) {
            Ok(scraped) => {
                self.history().record(&scraped, at);
                self.newest.send_replace(at);
            }
            Err(error) => tracing::error!(%error, "a collector failed"),
        }
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
