//! How long requests take.

use crate::dashboard::Row;
use crate::field::{Color, Override, Unit};
use crate::graph::{Limits, Style};
use crate::panel::{Panel, graph, heatmap, table};
use crate::query::{FAILED, RANDOM, RANDOM_SUCCESS, SELECTED, SUCCESS};

/// What the objective allows 1 % of the requests to exceed, in seconds.
const OBJECTIVE_S: f64 = 0.5;

pub(super) fn latency() -> Row {
    let panels = vec![
        quantiles(),
        by_instance(),
        by_duration(),
        by_outcome(),
        by_route(),
    ];
    Row::new("Latency", panels)
}

/// Of the metric `http_request_duration_seconds`.
fn quantile(quantile: f64, by: &str, selected: &str) -> String {
    let buckets = format!("http_request_duration_seconds_bucket{selected}");
    format!("histogram_quantile({quantile}, sum by ({by}) (rate({buckets}[$__rate_interval])))")
}

fn quantiles() -> Panel {
    with_objective(graph("Latency of /random", Unit::Seconds))
        .description(
            "Median, 90th and 99th percentile of the successes. The dashed line is the objective: \
             99 % within 0.5 s. If only the top line rises, few users wait long; if all rise, \
             everybody does. Dots are single requests with their trace_id.",
        )
        .link("distributions", "Distributions")
        .query(quantile(0.5, "le", RANDOM_SUCCESS), "p50")
        .exemplars()
        .query(quantile(0.9, "le", RANDOM_SUCCESS), "p90")
        .query(quantile(0.99, "le", RANDOM_SUCCESS), "p99")
}

fn by_instance() -> Panel {
    let quantile = quantile(0.99, "le, instance", RANDOM_SUCCESS);
    with_objective(graph("99th percentile by instance", Unit::Seconds))
        .description(
            "The same quantile for each instance. A single line above the others is an unhealthy \
             instance, which the average of all hides.",
        )
        .query(format!("{quantile} >= 0"), "{{instance}}")
}

fn with_objective(panel: Panel) -> Panel {
    panel
        .colors(Color::Green, [(OBJECTIVE_S, Color::Red)])
        .limits(Limits::Dashed)
        .axis_at_least(0.6)
        .every_s(10)
}

fn by_duration() -> Panel {
    heatmap("Requests to /random by duration", Unit::Seconds)
        .description(
            "How many requests took how long; darker is more. Look for a second band: it means \
             that two kinds of request are mixed, which no average shows.",
        )
        .link("distributions", "Distributions")
        .every_s(10)
        .query(
            format!(
                "sum by (le) (increase(http_request_duration_seconds_bucket{RANDOM}\
                 [$__rate_interval]))"
            ),
            "{{le}}",
        )
        .exemplars()
}

fn by_outcome() -> Panel {
    let sum = format!("rate(http_request_duration_seconds_sum{RANDOM}[$__rate_interval])");
    let count = format!("rate(http_request_duration_seconds_count{RANDOM}[$__rate_interval])");
    graph("Mean duration by outcome", Unit::Seconds)
        .description(
            "How long requests of each outcome take. Errors that are faster than successes make \
             the overall average look better than it is; slow errors are worse than fast ones. An \
             outcome that does not occur has no line.",
        )
        .wide(10, 7)
        .style(Style::LinesAndPoints)
        .every_s(15)
        .query(
            format!("sum by (outcome) ({sum}) / sum by (outcome) ({count}) >= 0"),
            "{{outcome}}",
        )
        .overrides([
            Override::of("success").color(Color::Green),
            Override::of("server_error").color(Color::Red),
            Override::of("client_error").color(Color::Yellow),
            Override::of("cancelled").color(Color::Blue),
        ])
}

fn by_route() -> Panel {
    // Of those that are there now: what stopped a minute ago has no rate of now.
    let now = |expression: String| format!("({expression}) and on () up{SELECTED} == 1");
    let rate = |selected: &str| {
        format!("sum by (route) (rate(http_requests_total{selected}[$__rate_interval]))")
    };
    let (all, failed) = (rate(SELECTED), rate(FAILED));
    let quantile = |q| format!("{} >= 0", quantile(q, "le, route", SUCCESS));
    table("Rate, errors and duration by route", Unit::Short)
        .description(
            "RED at a glance: for each route that had requests, how many a second, the share that \
             failed, and how long half and nearly all of them took. Start with the red cell.",
        )
        .wide(14, 7)
        .every_s(15)
        .query(now(format!("{all} > 0")), "")
        .query(now(format!("({failed} or 0 * {all}) / {all} >= 0")), "")
        .query(now(quantile(0.5)), "")
        .query(now(quantile(0.99)), "")
        .overrides([
            Override::of("Rate")
                .unit(Unit::RequestsPerSecond)
                .decimals(2),
            Override::of("Errors")
                .unit(Unit::Ratio)
                .decimals(2)
                .red_from(0.005),
            Override::of("Median").unit(Unit::Seconds),
            Override::of("99th percentile")
                .unit(Unit::Seconds)
                .red_from(OBJECTIVE_S),
        ])
        .columns(
            &[
                ("route", "Route"),
                ("Value #A", "Rate"),
                ("Value #B", "Errors"),
                ("Value #C", "Median"),
                ("Value #D", "99th percentile"),
            ],
            &["Time"],
        )
        .sorted_by("Rate", true)
}
