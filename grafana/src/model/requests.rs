//! The golden signals of /predict.

use crate::dashboard::Row;
use crate::field::{Color, Unit};
use crate::golden_signals::status_colors;
use crate::graph::{Limits, Style};
use crate::panel::{Panel, graph};
use crate::query::SELECTED;

const PREDICT: &str = r#"{job="$job", instance=~"$instance", route="/predict"}"#;
const SUCCESS: &str = r#"{job="$job", instance=~"$instance", route="/predict", outcome="success"}"#;
const FAILED: &str = r#"{job="$job", instance=~"$instance", route="/predict", status=~"5.."}"#;

pub(super) fn requests() -> Row {
    let panels = vec![traffic(), errors(), latency(), stages(), saturation()];
    Row::new("Golden signals of /predict", panels)
}

fn traffic() -> Panel {
    graph("Requests to /predict by status", Unit::RequestsPerSecond)
        .description(
            "How many questions come and how they ended: 200 is an answer, of the model or of the \
             rules; 422 a question of a wrong type; 5xx none. A change of colour matters more \
             than a change of height.",
        )
        .style(Style::Stacked)
        .every_s(5)
        .query(
            format!(
                "sum by (status) (rate(http_requests_total{PREDICT}[$__rate_interval])) and on \
                 (status) sum by (status) (increase(http_requests_total{PREDICT}[$__range])) > 0"
            ),
            "{{status}}",
        )
        .overrides(status_colors())
        .link("golden-signals", "Golden signals")
}

fn errors() -> Panel {
    let rate = |selected: &str| {
        format!("sum by (instance) (rate(http_requests_total{selected}[$__rate_interval]))")
    };
    let (failed, all) = (rate(FAILED), rate(PREDICT));
    graph("Share of failed predictions by instance", Unit::Ratio)
        .description(
            "Server errors of /predict: neither the model nor the rules answered. A fallback is \
             no error. Above 5% of the whole job, for a minute, PredictFails fires.",
        )
        .colors(Color::Green, [(0.05, Color::Red)])
        .limits(Limits::Dashed)
        .axis_at_least(0.1)
        .every_s(15)
        .query(
            format!("({failed} or 0 * {all}) / {all} >= 0"),
            "{{instance}}",
        )
}

fn latency() -> Panel {
    let quantile = |quantile: f64| {
        format!(
            "histogram_quantile({quantile}, sum by (le) \
             (rate(http_request_duration_seconds_bucket{SUCCESS}[$__rate_interval]))) >= 0"
        )
    };
    graph("Latency of /predict", Unit::Seconds)
        .description(
            "Median, 90th and 99th percentile of the successes. A model that is too slow ends at \
             its timeout, and the rules answer: look at the fallback by reason too.",
        )
        .every_s(10)
        .query(quantile(0.5), "p50")
        .query(quantile(0.9), "p90")
        .query(quantile(0.99), "p99")
}

fn stages() -> Panel {
    graph(
        "Time of a prediction's stages, 99th percentile",
        Unit::Seconds,
    )
    .description(
        "Preparing the features, asking the model, computing the rules. The buckets are \
             powers of ten: a step is a change, a small one is none. The model is waited for as \
             long as --model-timeout says, 20 ms unless it was set.",
    )
    .wide(12, 8)
    .every_s(10)
    .query(
        format!(
            "histogram_quantile(0.99, sum by (stage, le) \
                 (rate(model_inference_duration_seconds_bucket{SELECTED}[$__rate_interval]))) >= 0"
        ),
        "{{stage}}",
    )
}

fn saturation() -> Panel {
    graph("Saturation where predictions are made", Unit::Ratio)
        .description(
            "How full each limited resource of the fullest selected instance is, which /predict \
             shares with all other routes. Which of them fills it is on the dashboard Golden \
             signals.",
        )
        .wide(12, 8)
        .colors(Color::Green, [(0.9, Color::Red)])
        .limits(Limits::Dashed)
        .axis_at_least(1.0)
        .link("golden-signals", "Golden signals")
        .every_s(2)
        // A service without a model has nothing on this dashboard.
        .query(
            format!(
                "max by (resource) (saturation_ratio{SELECTED}) and on () \
                 sum(predictions_total{SELECTED})"
            ),
            "{{resource}}",
        )
}
