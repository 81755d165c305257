//! The manager: collects what proplets report over MQTT, stores it, serves it
//! through its API and to Prometheus, and assigns tasks to proplets.
//!
//! - [`ingest`]: decodes, validates and stores incoming messages.
//! - [`history`]: past samples, in SQLite.
//! - [`fleet`]: the current state of proplets and tasks, and its metrics.
//! - [`group`]: the other managers, and the messages of those that are gone.
//! - [`tasks`]: requested tasks and their assignment.
//! - [`live`]: a broadcast of incoming messages to watchers.
//! - [`api`]: all of it over HTTP, on the shared state of [`state`].
//!
//! This file only puts them together ([`run`]).

pub mod api;
pub mod clock;
mod connection;
pub mod fleet;
pub mod group;
pub mod history;
pub mod ingest;
pub mod live;
mod number;
pub mod options;
pub mod state;
pub mod tasks;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::api::routes;
use self::connection::Connection;
use self::fleet::{Bounds, FORGET_PROPLET_AFTER, Fleet};
use self::group::Place;
use self::history::{History, HistoryError, Retention};
use self::ingest::{Ingest, Limits, Statistics};
use self::live::Live;
use self::options::Options;
use self::state::{Manager, Parts};
use self::tasks::Tasks;
use command_line::secret::Secret;
use golden_http::accept::{self, Drained};
use golden_http::access::Access;
use golden_http::failures::ConnectionFailures;
use golden_http::health::Readiness;
use golden_http::requests::Requests;
use golden_system::BuildInfo;
use golden_system::descriptors;
use golden_system::process::Process;
use prometheus_client::registry::Registry;

/// Received messages that may be queued.
const QUEUE_LENGTH: usize = 8_192;

/// The longest wait before the next attempt to connect. Proplets wait for some
/// seconds with what they have queued: by then the manager has subscribed again.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Time limit for the disconnection from the broker.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the manager does not run.
#[derive(Debug, Error)]
pub enum ManagerError {
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The TLS files cannot be used.
    #[error(transparent)]
    Mqtt(#[from] golden_mqtt::OptionsError),
    /// A listener has no address.
    #[error("cannot read the address of a listener: {0}")]
    Listener(#[from] std::io::Error),
    /// A bug, which the panic hook has logged.
    #[error("message ingestion panicked; all acknowledged messages are stored")]
    Panicked,
}

/// Serves the API on `listener` and the metrics on `exposition` until `drain`
/// resolves; then lets requests in flight end, and writes down what has come.
/// `stop_now` cuts that short.
///
/// The future is boxed, so that the role is compiled in this crate and not in the
/// program that runs it.
///
/// # Errors
///
/// If the history or the files of TLS cannot be used.
///
/// # Panics
///
/// Outside a Tokio runtime of several threads.
pub fn run(
    options: Options,
    build: BuildInfo,
    listener: TcpListener,
    exposition: TcpListener,
    drain: LocalBoxFuture<'static, ()>,
    stop_now: LocalBoxFuture<'static, ()>,
) -> LocalBoxFuture<'static, Result<Drained, ManagerError>> {
    Box::pin(async move {
        let address = listener.local_addr()?;
        let metrics_address = exposition.local_addr()?;
        let _ = descriptors::raise_limit();
        let (stopping, stopped) = watch::channel(false);

        let history = History::open_or_replace(&options.history)?;
        let now = clock::now();
        let bounds = Bounds {
            series: options.series_limit,
            proplets: options.proplet_limit,
            rate: options.rate_limit,
            alive_timeout: options.alive_timeout,
            expire_after: options.expire_after,
        };
        let hour = i64::try_from(FORGET_PROPLET_AFTER.as_nanos()).unwrap_or(i64::MAX);
        let known = history.proplets(now.saturating_sub(hour), bounds.proplets)?;
        let fleet = Arc::new(Fleet::new(bounds, known, now));

        let mut settings = options.mqtt.settings(&options.client_id)?;
        settings.deliveries = QUEUE_LENGTH;
        settings.max_reconnect_wait = MAX_RECONNECT_DELAY;
        let place = Place::new(&options.group, settings);
        let (client, publisher, deliveries) = golden_mqtt::start(place.settings());
        let group = place.take(client, publisher.clone());

        let tasks = Tasks::new(history.clone(), Arc::clone(&fleet), publisher.clone())?;
        let tasks = Arc::new(tasks);
        let live = Arc::new(Live::new(stopped.clone()));
        let mut registry = Registry::default();
        let statistics = Arc::new(Statistics::register(&mut registry));
        history.register(&mut registry);
        let requests = Requests::register(&mut registry);
        let failures = ConnectionFailures::register(&mut registry);
        build.register(&mut registry);
        registry.register_collector(Box::new(Arc::clone(&fleet)));
        registry.register_collector(Box::new(Connection {
            publisher: publisher.clone(),
            standing: group.standing(),
        }));
        registry.register_collector(Box::new(Process));
        let registry = Arc::new(registry);

        let guarded = "changing tasks";
        let manager = Manager(Arc::new(Parts {
            access: Access::published(
                guarded,
                options.published_on_loopback || address.ip().is_loopback(),
                options.control_token.get().map(Secret::expose),
            ),
            body_timeout: options.header_timeout,
            broker: publisher,
            fleet: Arc::clone(&fleet),
            history: history.clone(),
            live: Arc::clone(&live),
            readiness: Readiness::default(),
            registry,
            tasks: Arc::clone(&tasks),
        }));
        let ingest = Ingest {
            history,
            fleet,
            group: group.inbox(),
            tasks,
            live,
            statistics,
            limits: Limits {
                stale_after: options.stale_after,
                bytes: options.mqtt.mqtt_max_packet_size,
            },
            retention: Retention {
                age: options.history_age,
                bytes: options.history_size,
            },
        };
        let taking = tokio::task::spawn_blocking(move || ingest.run(deliveries));

        tracing::info!(address = %metrics_address, "metrics listening");
        tracing::info!(
            %address,
            broker = %options.mqtt.mqtt_address,
            page = %format_args!("http://{address}/"),
            "listening"
        );
        let limits = accept::Limits {
            connections: options.connection_limit,
            header_read_timeout: options.header_timeout,
            write_timeout: options.write_timeout,
            drain_timeout: options.drain_timeout,
        };
        let lame_duck = options.lame_duck;
        let mut scrapes_end = stopped;
        let scrapes = accept::serve(
            exposition,
            routes::exposition(&manager, &requests),
            limits,
            failures.clone(),
            async move {
                // An error means that the sender is gone: with it the manager.
                let _ = scrapes_end.wait_for(|down| *down).await;
            },
            std::future::pending(),
        );
        let drain = async {
            drain.await;
            manager.readiness.end();
            tracing::info!("no longer ready; draining");
            tokio::time::sleep(lame_duck).await;
            // Watchers never end by themselves.
            stopping.send_replace(true);
        };
        let serve = accept::serve(
            listener,
            routes::router(&manager, &requests),
            limits,
            failures,
            drain,
            stop_now,
        );
        let serve = async {
            let drained = serve.await;
            // Whether it was drained or cut off.
            stopping.send_replace(true);
            drained
        };
        let (drained, _) = tokio::join!(serve, scrapes);
        group.close(CLOSE_TIMEOUT).await;
        taking.await.map_err(|_| ManagerError::Panicked)??;
        tracing::info!("stopped; all received messages are stored");
        Ok(drained)
    })
}
