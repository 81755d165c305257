//! The request metrics: for each route its handles, resolved once when the
//! route is made, so that a request finds its counters by index. Nothing here
//! runs a request; `layer` does.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, RwLock};

use super::buckets;
use super::labels::{FailureCause, MethodLabel, Outcome, STATUSES, status_index};
use golden_metrics::{Collect, Description, Histogram, Layout, histogram_series, model};

/// Traffic, and errors by status.
pub const REQUESTS: Description = Description {
    name: "http_requests_total",
    help: "Requests that ended, by the status of their answer; 499 when the client went away first",
    kind: model::MetricType::Counter,
};
/// Latency.
pub const REQUEST_DURATION: Description = Description {
    name: "http_request_duration_seconds",
    help: "Time from a request's parsed head to the last byte of its answer or the client's going away",
    kind: model::MetricType::Histogram,
};
/// Begun and not ended.
pub const REQUESTS_IN_FLIGHT: Description = Description {
    name: "http_requests_in_flight",
    help: "Requests that have begun and not ended",
    kind: model::MetricType::Gauge,
};
/// Turned away.
pub const REQUESTS_SHED: Description = Description {
    name: "http_requests_shed_total",
    help: "Requests turned away because the concurrency limit and its queue were full",
    kind: model::MetricType::Counter,
};
/// Ended by the timeout.
pub const REQUEST_TIMEOUTS: Description = Description {
    name: "http_request_timeouts_total",
    help: "Requests that the request timeout ended",
    kind: model::MetricType::Counter,
};
/// Ended by a panic.
pub const REQUEST_PANICS: Description = Description {
    name: "http_request_panics_total",
    help: "Requests whose handler panicked",
    kind: model::MetricType::Counter,
};

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
    layout: Arc<Layout>,
    routes: RwLock<Vec<Arc<RouteSignals>>>,
    unmatched: Arc<RouteSignals>,
}

impl Default for Requests {
    fn default() -> Self {
        let layout = Arc::new(Layout::new(buckets::REQUEST_DURATION_SECONDS));
        let statuses = [404, 405];
        let unmatched = MethodLabel::ALL.map(|method| (method, statuses.to_vec()));
        let unmatched = Arc::new(RouteSignals::new(UNMATCHED, unmatched.into(), &layout));
        Self {
            layout,
            routes: RwLock::new(vec![Arc::clone(&unmatched)]),
            unmatched,
        }
    }
}

impl Requests {
    /// The handles of a new route. `route` is its pattern, never a path that
    /// was requested.
    #[must_use]
    pub fn route(&self, route: &str, operations: &[Operation]) -> Arc<RouteSignals> {
        let operations = operations.iter().map(|operation| {
            (
                MethodLabel::from(&operation.method),
                operation.statuses.clone(),
            )
        });
        let signals = Arc::new(RouteSignals::new(route, operations.collect(), &self.layout));
        let mut routes = self
            .routes
            .write()
            .expect("nothing panics while a route is added");
        routes.push(Arc::clone(&signals));
        signals
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
    route: String,
    in_flight: AtomicI64,
    shed: AtomicU64,
    timeouts: AtomicU64,
    panics: AtomicU64,
    /// By [`MethodLabel`]; `None` where the route does not serve the method.
    methods: [Option<Box<MethodSignals>>; MethodLabel::ALL.len()],
}

/// The handles of one method of a route.
#[derive(Debug)]
struct MethodSignals {
    /// The statuses exposed even at 0.
    declared: Vec<u16>,
    /// By status, all that HTTP knows: a table needs no look-up and no lock.
    requests: Box<[AtomicU64]>,
    /// By [`Outcome`].
    durations: [Histogram; Outcome::ALL.len()],
}

impl RouteSignals {
    fn new(route: &str, operations: Vec<(MethodLabel, Vec<u16>)>, layout: &Arc<Layout>) -> Self {
        let mut methods = std::array::from_fn(|_| None);
        for (method, mut declared) in operations {
            declared.push(super::labels::CLIENT_CLOSED_REQUEST);
            declared.sort_unstable();
            declared.dedup();
            methods[method as usize] = Some(Box::new(MethodSignals {
                declared,
                requests: STATUSES.map(|_| AtomicU64::new(0)).collect(),
                durations: std::array::from_fn(|_| Histogram::new(Arc::clone(layout))),
            }));
        }
        Self {
            route: route.to_owned(),
            in_flight: AtomicI64::new(0),
            shed: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            methods,
        }
    }

