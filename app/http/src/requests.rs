//! The request metrics: for each route its handles, resolved once when the
//! route is made, so that a request finds its counters by index. Nothing here
//! runs a request; `layer` does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use golden_metrics::{Buckets, Histogram};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{self, Gauge};
use prometheus_client::registry::Registry;

use super::buckets;
use super::labels::{
    CLIENT_CLOSED_REQUEST, FailureCause, MethodLabel, Outcome, STATUSES, Status, status_index,
};
use super::layer::SignalsLayer;
use super::routes::Routes;

/// The `route` of a request that matched no operation: an unknown path, or a
/// method that the path does not serve.
pub const UNMATCHED: &str = "unmatched";

/// What a route serves: a method with the statuses that it may answer.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method served.
    pub method: axum::http::Method,
    /// Every status that it may answer: these series exist, at 0, from the start.
    pub statuses: Vec<u16>,
}

/// The request metrics of all routes.
#[derive(Debug)]
pub struct Requests {
    families: Families,
    unmatched: Arc<RouteSignals>,
}

#[derive(Clone, Debug)]
struct Families {
    requests: Family<RequestLabels, Counter>,
    durations: Family<DurationLabels, Histogram, Buckets>,
    in_flight: Family<RouteLabels, InFlight>,
    shed: Family<RouteLabels, Counter>,
    timeouts: Family<RouteLabels, Counter>,
    panics: Family<RouteLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: MethodLabel,
    route: Arc<str>,
    status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    method: MethodLabel,
    route: Arc<str>,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Arc<str>,
}

impl Families {
    fn register(self, registry: &mut Registry) {
        // In flight first: a request that ends while a scrape reads is then seen both
        // in flight and counted, never neither.
        registry.register(
            "http_requests_in_flight",
            "Requests that have begun and not ended",
            self.in_flight,
        );
        registry.register(
            "http_requests",
            "Requests that ended, by the status of their answer; 499 when the client went away first",
            self.requests,
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's parsed head to the last byte of its answer or the client's going away",
            self.durations,
        );
        registry.register(
            "http_requests_shed",
            "Requests turned away because the concurrency limit and its queue were full",
            self.shed,
        );
        registry.register(
            "http_request_timeouts",
            "Requests that the request timeout ended",
            self.timeouts,
        );
        registry.register(
            "http_request_panics",
            "Requests whose handler panicked",
            self.panics,
        );
    }
}

type InFlight = Gauge<i64, InFlightCount>;

impl Requests {
    /// The metrics of all routes, present and future, exposed by `registry`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let families = Families {
            requests: Family::default(),
            durations: Family::new_with_constructor(Buckets::new(
                buckets::REQUEST_DURATION_SECONDS,
            )),
            in_flight: Family::default(),
            shed: Family::default(),
            timeouts: Family::default(),
            panics: Family::default(),
        };
        let unmatched =
            MethodLabel::ALL.map(|method| (method, vec![404, 405, CLIENT_CLOSED_REQUEST]));
        let unmatched = RouteSignals::new(UNMATCHED, unmatched, &families);
        families.clone().register(registry);
        Self {
            unmatched: Arc::new(unmatched),
            families,
        }
    }

    /// A layer that measures a whole service, whose routes have these paths, whichever
    /// methods they serve: see [`layer`](crate::layer). Requests of other paths are
    /// counted as [`UNMATCHED`].
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use golden_http::requests::Requests;
    /// use prometheus_client::registry::Registry;
    ///
    /// let mut registry = Registry::default();
    /// let requests = Requests::register(&mut registry);
    /// let app: Router = Router::new()
    ///     .route("/hello/{name}", get(async || "hello"))
    ///     .layer(requests.measure(["/hello/{name}"]));
    /// ```
    ///
    /// # Panics
    ///
    /// As axum does, if a path is none, or twice there.
    pub fn measure(&self, paths: impl IntoIterator<Item = &'static str>) -> SignalsLayer {
        let routes = paths.into_iter().fold(Routes::new(self), |routes, path| {
            let any = MethodLabel::ALL.map(|method| (method, Vec::new()));
            let signals = RouteSignals::new(path, any, &self.families);
            routes.route(path, Arc::new(signals), None)
        });
        SignalsLayer::new(routes)
    }

    /// The handles of a new route. `route` is its pattern, never a path that
    /// was requested.
    #[must_use]
    pub fn route(&self, route: &str, operations: &[Operation]) -> Arc<RouteSignals> {
        let operations = operations.iter().map(|operation| {
            let method = MethodLabel::from(&operation.method);
            let mut statuses = operation.statuses.clone();
            statuses.push(CLIENT_CLOSED_REQUEST);
            (method, statuses)
        });
        Arc::new(RouteSignals::new(route, operations, &self.families))
    }

    /// The handles of requests that match no operation.
    #[must_use]
    pub fn unmatched(&self) -> Arc<RouteSignals> {
        Arc::clone(&self.unmatched)
    }
}

