//! What a panel of each golden signal must show, and what it shows instead if
//! it is wrong in one of the usual ways.

use crate::promtool::Outcome;

/// A golden signal.
pub(super) struct Signal {
    /// As in "the share of requests that fail".
    pub(super) what: &'static str,
    /// The finding if no panel has anything to do with it.
    pub(super) missing: &'static str,
    /// Metrics that a panel of it would use, the likeliest words first.
    pub(super) words: &'static [&'static [&'static str]],
    /// What of the series that a query returns is compared.
    pub(super) reduction: Reduction,
    /// Queries that are right.
    pub(super) right: &'static [&'static str],
    /// Queries that are wrong.
    pub(super) wrong: &'static [Wrong],
    /// Grafana's units by how much the value is scaled; none: any will do.
    pub(super) units: &'static [(f64, &'static [&'static str])],
}

/// A known mistake.
pub(super) struct Wrong {
    pub(super) query: &'static str,
    pub(super) id: &'static str,
    pub(super) asks: &'static str,
}

/// One number of what a query returns.
#[derive(Clone, Copy)]
pub(super) enum Reduction {
    /// All series added: the panel may show them apart.
    Sum,
    /// The only one.
    Only,
    /// The highest.
    Highest,
}

impl Reduction {
    pub(super) fn of(self, outcome: &Outcome) -> Option<f64> {
        let series = outcome.as_ref().ok()?;
        let values = series.iter().map(|one| one.value);
        match (self, series.len()) {
            (_, 0) => None,
            (Self::Sum, _) => Some(values.sum()),
            (Self::Only, 1) => series.first().map(|one| one.value),
            (Self::Only, _) => None,
            (Self::Highest, _) => values.reduce(f64::max),
        }
    }
}

const SECONDS: &[(f64, &[&str])] = &[(1.0, &["s", "dtdurations"]), (1000.0, &["ms"])];
const SHARE: &[(f64, &[&str])] = &[(1.0, &["percentunit"]), (100.0, &["percent"])];

const PER_WINDOW: &str =
    "That is as many as come in a whole window, or in a minute. Per second was asked for.";
const BOTH: &str = "That is two services together. On whose dashboard would you look for the one that has the problem?";
const QUICK_ERRORS: &str = "While errors are quick, the service looks quicker the more of them there are. Whose times should be in there?";

/// In the order of the course; the median apart from the tail.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        what: "traffic: requests per second",
        missing: "no-traffic",
        words: &[
            &["http_requests_total"],
            &["http_request_duration_seconds_count"],
        ],
        reduction: Reduction::Sum,
        right: &[
            r#"sum(rate(http_requests_total{job="student"}[1m]))"#,
            r#"sum(rate(http_requests_total{job="student",route="/random"}[1m]))"#,
        ],
        wrong: &[
            Wrong {
                query: r#"sum(http_requests_total{job="student"})"#,
                id: "no-rate",
                asks: "It rises and rises, as counters do. Is there more traffic at night than in the morning, because the number is higher?",
            },
            Wrong {
                query: "sum(rate(http_requests_total[1m]))",
                id: "both-services",
                asks: BOTH,
            },
            Wrong {
                query: r#"sum(increase(http_requests_total{job="student"}[1m]))"#,
                id: "per-window",
                asks: PER_WINDOW,
            },
            Wrong {
                query: r#"sum(increase(http_requests_total{job="student"}[20s]))"#,
                id: "per-window",
                asks: PER_WINDOW,
            },
        ],
        units: &[],
    },
    Signal {
        what: "errors: the share of requests answered with 5xx",
        missing: "no-errors",
        words: &[
            &["http_requests_total", "5"],
            &["http_requests_total", "status"],
            &["outcome", "error"],
        ],
        reduction: Reduction::Only,
        right: &[
            r#"sum(rate(http_requests_total{job="student",status=~"5.."}[1m])) / sum(rate(http_requests_total{job="student"}[1m]))"#,
            r#"sum(rate(http_requests_total{job="student",route="/random",status=~"5.."}[1m])) / sum(rate(http_requests_total{job="student",route="/random"}[1m]))"#,
        ],
        wrong: &[
            Wrong {
                query: r#"sum(rate(http_requests_total{job="student",status=~"5.."}[1m]))"#,
                id: "not-a-share",
                asks: "So many fail in each second. Is that much? It depends on something that the panel does not show.",
            },
            Wrong {
                query: r#"sum(rate(http_requests_total{job="student",status!="200"}[1m])) / sum(rate(http_requests_total{job="student"}[1m]))"#,
                id: "counts-clients",
                asks: "Requests for what does not exist are in there. Whose fault are they?",
            },
            Wrong {
                query: r#"sum(rate(http_requests_total{job="student",status="500"}[1m])) / sum(rate(http_requests_total{job="student"}[1m]))"#,
                id: "only-500",
                asks: "Some of the failed requests were answered with 503. Are they in?",
            },
            Wrong {
                query: r#"sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))"#,
                id: "both-services",
                asks: BOTH,
            },
        ],
        units: SHARE,
    },
    Signal {
        what: "latency: the median of the successful requests",
        missing: "no-median",
        words: &[
            &["0.5,", "duration_seconds"],
            &["0.50", "duration_seconds"],
            &["duration_seconds_sum"],
        ],
        reduction: Reduction::Only,
        right: &[
            r#"histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{job="student",outcome="success"}[1m])))"#,
        ],
        wrong: &[
            Wrong {
                query: r#"histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{job="student"}[1m])))"#,
                id: "errors-hide",
                asks: QUICK_ERRORS,
            },
            Wrong {
                query: r#"sum(rate(http_request_duration_seconds_sum{job="student",outcome="success"}[1m])) / sum(rate(http_request_duration_seconds_count{job="student",outcome="success"}[1m]))"#,
                id: "average",
                asks: "That is the average. Who has waited that long?",
            },
            Wrong {
                query: r#"histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket{outcome="success"}[1m])))"#,
                id: "both-services",
                asks: BOTH,
            },
        ],
        units: SECONDS,
    },
    Signal {
        what: "latency: the 99th percentile of the successful requests",
        missing: "no-tail",
        words: &[
            &["0.99", "duration_seconds"],
            &["0.9", "duration_seconds"],
            &["99", "duration_seconds"],
        ],
        reduction: Reduction::Only,
        right: &[
            r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="student",outcome="success"}[1m])))"#,
        ],
        wrong: &[
            Wrong {
                query: r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="student"}[1m])))"#,
                id: "errors-hide",
                asks: QUICK_ERRORS,
            },
            Wrong {
                query: r#"avg(histogram_quantile(0.99, sum by (le, instance) (rate(http_request_duration_seconds_bucket{job="student",outcome="success"}[1m]))))"#,
                id: "average-of-quantiles",
                asks: "The average of two instances' percentiles is the percentile of nobody. What can be added up?",
            },
            Wrong {
                query: r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{outcome="success"}[1m])))"#,
                id: "both-services",
                asks: BOTH,
            },
        ],
        units: SECONDS,
    },
    Signal {
        what: "saturation: how full the fullest resource is",
        missing: "no-saturation",
        words: &[&["saturation_ratio"], &["in_flight"]],
        reduction: Reduction::Highest,
        right: &[r#"max(saturation_ratio{job="student"})"#],
        wrong: &[
            Wrong {
                query: r#"avg(saturation_ratio{job="student"})"#,
                id: "mean-of-resources",
                asks: "One resource of one instance is nearly full, and the others are not. Does that help it?",
            },
            Wrong {
                query: r#"max(saturation_ratio{job="student",resource="memory"})"#,
                id: "one-resource",
                asks: "One resource is nearly full. Is it the one that you look at?",
            },
            Wrong {
                query: r#"max(http_requests_in_flight{job="student"})"#,
                id: "in-flight",
                asks: "So many are in flight. Is that much, for this service?",
            },
            Wrong {
                query: "max(saturation_ratio)",
                id: "both-services",
                asks: BOTH,
            },
        ],
        units: SHARE,
    },
];