    /// Whether the route serves `method`.
    pub(crate) fn serves(&self, method: MethodLabel) -> bool {
        self.methods[method as usize].is_some()
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn fail(&self, cause: FailureCause) {
        let counter = match cause {
            FailureCause::Shed => &self.shed,
            FailureCause::Timeout => &self.timeouts,
            FailureCause::Panic => &self.panics,
        };
        counter.fetch_add(1, Relaxed);
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
            signals.requests[status_index(status)].fetch_add(1, Relaxed);
            signals.durations[Outcome::of(status) as usize].observe(seconds, trace_id);
        }
        // Last, so that who sees nothing in flight sees everything counted.
        self.in_flight
            .fetch_sub(1, std::sync::atomic::Ordering::Release);
    }

    fn methods(&self) -> impl Iterator<Item = (MethodLabel, &MethodSignals)> {
        let labelled = MethodLabel::ALL.into_iter().zip(&self.methods);
        labelled.filter_map(|(label, signals)| Some((label, signals.as_deref()?)))
    }
}

impl MethodSignals {
    /// Each exposed status with its count: the declared ones, and what a
    /// handler answered without having declared it.
    fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = STATUSES
            .zip(&self.requests)
            .map(|(status, count)| (status, count.load(Relaxed)));
        counts.filter(|(status, count)| *count > 0 || self.declared.contains(status))
    }

    /// Each exposed outcome with its durations, by the same rule.
    fn outcomes(&self) -> impl Iterator<Item = (Outcome, &Histogram)> {
        let durations = Outcome::ALL.into_iter().zip(&self.durations);
        durations.filter(|(outcome, histogram)| {
            self.declared
                .iter()
                .any(|&status| Outcome::of(status) == *outcome)
                || histogram.count() > 0
        })
    }
}

impl Collect for Requests {
    fn collect(&self, into: &mut Vec<model::MetricFamily>) {
        let routes = self
            .routes
            .read()
            .expect("nothing panics while a route is added");
        // In flight first: a request that ends meanwhile is then seen both in
        // flight and counted, never neither.
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let number = |counter: &AtomicU64| counter.load(Relaxed) as f64;
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let in_flight = routes.iter().map(|route| {
            let value = route.in_flight.load(std::sync::atomic::Ordering::Acquire) as f64;
            REQUESTS_IN_FLIGHT.sample(&[("route", &route.route)], value)
        });
        into.push(REQUESTS_IN_FLIGHT.family(in_flight.collect()));

        let mut requests = Vec::new();
        let mut durations = Vec::new();
        for route in routes.iter() {
            for (method, signals) in route.methods() {
                let [method, route] =
                    [("method", method.as_str()), ("route", route.route.as_str())];
                for (status, count) in signals.statuses() {
                    let mut digits = [0; 3];
                    let status = decimal(status, &mut digits);
                    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
                    let count = count as f64;
                    requests.push(REQUESTS.sample(&[method, route, ("status", status)], count));
                }
                for (outcome, histogram) in signals.outcomes() {
                    let labels = [method, route, ("outcome", outcome.as_str())];
                    durations.push(histogram_series(&labels, histogram));
                }
            }
        }
        into.push(REQUESTS.family(requests));
        into.push(REQUEST_DURATION.family(durations));

        type Causes = [(Description, fn(&RouteSignals) -> &AtomicU64); 3];
        let causes: Causes = [
            (REQUESTS_SHED, |route| &route.shed),
            (REQUEST_TIMEOUTS, |route| &route.timeouts),
            (REQUEST_PANICS, |route| &route.panics),
        ];
        for (description, counter) in causes {
            let series = routes.iter().map(|route| {
                description.sample(&[("route", &route.route)], number(counter(route)))
            });
            into.push(description.family(series.collect()));
        }
    }
}

/// The three digits of a status.
fn decimal(status: u16, digits: &mut [u8; 3]) -> &str {
    let mut rest = status;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
