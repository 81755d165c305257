//! The model behind /predict, in the order in which to ask: do its answers agree with what came
//! out, are they distributed as they should be, who gives them, what else is odd, are its inputs
//! whole, does it answer in time, and whom does it fail? The first two questions are in files of
//! their own, and so is how requests fare.
//!
//! What rules record is of the whole job, since the alerts are; the rest is of the instances
//! that are selected.

use crate::dashboard::{Dashboard, Row};
use crate::field::{Color, Override, Unit};
use crate::graph::{Limits, Style};
use crate::panel::{Panel, graph, stat};
use crate::query::{JOB, SELECTED};
use crate::variable::Variable;

mod inputs;
mod outcomes;
mod requests;
mod responses;

/// Those of the model, not of the rules.
const BY_MODEL: &str = r#"{job="$job", instance=~"$instance", by="model"}"#;
/// Those of the rules.
const BY_RULES: &str = r#"{job="$job", instance=~"$instance", by="rules"}"#;

pub(crate) fn dashboard() -> Dashboard {
    Dashboard::new(
        "model",
        "Model",
        "The model behind /predict, in the order in which to ask: outcomes, responses, fallback, \
         heuristics, inputs, requests, segments.",
        vec![
            Variable::service("predictions_total"),
            Variable::instances(),
        ],
        vec![
            now(),
            outcomes::outcomes(),
            responses::responses(),
            fallback(),
            heuristics(),
            inputs::inputs(),
            requests::requests(),
            segments(),
        ],
    )
    .marks("severity", "{{job}} {{feature}}")
    .live_page()
}

