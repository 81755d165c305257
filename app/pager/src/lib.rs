//! The pager: receives alerts, shows what fires and remembers what has fired, and raises an
//! alert of its own when none could reach it any more. It runs apart from all that it watches
//! over, so that it outlives it.
//!
//! - [`notification`]: what Alertmanager and Grafana send, read.
//! - [`alert`], [`group`], [`store`], [`events`]: what is remembered of it, in bounded memory.
//! - [`watchdog`], [`probe`]: whether Prometheus and Alertmanager are heard.
//! - [`pager`]: all of that behind one lock, rendered once for all readers.
//! - [`history`]: the file that survives a restart.
//! - [`delivery`], [`stream`], [`page`]: the endpoints, listed in [`routes`].
//!
//! The pager only remembers: no rule, no route, no silence may enter; those are
//! Prometheus' and Alertmanager's.

mod alert;
mod delivery;
mod docs;
mod events;
mod group;
mod history;
mod metrics;
mod notification;
pub mod options;
mod page;
mod pager;
mod places;
mod probe;
mod routes;
mod store;
mod stream;
mod watchdog;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use futures_util::future::LocalBoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval};

pub use self::delivery::MAX_BODY_BYTES;
pub use self::group::FIRING_RETENTION;
use self::history::History;
pub use self::history::HistoryError;
use self::metrics::Metrics;
use self::options::Options;
use self::pager::Pager;
pub use self::store::FULL;
pub use self::watchdog::SILENT;
use self::watchdog::Watchdog;
use golden_http::accept::{self, Drained, Limits};
use golden_http::body::BodyTimeout;
use golden_http::failures::ConnectionFailures;
use golden_http::health::Readiness;
use golden_http::requests::Requests;
use golden_system::BuildInfo;
use golden_system::descriptors;
use golden_system::process::Process;
use prometheus_client::registry::Registry;

/// How often what is over is forgotten and the watchdog asked.
const TICK: Duration = Duration::from_secs(1);

/// What the endpoints share.
#[derive(Clone)]
struct Role(Arc<Parts>);

struct Parts {
    body_timeout: Duration,
    history: Arc<History>,
    pager: Arc<Pager>,
    /// Of notifications that are read at once.
    places: Arc<Semaphore>,
    readiness: Readiness,
    registry: Arc<Registry>,
    /// Of watchers.
    seats: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

/// Why the pager does not run.
#[derive(Debug, thiserror::Error)]
pub enum PagerError {
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The listener has no address.
    #[error("cannot read the address of the listener: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves on `listener` until `drain` resolves, then lets what is in flight end;
/// `stop_now` cuts that short.
///
/// The future is boxed, so that the role is compiled in this crate and not in the
/// program that runs it.
///
/// # Errors
///
/// If the history cannot be read or written.
///
/// # Panics
///
/// Outside a Tokio runtime.
pub fn run(
    options: Options,
    build: BuildInfo,
    listener: TcpListener,
    drain: LocalBoxFuture<'static, ()>,
    stop_now: LocalBoxFuture<'static, ()>,
) -> LocalBoxFuture<'static, Result<Drained, PagerError>> {
    Box::pin(async move {
        let address = listener.local_addr()?;
        let _ = descriptors::raise_limit();
        let (stopping, stopped) = watch::channel(false);

        let mut registry = Registry::default();
        let requests = Requests::register(&mut registry);
        let failures = ConnectionFailures::register(&mut registry);
        let metrics = Metrics::register(&mut registry);
        build.register(&mut registry);
        registry.register_collector(Box::new(Process));

        let (history, saved) = History::open(&options.history)?;
        let history = Arc::new(history);
        let asked: Vec<_> = [
            ("Prometheus", options.prometheus),
            ("Alertmanager", options.alertmanager),
        ]
        .into_iter()
        .filter_map(|(name, url)| Some((name, url?)))
        .collect();
        let names: Vec<_> = asked.iter().map(|(name, _)| *name).collect();
        let watchdog = Watchdog::new(options.watchdog_timeout, &names);
        let pager = Arc::new(Pager::new(watchdog, metrics, saved));
        for (name, url) in asked {
            tokio::spawn(probe::ask(Arc::clone(&pager), name, url));
        }
        tokio::spawn(tick(Arc::clone(&pager), Arc::clone(&history)));

        let role = Role(Arc::new(Parts {
            body_timeout: options.header_timeout,
            history: Arc::clone(&history),
            pager: Arc::clone(&pager),
            places: Arc::new(Semaphore::new(places::MAX_AT_ONCE)),
            readiness: Readiness::default(),
            registry: Arc::new(registry),
            seats: Arc::new(Semaphore::new(stream::MAX_WATCHERS)),
            shutdown: stopped,
        }));
        let limits = Limits {
            connections: options.connection_limit,
            header_read_timeout: options.header_timeout,
            write_timeout: options.write_timeout,
            drain_timeout: options.drain_timeout,
        };
        tracing::info!(%address, page = %format_args!("http://{address}/"), "listening");
        let lame_duck = options.lame_duck;
        let drain = async {
            drain.await;
            role.readiness.end();
            tokio::time::sleep(lame_duck).await;
            // Watchers never end by themselves.
            stopping.send_replace(true);
        };
        let app = routes::router(&role, &requests);
        let drained = accept::serve(listener, app, limits, failures, drain, stop_now).await;
        history.save(&pager).await;
        tracing::info!("stopped; all alerts are stored");
        Ok(drained)
    })
}

async fn tick(pager: Arc<Pager>, history: Arc<History>) {
    let mut every = interval(TICK);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        pager.tick();
        history.save(&pager).await;
    }
}

impl Deref for Role {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Role> for BodyTimeout {
    fn from_ref(role: &Role) -> Self {
        Self(role.body_timeout)
    }
}

impl FromRef<Role> for Readiness {
    fn from_ref(role: &Role) -> Self {
        role.readiness.clone()
    }
}

impl FromRef<Role> for Arc<Registry> {
    fn from_ref(role: &Role) -> Self {
        Arc::clone(&role.registry)
    }
}