/// The handles of one route.
#[derive(Debug)]
pub struct RouteSignals {
    in_flight: InFlight,
    shed: Counter,
    timeouts: Counter,
    panics: Counter,
    /// By [`MethodLabel`]; `None` where the route does not serve the method.
    methods: [Option<Box<MethodSignals>>; MethodLabel::ALL.len()],
}

impl RouteSignals {
    fn new(
        route: &str,
        operations: impl IntoIterator<Item = (MethodLabel, Vec<u16>)>,
        families: &Families,
    ) -> Self {
        let route: Arc<str> = route.into();
        let mut methods = std::array::from_fn(|_| None);
        for (method, statuses) in operations {
            let signals = MethodSignals::new(method, &route, families.clone());
            for status in statuses {
                signals.requests(status);
                signals.durations(Outcome::of(status));
            }
            methods[method as usize] = Some(Box::new(signals));
        }
        let labels = RouteLabels { route };
        Self {
            in_flight: families.in_flight.get_or_create_owned(&labels),
            shed: families.shed.get_or_create_owned(&labels),
            timeouts: families.timeouts.get_or_create_owned(&labels),
            panics: families.panics.get_or_create_owned(&labels),
            methods,
        }
    }

    /// Whether the route serves `method`.
    pub(crate) fn serves(&self, method: MethodLabel) -> bool {
        self.methods[method as usize].is_some()
    }

    pub(crate) fn begin(&self) {
        self.in_flight.inc();
    }

    pub(crate) fn fail(&self, cause: FailureCause) {
        let counter = match cause {
            FailureCause::Shed => &self.shed,
            FailureCause::Timeout => &self.timeouts,
            FailureCause::Panic => &self.panics,
        };
        counter.inc();
    }

    /// Counts the end of a request that [`Self::begin`] began.
    pub(crate) fn end(
        &self,
        method: MethodLabel,
        status: u16,
        seconds: f64,
        trace_id: Option<u128>,
    ) {
        if let Some(signals) = &self.methods[method as usize] {
            signals.requests(status).inc();
            signals
                .durations(Outcome::of(status))
                .observe(seconds, trace_id);
        }
        // Last, so that who sees nothing in flight sees everything counted.
        self.in_flight.dec();
    }
}

/// The handles of one method of a route. A series exists from when its handle is first
/// asked for: those of declared statuses from the start, any other from its first
/// event.
#[derive(Debug)]
struct MethodSignals {
    /// By status, all that HTTP knows: a table needs no look-up and no lock.
    requests: Box<[OnceLock<Counter>]>,
    /// By [`Outcome`].
    durations: [OnceLock<Histogram>; Outcome::ALL.len()],
    method: MethodLabel,
    route: Arc<str>,
    families: Families,
}

impl MethodSignals {
    fn new(method: MethodLabel, route: &Arc<str>, families: Families) -> Self {
        Self {
            requests: STATUSES.map(|_| OnceLock::new()).collect(),
            durations: std::array::from_fn(|_| OnceLock::new()),
            method,
            route: Arc::clone(route),
            families,
        }
    }

    fn requests(&self, status: u16) -> &Counter {
        let index = status_index(status);
        self.requests[index].get_or_init(|| {
            let labels = RequestLabels {
                method: self.method,
                route: Arc::clone(&self.route),
                status: Status::at(index),
            };
            self.families.requests.get_or_create_owned(&labels)
        })
    }

    fn durations(&self, outcome: Outcome) -> &Histogram {
        self.durations[outcome as usize].get_or_init(|| {
            let labels = DurationLabels {
                method: self.method,
                route: Arc::clone(&self.route),
                outcome,
            };
            self.families.durations.get_or_create_owned(&labels)
        })
    }
}

/// The number of a gauge of what is in flight: who reads a fall also sees what was
/// counted before it. The gauge's own atomics promise no order.
#[derive(Debug, Default)]
struct InFlightCount(AtomicI64);

impl gauge::Atomic<i64> for InFlightCount {
    fn inc(&self) -> i64 {
        self.inc_by(1)
    }

    fn inc_by(&self, more: i64) -> i64 {
        self.0.fetch_add(more, Ordering::Relaxed)
    }

    fn dec(&self) -> i64 {
        self.dec_by(1)
    }

    fn dec_by(&self, less: i64) -> i64 {
        self.0.fetch_sub(less, Ordering::Release)
    }

    fn set(&self, value: i64) -> i64 {
        self.0.swap(value, Ordering::Release)
    }

    fn get(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}
