//! Traffic, latency, errors and saturation of the service, one row each, and its objectives;
//! latency and objectives are in files of their own.

use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Override, Unit};
use crate::graph::{Limits, Style};
use crate::panel::{graph, stat};
use crate::query::{FAILED, JOB, RANDOM, RANDOM_FAILED, RANDOM_SUCCESS, SELECTED};
use crate::variable::Variable;

mod latency;
mod objectives;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "golden-signals",
        "Golden signals",
        "Traffic, latency, errors and saturation of the service, one row each, and what they mean \
         for its objectives.",
        vec![
            Variable::service(r#"http_requests_total{route="/random"}"#),
            Variable::instances(),
        ],
        vec![
            now(),
            traffic(),
            latency::latency(),
            errors(),
            saturation(),
            objectives::objectives(),
        ],
    )
    .live_page()
}

fn now() -> Row {
    Row::new(
        "Now",
        vec![
            stat("Traffic", Unit::RequestsPerSecond)
                .description(
                    "Requests per second to /random in the last minute, as the alerts compute it. \
                     With no instance that answers a scrape there is no data.",
                )
                .decimals(1)
                .query(
                    format!(
                        "sum(rate(http_requests_total{RANDOM}[1m])) and on () up{SELECTED} == 1"
                    ),
                    "requests/s",
                ),
            stat("Latency, 99th percentile", Unit::Seconds)
                .description(
                    "One in a hundred requests to /random of the last minute took longer than \
                     this; successes only, since an error can be fast. Red beyond 1 s, where \
                     LatencyTailLong fires. With no request, or no instance that answers a \
                     scrape, there is no data.",
                )
                .decimals(1)
                .colors(Color::Green, [(1.0, Color::Red)])
                .link("distributions", "Distributions")
                .query(
                    format!(
                        "histogram_quantile(0.99, sum by (le) \
                         (rate(http_request_duration_seconds_bucket{RANDOM_SUCCESS}[1m]))) >= 0 \
                         and on () up{SELECTED} == 1"
                    ),
                    "p99",
                ),
            stat("Errors", Unit::Ratio)
                .description(
                    "Share of the requests to /random of the last minute that failed with a \
                     server error. Red beyond 5%, where ErrorRatioHigh fires; the objective, over \
                     days, is 0.5%. With no request, or no instance that answers a scrape, there \
                     is no data.",
                )
                .decimals(2)
                .colors(Color::Green, [(0.05, Color::Red)])
                .query(
                    format!(
                        "(sum(rate(http_requests_total{RANDOM_FAILED}[1m])) or 0 * \
                         sum(rate(http_requests_total{RANDOM}[1m]))) / \
                         (sum(rate(http_requests_total{RANDOM}[1m])) > 0) and on () up{SELECTED} \
                         == 1"
                    ),
                    "failed",
                ),
            stat("Saturation", Unit::Ratio)
                .description(
                    "The fullest resource of the fullest instance. The row Saturation shows which \
                     one it is; answers get slow before it reaches 100 %.",
                )
                .decimals(1)
                .between(0.0, 1.0)
                .colors(Color::Green, [(0.9, Color::Red)])
                .query(format!("max(saturation_ratio{SELECTED})"), "fullest"),
            stat("Instances up", Unit::Plain)
                .description(
                    "How many instances of the job answered their last scrape, whatever is \
                     selected above. If there are fewer than you started, look at Prometheus' \
                     page Targets.",
                )
                .decimals(0)
                .colors(Color::Red, [(1.0, Color::Green)])
                .query(format!("sum(up{JOB})"), "up"),
            stat("Alerts firing", Unit::Plain)
                .description(
                    "Alerts of this job and of the whole stack that are firing. The dashboard \
                     Alerts and incidents shows which, and since when.",
                )
                .decimals(0)
                .colors(Color::Green, [(1.0, Color::Red)])
                .plain_link("alerts", "Alerts and incidents")
                .query(
                    r#"count(ALERTS{alertstate="firing", level!="0", job=~"$job|"}) or vector(0)"#,
                    "firing",
                ),
        ],
    )
}

fn traffic() -> Row {
    Row::new(
        "Traffic",
        vec![
            graph("Requests by route", Unit::RequestsPerSecond)
                .description(
                    "Requests a second to each route. Routes without a request in the range shown \
                     are left out; /metrics is Prometheus itself, /healthz and /readyz are \
                     probes.",
                )
                .style(Style::Stacked)
                .every_s(5)
                .query(
                    format!(
                        "sum by (route) (rate(http_requests_total{SELECTED}[$__rate_interval])) \
                         and on (route) sum by (route) \
                         (increase(http_requests_total{SELECTED}[$__range])) > 0"
                    ),
                    "{{route}}",
                )
                // Whatever other routes there are.
                .overrides([Override::of("/random").color(Color::Blue)]),
            graph("Requests to /random by status", Unit::RequestsPerSecond)
                .description(
                    "The same traffic by how it ended: 200 is a success, 499 a client that \
                     disconnected, 500 an error, 503 shed because the service was full, 504 timed \
                     out. A change of colour matters more than a change of height.",
                )
                .style(Style::Stacked)
                .every_s(5)
                .query(
                    format!(
                        "sum by (status) (rate(http_requests_total{RANDOM}[$__rate_interval])) \
                         and on (status) sum by (status) \
                         (increase(http_requests_total{RANDOM}[$__range])) > 0"
                    ),
                    "{{status}}",
                )
                .overrides(status_colors()),
            graph("Requests to /random by instance", Unit::RequestsPerSecond)
                .description(
                    "Whether the instances share the work. One that gets no requests is not found \
                     by the load balancer; one that gets all of them is alone.",
                )
                .every_s(5)
                .query(
                    format!(
                        "sum by (instance) (rate(http_requests_total{RANDOM}[$__rate_interval]))"
                    ),
                    "{{instance}}",
                ),
        ],
    )
}

