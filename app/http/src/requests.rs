//! The request metrics: for each route its handles, each resolved once, so that a
//! request finds its counters by index. Nothing here runs a request; `layer` does.
//!
//! Few series exist from the start ([`FromTheStart`]): a page of zeros is one that
//! nobody reads. Any other is born with its first event, with a created timestamp from
//! which Prometheus knows that it was at 0 before.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use golden_metrics::{Buckets, Counter, Histogram, LateBorn};
use prometheus_client::encoding::EncodeLabelSet;
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
    /// Every status that it may answer.
    pub statuses: Vec<u16>,
}

/// The series of a route that exist, at 0, before its first request. Those of HEAD never
/// do: it is served wherever GET is, and hardly anybody sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromTheStart {
    /// All that its operations may bring about. For the service's work: who looks for
    /// its signals is to find all of them, and a failure that never occurred as a 0.
    Everything,
    /// The counters of successes: they name the route and its methods.
    Successes,
}

/// The request metrics of all routes.
#[derive(Debug)]
pub struct Requests {
    families: Families,
    unmatched: Arc<RouteSignals>,
}

#[derive(Clone, Debug)]
struct Families {
    requests: Family<RequestLabels, Counter, LateBorn>,
    durations: Family<DurationLabels, Histogram, LateBorn<Buckets>>,
    in_flight: Family<RouteLabels, InFlight>,
    shed: Family<RouteLabels, Counter, LateBorn>,
    timeouts: Family<RouteLabels, Counter, LateBorn>,
    panics: Family<RouteLabels, Counter, LateBorn>,
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
        let durations = LateBorn::histograms(Buckets::new(buckets::REQUEST_DURATION_SECONDS));
        let families = Families {
            requests: Family::new_with_constructor(LateBorn::counters()),
            durations: Family::new_with_constructor(durations),
            in_flight: Family::default(),
            shed: Family::new_with_constructor(LateBorn::counters()),
            timeouts: Family::new_with_constructor(LateBorn::counters()),
            panics: Family::new_with_constructor(LateBorn::counters()),
        };
        let unmatched = RouteSignals::new(UNMATCHED, MethodLabel::ALL, &families);
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
            let signals = RouteSignals::new(path, MethodLabel::ALL, &self.families);
            routes.route(path, Arc::new(signals), None)
        });
        SignalsLayer::new(routes)
    }

    /// The handles of a new route. `route` is its pattern, never a path that
    /// was requested.
    #[must_use]
    pub fn route(
        &self,
        route: &str,
        operations: &[Operation],
        from_the_start: FromTheStart,
    ) -> Arc<RouteSignals> {
        let methods = operations.iter().map(|operation| &operation.method);
        let methods = methods.map(MethodLabel::from);
        let signals = RouteSignals::new(route, methods, &self.families);
        signals.begin_to_exist(operations, from_the_start);
        Arc::new(signals)
    }

    /// The handles of requests that match no operation.
    #[must_use]
    pub fn unmatched(&self) -> Arc<RouteSignals> {
        Arc::clone(&self.unmatched)
    }
}

/// The handles of one route. A series exists from when its handle is first asked for.
#[derive(Debug)]
pub struct RouteSignals {
    in_flight: OnceLock<InFlight>,
    /// By [`FailureCause`].
    failures: [OnceLock<Counter>; FailureCause::ALL.len()],
    /// By [`MethodLabel`]; `None` where the route does not serve the method.
    methods: [Option<Box<MethodSignals>>; MethodLabel::ALL.len()],
    route: Arc<str>,
    families: Families,
}

impl RouteSignals {
    fn new(
        route: &str,
        served: impl IntoIterator<Item = MethodLabel>,
        families: &Families,
    ) -> Self {
        let route: Arc<str> = route.into();
        let mut methods = std::array::from_fn(|_| None);
        for method in served {
            let signals = MethodSignals::new(method, &route, families.clone());
            methods[method as usize] = Some(Box::new(signals));
        }
        Self {
            in_flight: OnceLock::new(),
            failures: std::array::from_fn(|_| OnceLock::new()),
            methods,
            route,
            families: families.clone(),
        }
    }

    /// Asks for the handles whose series are to exist from the start.
    fn begin_to_exist(&self, operations: &[Operation], from_the_start: FromTheStart) {
        let everything = from_the_start == FromTheStart::Everything;
        for Operation { method, statuses } in operations {
            let method = MethodLabel::from(method);
            let Some(signals) = self.method(method).filter(|_| method != MethodLabel::Head) else {
                continue;
            };
            if everything {
                for &status in statuses.iter().chain(&[CLIENT_CLOSED_REQUEST]) {
                    signals.requests(status);
                    signals.durations(Outcome::of(status));
                }
            } else {
                for &status in statuses
                    .iter()
                    .filter(|status| (200..300).contains(*status))
                {
                    signals.requests(status);
                }
            }
        }
        if everything {
            self.in_flight();
            for cause in FailureCause::ALL {
                self.failures(cause);
            }
        }
    }

    fn method(&self, method: MethodLabel) -> Option<&MethodSignals> {
        self.methods[method as usize].as_deref()
    }

    fn labels(&self) -> RouteLabels {
        let route = Arc::clone(&self.route);
        RouteLabels { route }
    }

    fn in_flight(&self) -> &InFlight {
        let family = &self.families.in_flight;
        self.in_flight
            .get_or_init(|| family.get_or_create_owned(&self.labels()))
    }

    fn failures(&self, cause: FailureCause) -> &Counter {
        let family = match cause {
            FailureCause::Shed => &self.families.shed,
            FailureCause::Timeout => &self.families.timeouts,
            FailureCause::Panic => &self.families.panics,
        };
        self.failures[cause as usize].get_or_init(|| family.get_or_create_owned(&self.labels()))
    }

    /// Whether the route serves `method`.
    pub(crate) fn serves(&self, method: MethodLabel) -> bool {
        self.method(method).is_some()
    }

    pub(crate) fn begin(&self) {
        self.in_flight().inc();
    }

    pub(crate) fn fail(&self, cause: FailureCause) {
        self.failures(cause).inc();
    }

    /// Counts the end of a request that [`Self::begin`] began.
    pub(crate) fn end(
        &self,
        method: MethodLabel,
        status: u16,
        seconds: f64,
        trace_id: Option<u128>,
    ) {
        if let Some(signals) = self.method(method) {
            signals.requests(status).inc();
            signals
                .durations(Outcome::of(status))
                .observe(seconds, trace_id);
        }
        // Last, so that who sees nothing in flight sees everything counted.
        self.in_flight().dec();
    }
}

/// The handles of one method of a route. Only the first event of a series takes a lock,
/// that of its family, and only for the time of adding it.
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
