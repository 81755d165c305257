//! How the answers are distributed: known at once, without any label.

use crate::dashboard::Row;
use crate::field::{Color, Override, Unit};
use crate::panel::{Panel, graph, heatmap};
use crate::query::{JOB, SELECTED};

pub(super) fn responses() -> Row {
    let panels = vec![scores(), shift(), indices(), deciles(), extremes()];
    Row::new("Responses", panels)
}

fn scores() -> Panel {
    heatmap("Scores", Unit::Plain)
        .description(
            "How many predictions had which score; darker is more. The bounds are the deciles of \
             wines held out from training, besides 0.01, 0.5 and 0.99: while nothing has shifted, \
             what lies between two deciles is equally dark. A pale band is what no longer occurs.",
        )
        .wide(12, 9)
        .every_s(10)
        .query(
            format!("sum by (le) (increase(prediction_score_bucket{SELECTED}[$__rate_interval]))"),
            "{{le}}",
        )
}

fn shift() -> Panel {
    let (distance, floor) = (
        format!("job:prediction_score:ks5m{JOB}"),
        format!("job:prediction_score:ks_floor5m{JOB}"),
    );
    let (chance, fires) = ("what chance explains", "ResponsesShifted fires above");
    let drifts = "ResponsesDrift fires above";
    graph("Distance of the scores from their reference", Unit::Plain)
        .description(
            "The Kolmogorov-Smirnov distance over five minutes, of the whole job, and what it \
             would be by chance in one of a hundred such windows: the fewer the answers, the \
             more. Above the orange line ResponsesDrift fires, for planned work; above the red \
             one ResponsesShifted.",
        )
        .wide(12, 9)
        .decimals(2)
        .axis_at_least(0.3)
        .every_s(5)
        .query(distance, "distance")
        .query(floor.clone(), chance)
        .query(format!("{floor} + 0.1"), fires)
        .query(format!("clamp_min(1.25 * {floor}, 0.05)"), drifts)
        .overrides([
            Override::of(chance).color(Color::Blue),
            Override::of(drifts).color(Color::Orange).dashed(),
            Override::of(fires).color(Color::Red).dashed(),
        ])
}

fn indices() -> Panel {
    graph("D1 and stability index", Unit::Plain)
        .description(
            "The differences of the deciles' shares from those held out, summed (D1), and \
             weighted by how rare they are (population stability index, PSI). Chance raises both \
             when answers are few, hence no alert is on them: compare with a quiet hour.",
        )
        .decimals(2)
        .axis_at_least(0.3)
        .every_s(5)
        .query(format!("job:prediction_decile:d1_5m{JOB}"), "D1")
        .query(format!("job:prediction_decile:psi5m{JOB}"), "PSI")
}

fn deciles() -> Panel {
    graph("Share of the scores by decile", Unit::Ratio)
        .description(
            "From the lowest scores (0) to the highest (9); a tenth of the wines held out is in \
             each. Which lines leave the bundle says what has shifted: both ends, a model that \
             is surer than it was; one end, other wines or a broken input.",
        )
        .axis_at_least(0.2)
        .every_s(5)
        .query(
            format!("job_decile:predictions:share5m{JOB}"),
            "decile {{decile}}",
        )
}

fn extremes() -> Panel {
    let below = |bound: &str| {
        format!("sum(rate(prediction_score_bucket{{job=\"$job\", le=\"{bound}\"}}[5m]))")
    };
    let held_out = |bound: &str| {
        format!("max(prediction_score_reference_ratio{{job=\"$job\", bound=\"{bound}\"}})")
    };
    let all = format!("sum(rate(prediction_score_count{JOB}[5m]))");
    graph("Extreme scores and largest decile", Unit::Ratio)
        .description(
            "Share of the scores at most 0.01 or above 0.99, what it is of wines held out, and \
             the share of the fullest decile. A broken model is often sure of itself, or says the \
             same to everybody: beyond 90% in one decile ModelAnswersAlike fires.",
        )
        .axis_at_least(0.2)
        .every_s(5)
        .query(
            format!("1 - ({} - {}) / ({all} > 0)", below("0.99"), below("0.01")),
            "extreme",
        )
        .query(
            format!("1 - ({} - {})", held_out("0.99"), held_out("0.01")),
            "extreme, held out",
        )
        .query(
            format!("job:prediction_decile:largest_share2m{JOB}"),
            "largest decile",
        )
        .overrides([Override::of("extreme, held out")
            .color(Color::Blue)
            .dashed()])
}
