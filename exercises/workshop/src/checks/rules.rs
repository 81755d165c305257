//! Exercise 7: recording rules, and alerts that fire when they must and only
//! then, judged by Prometheus over what may happen to a service.

mod scenes;
mod story;

use std::path::Path;

use self::scenes::Scenario;
use crate::answer_file;
use crate::finding::{Finding, Judgement, ensure};
use crate::promtool::{Outcome, PromtoolError, Returned, annotations, evaluate_every};

const RATE: &str = "job:http_requests:rate1m";
const FAILED: &str = "job:http_requests_failed:ratio_rate1m";
const ALERTS: &str = "ALERTS{alertstate=\"firing\"}";

/// An alert that the exercise asks for.
struct Alert {
    name: &'static str,
    level: &'static str,
    severity: &'static str,
}

const ASKED: [Alert; 3] = [
    Alert {
        name: "ServiceDown",
        level: "1",
        severity: "critical",
    },
    Alert {
        name: "ErrorRatioHigh",
        level: "2",
        severity: "major",
    },
    Alert {
        name: "LatencyTailLong",
        level: "3",
        severity: "minor",
    },
];

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let scenarios = scenes::all();
    let queries = [RATE, FAILED, ALERTS].map(str::to_owned);
    let of = |is_long: bool, interval: u32| {
        let scenes = scenarios.iter().map(|one| &one.scene);
        let scenes: Vec<_> = scenes
            .filter(|one| is_long == (one.at > 600))
            .cloned()
            .collect();
        evaluate_every(Some(file), &scenes, &queries, interval)
    };
    // What lasts long need not be looked at as often: half of the work.
    let outcomes = of(true, 15).and_then(|long| {
        let (mut long, mut short) = (long.into_iter(), of(false, 5)?.into_iter());
        let by_length = |one: &Scenario| {
            if one.scene.at > 600 {
                long.next()
            } else {
                short.next()
            }
        };
        Ok(scenarios.iter().filter_map(by_length).collect::<Vec<_>>())
    });
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(PromtoolError::Failed(said)) => {
            return Err(Finding::new(
                "does-not-load",
                format!("Prometheus does not load your rules:\n\n{said}"),
            ));
        }
        Err(missing) => return Err(missing.into()),
    };
    for (scenario, outcome) in scenarios.iter().zip(&outcomes) {
        if let Some((rate, failed)) = scenario.truth {
            recorded(RATE, rate, scenario, &outcome[0])?;
            recorded(FAILED, failed, scenario, &outcome[1])?;
        }
    }
    let text = answer_file::text(file)?;
    for alert in &ASKED {
        ensure(text.contains(alert.name), "no-such-alert", || {
            format!("There is no alert `{}` in your rules.", alert.name)
        })?;
        for (scenario, outcome) in scenarios.iter().zip(&outcomes) {
            fires(alert, scenario, &outcome[2])?;
        }
    }
    for alert in &ASKED {
        let scenario = scenarios
            .iter()
            .find(|one| one.fires.contains(&alert.name))
            .expect("each fires once");
        let text = annotations(file, &scenario.scene, alert.name)?.unwrap_or_default();
        ensure(text.contains("summary=\""), "no-summary", || {
            format!(
                "{} fires, and tells whoever it wakes: `{text}`. What should they read first, with their eyes half open? (The annotation `summary`.)",
                alert.name
            )
        })?;
    }
    Ok(())
}

fn recorded(name: &str, truth: f64, scenario: &Scenario, outcome: &Outcome) -> Judgement {
    let series: &[Returned] = outcome.as_ref().map_or(&[], |series| series);
    let scene = scenario.scene.name;
    let Some(any) = series.first() else {
        return Err(Finding::new(
            "not-recorded",
            format!("There is no series `{name}` (over series in which {scene})."),
        ));
    };
    // One of another job besides is what the name says too.
    let of_the_job = |one: &&Returned| one.labels.get("job").is_some_and(|job| job == "student");
    let mine: Vec<_> = series.iter().filter(of_the_job).collect();
    let Some(first) = mine.first() else {
        return Err(Finding::new(
            "job-lost",
            format!(
                "`{name}` has the labels {:?}. Whose is it, when there are two services?",
                any.labels
            ),
        ));
    };
    ensure(mine.len() == 1, "several-series", || {
        format!(
            "`{name}` has {} series for the job `student`. Its name says that it is one for each job.",
            mine.len()
        )
    })?;
    ensure(
        (first.value - truth).abs() <= 1e-6 * truth.max(1e-3),
        "wrong-record",
        || {
            format!(
                "Over series in which {scene}, `{name}` is {:.6}; the truth is {truth:.6}.",
                first.value
            )
        },
    )
}

fn fires(alert: &Alert, scenario: &Scenario, outcome: &Outcome) -> Judgement {
    let firing: &[Returned] = outcome.as_ref().map_or(&[], |series| series);
    let found = firing.iter().find(|one| {
        let is = |label: &str, value: &str| one.labels.get(label).is_some_and(|is| is == value);
        is("alertname", alert.name)
    });
    let (name, scene) = (alert.name, scenario.scene.name);
    match (found, scenario.fires.contains(&alert.name)) {
        (None, true) => Err(Finding::new(
            scenario.if_silent,
            format!(
                "While {scene}, {name} does not fire. {}",
                scenario.asks_if_silent
            ),
        )),
        (Some(_), false) => Err(Finding::new(
            scenario.if_spurious,
            format!("While {scene}, {name} fires. {}", scenario.asks_if_spurious),
        )),
        (Some(firing), true) => {
            let has = |label: &str, value: &str| {
                firing.labels.get(label).is_some_and(|found| found == value)
            };
            ensure(
                has("level", alert.level) && has("severity", alert.severity),
                "wrong-level",
                || {
                    format!(
                        "{name} fires with the labels {:?}. Which level and which severity does \
                         the exercise give it?",
                        firing.labels
                    )
                },
            )
        }
        (None, false) => Ok(()),
    }
}