fn now() -> Row {
    let panels = vec![
        stat("Accuracy", Unit::Ratio)
            .description(
                "Share of the model's labelled predictions of ten minutes that were right. Labels \
                 come late: these are predictions of some time ago. Of wines held out from \
                 training it is 76%.",
            )
            .decimals(1)
            .query(
                of_the_living(r#"job_by:prediction_outcomes:accuracy10m{job="$job", by="model"}"#),
                "right",
            ),
        stat("Brier score", Unit::Plain)
            .description(
                "Mean squared difference between the model's score and the label, over ten \
                 minutes: 0 is perfect, 0.25 is a coin. It notices what accuracy does not, a \
                 score that is too sure.",
            )
            .decimals(3)
            .query(
                of_the_living(r#"job_by:prediction_squared_error:mean10m{job="$job", by="model"}"#),
                "Brier",
            ),
        stat("Shift beyond chance", Unit::Plain)
            .description(
                "How far the scores of five minutes are from their reference (Kolmogorov-Smirnov), \
                 less what chance explains of so many answers; negative while chance explains all \
                 of it. Red from 0.1 on, where ResponsesShifted fires.",
            )
            .decimals(2)
            .colors(Color::Green, [(0.1, Color::Red)])
            .query(
                of_the_living(&format!(
                    "(job:prediction_score:ks5m{JOB} - job:prediction_score:ks_floor5m{JOB})"
                )),
                "shift",
            ),
        stat("Largest decile", Unit::Ratio)
            .description(
                "Share of the scores of two minutes that the fullest decile has; a tenth should \
                 be in each. Red beyond 90%, where ModelAnswersAlike fires. Of fewer than 50 \
                 answers there is no data: it would be chance.",
            )
            .decimals(1)
            .colors(Color::Green, [(0.9, Color::Red)])
            .query(
                of_the_living(&format!(
                    "job:prediction_decile:largest_share2m{JOB} and on (job) sum by (job) \
                     (increase(predictions_total{JOB}[2m])) >= 50"
                )),
                "largest",
            ),
        stat("By the rules", Unit::Ratio)
            .description(
                "Share of the predictions of the last minute that business rules made, because \
                 the model did not answer. Red beyond 5%, where ModelFallback fires; the row \
                 Fallback says why.",
            )
            .decimals(1)
            .colors(Color::Green, [(0.05, Color::Red)])
            .query(
                of_the_living(&format!("job:predictions_fallback:ratio_rate1m{JOB}")),
                "rules",
            ),
        stat("Feature missing", Unit::Ratio)
            .description(
                "Share of the questions of five minutes without the feature that is missing most; \
                 its average stands in. Red beyond 1%, where FeatureMissing fires; the row Inputs \
                 says which feature.",
            )
            .decimals(1)
            .colors(Color::Green, [(0.01, Color::Red)])
            .query(
                format!(
                    "max(job_feature:model_feature_missing:ratio_rate5m{JOB}) and on () up{JOB} \
                     == 1"
                ),
                "missing",
            ),
        stat("Out of range", Unit::Ratio)
            .description(
                "Share of the questions of five minutes in which the feature that is worst was \
                 beyond what training has seen. Red beyond 5%, where FeatureOutOfRange fires; a \
                 changed unit looks like this.",
            )
            .decimals(1)
            .colors(Color::Green, [(0.05, Color::Red)])
            .query(
                format!("max({}) and on () up{JOB} == 1", inputs::out_of_range()),
                "out of range",
            ),
        stat("Failed predictions", Unit::Ratio)
            .description(
                "Share of the requests to /predict of the last minute that failed with a server \
                 error: neither model nor rules answered. Red beyond 5%, where PredictFails \
                 fires.",
            )
            .decimals(2)
            .colors(Color::Green, [(0.05, Color::Red)])
            .query(
                of_the_living(
                    r#"job_route:http_requests_failed:ratio_rate1m{job="$job", route="/predict"}"#,
                ),
                "failed",
            ),
    ];
    let panels = panels.into_iter().map(|panel: Panel| panel.wide(3, 4));
    Row::new(
        "Now, of the whole job, in the order in which to ask",
        panels.collect(),
    )
}

/// While an instance answers: what a rule last said of a job stays for a window.
fn of_the_living(expression: &str) -> String {
    format!("{expression} and on (job) up{JOB} == 1")
}

fn fallback() -> Row {
    Row::new(
        "Fallback",
        vec![
            graph("Share answered by the rules", Unit::Ratio)
                .description(
                    "Predictions of the whole job that the business rules made. Users hardly \
                     notice; their answers are worse. Beyond 5% ModelFallback fires.",
                )
                .wide(12, 8)
                .colors(Color::Green, [(0.05, Color::Red)])
                .limits(Limits::Solid)
                .axis_at_least(0.1)
                .every_s(5)
                .query(
                    format!("job:predictions_fallback:ratio_rate1m{JOB}"),
                    "rules",
                ),
            graph("Fallback by reason", Unit::OperationsPerSecond)
                .description(
                    "Why the rules answered: absent, the model is not loaded; timeout, it took \
                     longer than --model-timeout; error and nan, its answer was none; stale, what \
                     is known of the wine is older than ten minutes.",
                )
                .wide(12, 8)
                .style(Style::Stacked)
                .axis_at_least(0.1)
                .every_s(5)
                .query(
                    format!(
                        "sum by (reason) (rate(predictions_total{BY_RULES}[$__rate_interval]))"
                    ),
                    "{{reason}}",
                ),
        ],
    )
}

fn heuristics() -> Row {
    // The bound is at which an answer becomes good.
    let up_to_half = r#"{job="$job", instance=~"$instance", le="0.5"}"#;
    let reference = r#"{job="$job", bound="0.5"}"#;
    Row::new(
        "Heuristics",
        vec![
            graph("Disagreements with the rules", Unit::Ratio)
                .description(
                    "Share of the model's predictions that the rules, computed beside it, would \
                     have decided otherwise. No label is needed. Its height means little; a step \
                     means that the model, the rules or the wines have changed.",
                )
                .wide(12, 8)
                .every_s(5)
                .query(
                    format!(
                        "sum(rate(prediction_rule_disagreements_total{SELECTED}[5m])) / \
                         (sum(rate(predictions_total{BY_MODEL}[5m])) > 0)"
                    ),
                    "disagreements",
                ),
            graph("Share answered good", Unit::Ratio)
                .description(
                    "Predictions with a score above 0.5, and what share of the wines held out \
                     from training had one. Without any label it says whether the model has \
                     become more generous or stricter, or other wines have come.",
                )
                .wide(12, 8)
                .between(0.0, 1.0)
                .every_s(5)
                .query(
                    format!(
                        "1 - sum(rate(prediction_score_bucket{up_to_half}[5m])) / \
                         (sum(rate(prediction_score_count{SELECTED}[5m])) > 0)"
                    ),
                    "good",
                )
                .query(
                    format!("1 - max(prediction_score_reference_ratio{reference})"),
                    "good, held out",
                )
                .overrides([Override::of("good, held out").color(Color::Blue).dashed()]),
        ],
    )
}

fn segments() -> Row {
    let by_segment =
        |selected: &str| format!("sum by (segment) (rate(predictions_total{selected}[5m]))");
    let labelled = |predicted: &str, actual: &str| {
        format!(
            "sum by (segment) (rate(prediction_outcomes_total{{job=\"$job\", \
             instance=~\"$instance\", by=\"model\", predicted=\"{predicted}\", \
             actual=\"{actual}\"}}[5m]))"
        )
    };
    let panels = vec![
        graph("Predictions by segment", Unit::OperationsPerSecond)
            .description(
                "Who asks. If the shares of the segments change, so may the distribution of the \
                 scores, and neither the model nor its inputs are at fault.",
            )
            .style(Style::Stacked)
            .every_s(5)
            .query(
                format!("sum by (segment) (rate(predictions_total{SELECTED}[$__rate_interval]))"),
                "{{segment}}",
            ),
        graph("Answered by the rules, by segment", Unit::Ratio)
            .description(
                "Share of each segment's predictions of five minutes that the rules made. One \
                 line above the others is a sender whose questions the model cannot answer.",
            )
            .axis_at_least(0.1)
            .every_s(5)
            .query(
                format!("{} / ({} > 0)", by_segment(BY_RULES), by_segment(SELECTED)),
                "{{segment}}",
            ),
        graph("Accuracy by segment", Unit::Ratio)
            .description(
                "Share of the model's labelled predictions of five minutes that were right. A \
                 segment that the average of all hides; the smallest one jumps, since it has few \
                 labels.",
            )
            .between(0.0, 1.0)
            .every_s(5)
            .query(
                format!(
                    "({} + {}) / (sum by (segment) (rate(prediction_outcomes_total{BY_MODEL}[5m])) \
                     > 0)",
                    labelled("good", "good"),
                    labelled("bad", "bad")
                ),
                "{{segment}}",
            ),
        graph("Less often right than all, beyond chance", Unit::Ratio)
            .description(
                "By how much the model was less often right for this segment than for all, over \
                 ten minutes, less what chance explains of so few labels; negative while chance \
                 explains all of it. Beyond 5% SegmentWorse fires, if there are 50 labels.",
            )
            .colors(Color::Green, [(0.05, Color::Red)])
            .limits(Limits::Dashed)
            .every_s(5)
            .query(
                format!("job_segment:prediction_outcomes:shortfall10m{JOB}"),
                "{{segment}}",
            ),
        graph("Delay of the labels, 90th percentile", Unit::Seconds)
            .description(
                "From a prediction to its label. All that is said of outcomes is that much older \
                 than what is said of responses; a segment whose labels get later is judged by \
                 older predictions.",
            )
            .every_s(10)
            .query(
                format!(
                    "histogram_quantile(0.9, sum by (segment, le) \
                     (rate(label_delay_seconds_bucket{SELECTED}[5m]))) >= 0"
                ),
                "{{segment}}",
            ),
    ];
    let panels = panels.into_iter().map(|panel: Panel| panel.wide(12, 8));
    Row::new("By segment", panels.collect())
}
