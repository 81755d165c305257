//! Whether the answers agreed with what came out, as far as somebody has said so.

use crate::dashboard::Row;
use crate::field::{Color, Override, Unit};
use crate::graph::Style;
use crate::panel::{Panel, graph, table};
use crate::query::{JOB, SELECTED};

const MODEL_OF_JOB: &str = r#"{job="$job", by="model"}"#;

pub(super) fn outcomes() -> Row {
    let panels = vec![
        accuracy(),
        precision_and_recall(),
        brier(),
        confusion(),
        calibration(),
        calibration_error(),
        labels(),
    ];
    Row::new("Outcomes", panels)
}

fn accuracy() -> Panel {
    graph("Accuracy by who answered", Unit::Ratio)
        .description(
            "Share of the labelled predictions of ten minutes that were right, of the whole job. \
             The rules are worse than the model, and have a line only after they answered. A \
             lasting fall while the scores look as ever is a changed world.",
        )
        .between(0.0, 1.0)
        .every_s(5)
        .query(
            format!("job_by:prediction_outcomes:accuracy10m{JOB}"),
            "{{by}}",
        )
}

fn precision_and_recall() -> Panel {
    graph("Precision and recall of the model", Unit::Ratio)
        .description(
            "Of those that it called good, the share that was good (precision); of those that \
             were good, the share that it called so (recall). If one falls and the other rises, \
             it says good more or less often than before.",
        )
        .between(0.0, 1.0)
        .every_s(5)
        .query(
            format!("job_by:prediction_outcomes:precision10m{MODEL_OF_JOB}"),
            "precision",
        )
        .query(
            format!("job_by:prediction_outcomes:recall10m{MODEL_OF_JOB}"),
            "recall",
        )
}

fn brier() -> Panel {
    let fires = "PredictionsWorse fires above";
    graph("Brier score by who answered", Unit::Plain)
        .description(
            "Mean squared difference between score and label over ten minutes; less is better. \
             Above the dashed line, 0.03 over that of wines held out from training, \
             PredictionsWorse fires, if there are 500 labels.",
        )
        .decimals(3)
        .axis_at_least(0.25)
        .every_s(5)
        .query(
            format!("job_by:prediction_squared_error:mean10m{JOB}"),
            "{{by}}",
        )
        .query(
            format!("max(prediction_squared_error_reference{MODEL_OF_JOB}) + 0.03"),
            fires,
        )
        .overrides([Override::of(fires).color(Color::Red).dashed()])
}

fn confusion() -> Panel {
    graph(
        "What was said, and what came out",
        Unit::OperationsPerSecond,
    )
    .description(
        "Labelled predictions by what they said and what came out, of model and rules. \
             Orange is a good one missed, red a bad one called good. More of one alone moves \
             precision or recall.",
    )
    .style(Style::Stacked)
    .every_s(5)
    .query(
        format!(
            "sum by (predicted, actual) \
                 (rate(prediction_outcomes_total{SELECTED}[$__rate_interval]))"
        ),
        "said {{predicted}}, was {{actual}}",
    )
    .overrides([
        Override::of("said good, was good").color(Color::Green),
        Override::of("said bad, was bad").color(Color::Blue),
        Override::of("said bad, was good").color(Color::Orange),
        Override::of("said good, was bad").color(Color::Red),
    ])
}

fn calibration() -> Panel {
    let labelled = |selected: &str| {
        format!("sum by (decile) (increase(prediction_calibration_total{selected}[$__range]))")
    };
    // Of a service that is there now.
    let now = |expression: String| format!("({expression}) and on () up{SELECTED} == 1");
    let good = labelled(r#"{job="$job", instance=~"$instance", actual="good"}"#);
    let all = labelled(SELECTED);
    table("Calibration by decile", Unit::Short)
        .description(
            "The model's labelled predictions of the whole range by decile of their score, and \
             the share of them that was good. From the lowest scores (0) to the highest (9) it \
             should rise all the way; where it does not, the score is no probability.",
        )
        .query(now(format!("{all} > 0")), "")
        .query(now(format!("({good} or 0 * {all}) / ({all} > 0)")), "")
        .overrides([
            Override::of("Labelled").decimals(0),
            Override::of("Were good").unit(Unit::Ratio).decimals(0),
        ])
        .columns(
            &[
                ("decile", "Decile"),
                ("Value #A", "Labelled"),
                ("Value #B", "Were good"),
            ],
            &["Time"],
        )
        .sorted_by("Decile", false)
}

fn calibration_error() -> Panel {
    let floor = format!("job:prediction_calibration:error_floor10m{JOB}");
    let (chance, fires) = ("what chance explains", "CalibrationOff fires above");
    graph("Calibration against that of wines held out", Unit::Ratio)
        .description(
            "How far the share of good ones among equal scores is from what it was on wines held \
             out, over ten minutes, and what it would be by chance in one of a hundred such \
             windows. Other wines hardly move it; a changed input or a changed world does.",
        )
        .axis_at_least(0.2)
        .every_s(5)
        .query(
            format!("job:prediction_calibration:error10m{JOB}"),
            "calibration",
        )
        .query(floor.clone(), chance)
        .query(format!("{floor} + 0.05"), fires)
        .overrides([
            Override::of(chance).color(Color::Blue),
            Override::of(fires).color(Color::Red).dashed(),
        ])
}

fn labels() -> Panel {
    graph("Labels", Unit::OperationsPerSecond)
        .description(
            "Labels that matched a prediction; those that did not, by reason; and predictions \
             that later ones pushed out before their label came. Without labels nothing in this \
             row can be known: after five minutes LabelsMissing fires.",
        )
        .axis_at_least(0.1)
        .every_s(5)
        .query(
            format!("sum(rate(labels_total{SELECTED}[$__rate_interval]))"),
            "matched",
        )
        .query(
            format!("sum by (reason) (rate(labels_unmatched_total{SELECTED}[$__rate_interval]))"),
            "{{reason}}",
        )
        .query(
            format!("sum(rate(predictions_evicted_total{SELECTED}[$__rate_interval]))"),
            "pushed out",
        )
}
