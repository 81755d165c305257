//! Exercise 20: a distance between the answers and their reference, and an alert on it that fires
//! when chance does not explain it, judged by Prometheus over series of known truth.
//!
//! Which distance it is, is the student's choice.

mod scenes;

use std::path::Path;

use self::scenes::{BUSIER, CALM, SHIFTED, Scenario};
use crate::answer_file;
use crate::finding::{Finding, Judgement, ensure};
use crate::promtool::{Outcome, PromtoolError, Returned, evaluate_every};

const DISTANCE: &str = "job:prediction_score:distance5m";
const ALERT: &str = "ResponsesShifted";

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let scenarios = scenes::all();
    let all: Vec<_> = scenarios.iter().map(|one| one.scene.clone()).collect();
    let firing = format!("ALERTS{{alertstate=\"firing\",alertname=\"{ALERT}\"}}");
    let queries = [DISTANCE.to_owned(), firing];
    let outcomes = match evaluate_every(Some(file), &all, &queries, 15) {
        Ok(outcomes) => outcomes,
        Err(PromtoolError::Failed(said)) => {
            return Err(Finding::new(
                "does-not-load",
                format!("Prometheus does not load your rules:\n\n{said}"),
            ));
        }
        Err(missing) => return Err(missing.into()),
    };
    let text = answer_file::text(file)?;
    let is_recorded = text.contains(DISTANCE);
    ensure(is_recorded, "not-recorded", || {
        format!(
            "There is no rule that records `{DISTANCE}`. How far are the answers from their reference?"
        )
    })?;
    let mut distances = Vec::new();
    for (scenario, outcome) in scenarios.iter().zip(&outcomes) {
        let is_silent = scenario.id == "fires-in-silence";
        distances.push(match distance(scenario, &outcome[0]) {
            Err(_) if is_silent => f64::NAN,
            other => other?,
        });
    }
    ensure(text.contains(ALERT), "no-such-alert", || {
        format!("There is no alert `{ALERT}` in your rules. Who looks at the distance at night?")
    })?;
    for ((number, scenario), outcome) in scenarios.iter().enumerate().zip(&outcomes) {
        fires(number, scenario, &distances, &outcome[1])?;
    }
    Ok(())
}

fn series(outcome: &Outcome) -> &[Returned] {
    outcome.as_ref().map_or(&[], |series| series)
}

fn is_mine(one: &&Returned) -> bool {
    one.labels.get("job").is_some_and(|job| job == "student")
}

fn distance(scenario: &Scenario, outcome: &Outcome) -> Result<f64, Finding> {
    let scene = scenario.scene.name;
    let series = series(outcome);
    let Some(any) = series.first() else {
        return Err(Finding::new(
            "returns-nothing",
            format!(
                "While {scene}, there is no series `{DISTANCE}`. Is there a label on one side of an operator that the other side does not have?"
            ),
        ));
    };
    // One of another job besides is what the name says too.
    let mine: Vec<_> = series.iter().filter(is_mine).collect();
    let Some(first) = mine.first() else {
        return Err(Finding::new(
            "job-lost",
            format!(
                "`{DISTANCE}` has the labels {:?}. Whose answers are they, when there are two services?",
                any.labels
            ),
        ));
    };
    ensure(mine.len() == 1, "several-series", || {
        format!(
            "`{DISTANCE}` has {} series for the job `student`. Its name says that it is one for each job.",
            mine.len()
        )
    })?;
    let is_silent = scenario.id == "fires-in-silence";
    ensure(!first.value.is_nan() || is_silent, "not-a-number", || {
        format!(
            "While {scene}, `{DISTANCE}` is NaN, and NaN is greater than nothing: no alert will ever fire. What was divided, or multiplied, by what?"
        )
    })?;
    Ok(first.value)
}

fn fires(number: usize, scenario: &Scenario, distances: &[f64], outcome: &Outcome) -> Judgement {
    let fired = series(outcome).iter().find(is_mine);
    let (scene, asks) = (scenario.scene.name, scenario.asks);
    let (here, calm) = (distances[number], distances[CALM]);
    // The same shift, since earlier.
    let later = distances[SHIFTED + 1];
    match (fired, scenario.fires) {
        (Some(fired), true) => {
            let has = |label: &str, value: &str| {
                fired.labels.get(label).is_some_and(|found| found == value)
            };
            ensure(
                has("level", "2") && has("severity", "major"),
                "wrong-level",
                || {
                    format!(
                        "{ALERT} fires with the labels {:?}. Everybody is served, and badly: which level and which severity is that?",
                        fired.labels
                    )
                },
            )
        }
        (None, false) => Ok(()),
        (Some(_), false) if number == CALM && distances[BUSIER] > 2.0 * calm => {
            let busier = distances[BUSIER];
            Err(Finding::new(
                "moves-with-traffic",
                format!(
                    "While {scene}, {ALERT} fires. Your distance is {calm:.4}, and with eight times the traffic it is {busier:.4}, although the answers are distributed as before. By what do you divide?"
                ),
            ))
        }
        (Some(_), false) => Err(Finding::new(
            scenario.id,
            format!("While {scene}, {ALERT} fires: your distance is {here:.4}. {asks}"),
        )),
        (None, true) if number == SHIFTED && (here - later).abs() > 0.1 * later.abs() => {
            Err(Finding::new(
                "since-the-start",
                format!(
                    "While {scene}, {ALERT} does not fire. Your distance was {calm:.4} in calm, is {here:.4} now, and would be \
                     {later:.4} after twenty minutes, although all answers of the last five minutes are alike. Of which time \
                     does it speak?"
                ),
            ))
        }
        (None, true) if number == SHIFTED && here < 2.0 * calm => Err(Finding::new(
            "does-not-move",
            format!(
                "While {scene}, {ALERT} does not fire: your distance is {here:.4}, and in calm {calm:.4}. Of which time does it speak, and of whom?"
            ),
        )),
        (None, true) => Err(Finding::new(
            scenario.id,
            format!(
                "While {scene}, {ALERT} does not fire: your distance is {here:.4}, and in calm {calm:.4}. {asks}"
            ),
        )),
    }
}
