//! The query that shows at which model each gets the answer of another: judged over series of six
//! models, before and after they began to ail, and once more with everything at another model.

use std::collections::BTreeMap;

use crate::finding::{Finding, Judgement, ensure};
use crate::models::{Ailment, Case, MODELS};
use crate::promtool::{Outcome, Scene, evaluate};

// Values every 5 s for a quarter of an hour; in the middle they begin to ail.
const STEPS: usize = 180;
const ONSET: usize = 90;
// Seconds from the first value: just before the onset, and at the end.
const BEFORE: u32 = 440;
const AFTER: u32 = 895;
// So much greater than all others is greatest.
const CLEARLY: f64 = 0.2;

/// # Errors
///
/// `not-installed`; the first finding.
pub(super) fn check(cases: &[Case; 6], query: &str) -> Judgement {
    let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut others = *cases;
    others.rotate_left(1);
    let scenes = [
        scene(cases, AFTER),
        scene(&others, AFTER),
        scene(cases, BEFORE),
    ];
    let outcomes = evaluate(None, &scenes, &[query])?;
    let [after, elsewhere, before] = [0, 1, 2].map(|scene| &outcomes[scene][0]);
    if let Err(error) = after {
        return Err(Finding::new(
            "does-not-parse",
            format!("Prometheus does not understand your query: {error}"),
        ));
    }
    let is_stuck = |case: &Case| case.ailment == Ailment::Stuck;
    let stuck = |cases: &[Case; 6]| MODELS[cases.iter().position(is_stuck).unwrap_or_default()];
    let (here, there) = (stuck(cases), stuck(&others));
    let (values, moved, early) = (by_job(after), by_job(elsewhere), by_job(before));
    ensure(!values.is_empty(), "evidence-of-nothing", || {
        "Over made-up series of your six models, your query of question 10 returns nothing with a label `job`. \
         Is there a label on one side that the other side does not have?"
            .to_owned()
    })?;
    ensure(is_greatest(&values, here), "evidence-of-others", || {
        format!(
            "Seven minutes after all began to ail, your query of question 10 returns {}; each gets the answer of \
             another at `{here}`. Who takes it for evidence goes to the wrong one.",
            shown(&values)
        )
    })?;
    ensure(is_greatest(&moved, there), "evidence-names-a-model", || {
        format!(
            "If it had been at `{there}`, your query of question 10 would have returned {}. It shows it at `{here}` \
             only: what will it say the next time?",
            shown(&moved)
        )
    })?;
    ensure(!is_greatest(&early, here), "evidence-before", || {
        format!(
            "Before anything began to ail, your query of question 10 returned {}. What tells before from after?",
            shown(&early)
        )
    })
}

// The greatest of each job.
fn by_job(outcome: &Outcome) -> BTreeMap<String, f64> {
    let mut all: BTreeMap<String, f64> = BTreeMap::new();
    for one in outcome.as_ref().map_or(&[][..], Vec::as_slice) {
        if let Some(job) = one.labels.get("job").filter(|_| !one.value.is_nan()) {
            let value = all.entry(job.clone()).or_insert(one.value);
            *value = value.max(one.value);
        }
    }
    all
}

fn is_greatest(values: &BTreeMap<String, f64>, job: &str) -> bool {
    let Some(own) = values.get(job) else {
        return false;
    };
    let mut others = values.iter().filter(|(other, _)| *other != job);
    others.all(|(_, other)| *own > other + CLEARLY * other.abs())
}

fn shown(values: &BTreeMap<String, f64>) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    let each = values
        .iter()
        .map(|(job, value)| format!("{value:.3} for {job}"));
    each.collect::<Vec<_>>().join(", ")
}

// As they were at the six models when this was written, in 5 s.
fn scene(cases: &[Case; 6], at: u32) -> Scene {
    let mut series = Vec::new();
    for (model, case) in MODELS.iter().zip(cases) {
        let target = format!("job=\"{model}\",instance=\"{model}:8000\"");
        let ailment = case.ailment;
        let is_stuck = ailment == Ailment::Stuck;
        let is_wrong = is_stuck || ailment == Ailment::Taste;
        let is_unit = ailment == Ailment::Unit;
        let is_missing = matches!(ailment, Ailment::Missing(_));
        let by_rules = if matches!(ailment, Ailment::Fallback(..)) {
            24.0
        } else {
            0.0
        };
        // This one was asked less in the past, and disagreed less.
        let past = if is_stuck { 1e3 } else { 9e3 };
        let usual = if is_stuck { 13.0 } else { 14.0 };
        let mut counter = |name: &str, labels: &str, rise: f64, then: f64| {
            let reached = past + rise * (ONSET - 1) as f64 + then;
            let later = STEPS - ONSET - 1;
            let values = format!("{past}+{rise}x{} {reached}+{then}x{later}", ONSET - 1);
            series.push((format!("{name}{{{target}{labels}}}"), values));
        };
        let web = ",segment=\"web\"";
        let by = ",by=\"model\"";
        counter(
            "predictions_total",
            &format!("{by},reason=\"none\"{web}"),
            80.0,
            80.0 - by_rules,
        );
        counter(
            "predictions_total",
            &format!(",by=\"rules\",reason=\"error\"{web}"),
            0.0,
            by_rules,
        );
        let disagreements = match ailment {
            Ailment::Stuck => 38.0,
            Ailment::Missing(_) => 20.0,
            Ailment::Fallback(..) => 10.0,
            _ => usual,
        };
        counter(
            "prediction_rule_disagreements_total",
            "",
            usual,
            disagreements,
        );
        let errors = match ailment {
            Ailment::Taste => 27.0,
            Ailment::Stuck => 25.0,
            Ailment::Unit => 13.0,
            _ => 9.6,
        };
        counter("prediction_squared_error_sum", by, 9.6, errors);
        counter("prediction_squared_error_count", by, 64.0, 64.0);
        counter("labels_total", "", 64.0, 64.0);
        counter("prediction_score_count", by, 80.0, 80.0 - by_rules);
        for (predicted, actual, rise) in [
            ("good", "good", 24.0),
            ("good", "bad", 8.0),
            ("bad", "good", 8.0),
            ("bad", "bad", 24.0),
        ] {
            let labels = format!("{by}{web},predicted=\"{predicted}\",actual=\"{actual}\"");
            let then = if is_wrong { 16.0 } else { rise };
            counter("prediction_outcomes_total", &labels, rise, then);
        }
        let alcohol = ",feature=\"alcohol\"";
        let of = |is: bool, rise: f64| if is { rise } else { 0.0 };
        counter(
            "model_feature_missing_total",
            alcohol,
            0.0,
            of(is_missing, 24.0),
        );
        counter(
            "model_feature_out_of_range_total",
            alcohol,
            0.0,
            of(is_unit, 40.0),
        );
    }
    Scene {
        name: "six models",
        series,
        at,
    }
}