fn errors() -> Row {
    Row::new(
        "Errors",
        vec![
            graph("Share of failed requests by route", Unit::Ratio)
                .description(
                    "Server errors of each route. Above the dashed line the objective of 99.5 % \
                     is being missed. A few single errors do not matter: what counts is whether \
                     it stays there.",
                )
                .colors(Color::Green, [(0.005, Color::Red)])
                .limits(Limits::Dashed)
                .axis_at_least(0.01)
                .every_s(15)
                .query(
                    format!(
                        "(sum by (route) (rate(http_requests_total{FAILED}[$__rate_interval])) or \
                         0 * sum by (route) \
                         (rate(http_requests_total{SELECTED}[$__rate_interval]))) / sum by \
                         (route) (rate(http_requests_total{SELECTED}[$__rate_interval])) >= 0"
                    ),
                    "{{route}}",
                ),
            graph(
                "Failed requests to /random by status",
                Unit::RequestsPerSecond,
            )
            .description(
                "The kind of failure: 500 the handler's own, 503 shed because the service was \
                 full, 504 timed out, 499 a client that disconnected (not the service's \
                 error, but ask why it left).",
            )
            .axis_at_least(0.1)
            .every_s(15)
            .query(
                "sum by (status) (rate(http_requests_total{job=\"$job\", \
                 instance=~\"$instance\", route=\"/random\", \
                 status=~\"499|5..\"}[$__rate_interval]))",
                "{{status}}",
            )
            .overrides(status_colors()),
            graph(
                "Failures that are not the handler's",
                Unit::RequestsPerSecond,
            )
            .description(
                "Requests shed because the service was full, cut off at the timeout, or lost \
                 to a panic. It should be flat at zero; for shed requests see the row \
                 Saturation.",
            )
            .axis_at_least(0.1)
            .every_s(15)
            .query(
                format!("sum(rate(http_requests_shed_total{SELECTED}[$__rate_interval]))"),
                "shed",
            )
            .query(
                format!("sum(rate(http_request_timeouts_total{SELECTED}[$__rate_interval]))"),
                "timed out",
            )
            .query(
                format!("sum(rate(http_request_panics_total{SELECTED}[$__rate_interval]))"),
                "panicked",
            ),
        ],
    )
}

fn saturation() -> Row {
    Row::new(
        "Saturation",
        vec![
            graph("Saturation by resource", Unit::Ratio)
                .description(
                    "How full each limited resource is, on the fullest of the selected instances. \
                     The highest line is the saturation: the resource to enlarge first, and the \
                     one that will fail requests next.",
                )
                .colors(Color::Green, [(0.9, Color::Red)])
                .limits(Limits::Dashed)
                .axis_at_least(1.0)
                .link("process", "Process")
                .every_s(2)
                .query(
                    format!("max by (resource) (saturation_ratio{SELECTED})"),
                    "{{resource}}",
                ),
            graph("Saturation by instance", Unit::Ratio)
                .description(
                    "The fullest resource of each instance. Lines that diverge mean that the work \
                     is not shared evenly.",
                )
                .colors(Color::Green, [(0.9, Color::Red)])
                .limits(Limits::Dashed)
                .axis_at_least(1.0)
                .every_s(2)
                .query(
                    format!("max by (instance) (saturation_ratio{SELECTED})"),
                    "{{instance}}",
                ),
            graph("Requests in flight", Unit::Short)
                .description(
                    "Requests that have begun and not yet ended: traffic times duration (Little's \
                     law). If it grows while traffic does not, requests have become slower.",
                )
                .every_s(2)
                .query(
                    format!(
                        "sum by (route) (http_requests_in_flight{SELECTED}) and on (route) sum by \
                         (route) (increase(http_requests_total{SELECTED}[$__range])) > 0"
                    ),
                    "{{route}}",
                ),
        ],
    )
}

/// The kinds of answers, the same on all dashboards.
pub(crate) fn status_colors() -> [Override; 6] {
    [
        Override::matching("/^2../").color(Color::Green),
        Override::matching("/^3../").color(Color::Blue),
        Override::matching("/^4../").color(Color::Yellow),
        Override::of("500").color(Color::Red),
        Override::of("503").color(Color::Orange),
        Override::of("504").color(Color::Purple),
    ]
}
