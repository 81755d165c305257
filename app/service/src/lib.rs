//! The teaching service: `GET /random` answers a random number after a random
//! delay, and everything around it can be watched.
//!
//! One endpoint a file. [`routes`] lists them all. What the service pretends is a
//! [`scenario`]; [`admission`] limits concurrency; what the endpoints share is the
//! [`Service`]. This file puts them together and serves them.

pub mod admission;
mod buckets;
pub mod control;
pub mod docs;
pub mod incident;
pub mod live;
pub mod options;
pub mod page;
mod predictions;
pub mod random;
mod random_value;
pub mod routes;
pub mod runbook;
pub mod scenario;
mod state;
mod traffic;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::future::LocalBoxFuture;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::admission::Admission;
use self::incident::scrapes::Scrapes;
use self::incident::series::Series;
use self::live::Live;
use self::options::Options;
use self::predictions::Predictions;
use self::random_value::RandomValue;
use self::scenario::{Scenario, Settings};
pub use self::state::{Parts, Service};
use command_line::secret::Secret;
use golden_http::accept::{self, Drained, Limits};
use golden_http::access::Access;
use golden_http::api::App;
use golden_http::failures::ConnectionFailures;
use golden_http::health::Readiness;
use golden_http::requests::Requests;
use golden_system::BuildInfo;
use golden_system::descriptors;
use golden_system::process::Process;
use golden_system::saturation::Saturation;
use model::{Customers, Predictor};
use prometheus_client::registry::Registry;
use rand::Rng as _;
use simulation::{Faults, Mystery, Probability, Streams};

/// Descriptors that are left for everything but connections: the runtime's
/// own, the log, `/proc` while it is read.
const RESERVED_DESCRIPTORS: usize = 64;

/// Serves on `listener` until `drain` resolves: is not ready from then on, and
/// after the lame-duck time takes no further connection and lets what is in
/// flight end. `stop_now` cuts that short.
///
/// The future is boxed, so that the role is compiled in this crate and not in the
/// program that runs it.
///
/// # Errors
///
/// If the listener has no address.
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
) -> LocalBoxFuture<'static, std::io::Result<Drained>> {
    Box::pin(async move {
        let address = listener.local_addr()?;
        let descriptors = descriptors::raise_limit().unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let connections = descriptors
            .saturating_sub(RESERVED_DESCRIPTORS + accept::RESERVED_CONNECTIONS)
            .max(1);
        let limits = Limits {
            connections: connections.min(options.connection_limit),
            header_read_timeout: options.header_timeout,
            write_timeout: options.write_timeout,
            drain_timeout: options.drain_timeout,
        };
        let lame_duck = options.lame_duck;
        let (stopping, stopped) = watch::channel(false);
        let (service, app, failures) = assemble(options, build, address, stopped);

        tracing::info!(%address, page = %format_args!("http://{address}/"), "listening");
        let drain = async {
            drain.await;
            service.readiness.end();
            tracing::info!("not ready; stopping");
            tokio::time::sleep(lame_duck).await;
            // Watchers of the live page never end by themselves.
            stopping.send_replace(true);
        };
        let drained = accept::serve(listener, app, limits, failures, drain, stop_now).await;
        match drained {
            Drained::Completely => tracing::info!("stopped; all requests answered"),
            Drained::CutOff(connections) => {
                tracing::warn!(connections, "stopped; connections cut off");
            }
        }
        Ok(drained)
    })
}

fn assemble(
    options: Options,
    build: BuildInfo,
    address: SocketAddr,
    stopped: watch::Receiver<bool>,
) -> (Service, App, ConnectionFailures) {
    let streams = options
        .seed
        .map_or_else(Streams::from_entropy, Streams::new);
    let arrivals = streams.arrivals();
    // Streams of their own: what /random draws must not depend on predictions.
    let drawn = |offset| Streams::new(streams.arrivals().next_u64().wrapping_add(offset));
    let mystery = options
        .mystery
        .as_ref()
        .map(|name| Mystery::new(name, options.salt().expose()).seal());
    let salt = options.salt().clone();
    let settings = Settings {
        faults: Faults {
            error_rate: options.error_rate,
            delay: options.delay,
            value: options.value,
        },
        panic_rate: Probability::NEVER,
        traffic: options.traffic,
        mystery,
        incident: None,
        more_traffic: false,
    };

    let mut registry = Registry::default();
    let requests = Requests::register(&mut registry);
    let failures = ConnectionFailures::register(&mut registry);
    let random_value = RandomValue::register(&mut registry);
    let predictor = Predictor::register(
        &mut registry,
        drawn(1),
        salt.clone(),
        options.model_timeout,
        options.model_max_age,
    );
    let predictor = Arc::new(predictor);
    if let Some(name) = options.model_mystery {
        let model::Started { name, commitment } = predictor.start_mystery(name);
        tracing::info!(name, commitment, "mystery of the model started");
    }
    let series = Series::default();
    registry.register_collector(Box::new(series.clone()));
    build.register(&mut registry);
    registry.register_collector(Box::new(Process));

    let admission = Admission::new(options.concurrency_limit, options.queue_limit);
    let admission = Arc::new(admission);
    let mut saturation = Saturation::default();
    let watched = Arc::clone(&admission);
    saturation.watch("concurrency", move || watched.concurrency_ratio());
    let watched = Arc::clone(&admission);
    saturation.watch("queue", move || watched.queue_ratio());
    saturation.watch_process();
    saturation.register(&mut registry);
    let registry = Arc::new(registry);

    let pager = live::Pager::new(options.pager);
    let service = Service::new(Parts {
        access: Access::new(
            "/control",
            address,
            options.control_token.get().map(Secret::expose),
        ),
        admission,
        body_timeout: options.header_timeout,
        game: Mutex::new(None),
        live: Live::new(Arc::clone(&registry), pager, stopped.clone()),
        mystery_salt: salt,
        predictor: Arc::clone(&predictor),
        random_value,
        readiness: Readiness::default(),
        registry,
        request_timeout: options.request_timeout,
        scenario: Scenario::new(settings, streams),
        scrapes: Scrapes::default(),
        series,
    });
    let app = routes::router(&service, &requests);
    let conditions = service.scenario.conditions();
    let work = incident::work(service.clone(), conditions, stopped.clone());
    tokio::spawn(work);
    let traffic = service.scenario.traffic();
    tokio::spawn(traffic::generate(
        app.clone(),
        traffic.clone(),
        arrivals,
        stopped.clone(),
    ));
    let customers = Customers::new(
        predictor,
        drawn(2).arrivals(),
        options.label_rate,
        options.label_delay,
    );
    let share = options.predict_share;
    let arrivals = drawn(3).arrivals();
    let predictions = Predictions::new(app.clone(), customers, share);
    tokio::spawn(traffic::predict(predictions, traffic, arrivals, stopped));
    (service, app, failures)
}
