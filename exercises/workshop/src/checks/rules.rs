//! Exercise 7: recording rules, and alerts that ring when they must and only
//! then, judged by Prometheus over what may happen to a service.

mod scenes;

use std::path::Path;

use self::scenes::Happening;
use crate::finding::{Finding, Judgement, demand};
use crate::promtool::{Outcome, PromtoolError, Returned, annotations, evaluate};

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
    let happenings = scenes::all();
    let scenes: Vec<_> = happenings.iter().map(|one| one.scene.clone()).collect();
    let queries = [RATE, FAILED, ALERTS].map(str::to_owned);
    let outcomes = match evaluate(Some(file), &scenes, &queries) {
        Ok(outcomes) => outcomes,
        Err(PromtoolError::Failed(said)) => {
            return Err(Finding::new(
                "does-not-load",
                format!("Prometheus does not load your rules:\n\n{said}"),
            ));
        }
        Err(missing) => return Err(missing.into()),
    };
    for (happening, outcome) in happenings.iter().zip(&outcomes) {
        if let Some((rate, failed)) = happening.truth {
            recorded(RATE, rate, happening, &outcome[0])?;
            recorded(FAILED, failed, happening, &outcome[1])?;
        }
    }
    for alert in &ASKED {
        for (happening, outcome) in happenings.iter().zip(&outcomes) {
            rings(alert, happening, &outcome[2])?;
        }
    }
    for alert in &ASKED {
        let happening = happenings
            .iter()
            .find(|one| one.rings.contains(&alert.name))
            .expect("each rings once");
        let text = annotations(file, &happening.scene, alert.name)?.unwrap_or_default();
        demand(text.contains("summary=\""), "no-summary", || {
            format!(
                "{} rings, and tells whoever it wakes: `{text}`. What should they read first, with their eyes half open? (The annotation `summary`.)",
                alert.name
            )
        })?;
    }
    Ok(())
}

fn recorded(name: &str, truth: f64, happening: &Happening, outcome: &Outcome) -> Judgement {
    let series: &[Returned] = outcome.as_ref().map_or(&[], |series| series);
    let scene = happening.scene.name;
    let Some(first) = series.first() else {
        return Err(Finding::new(
            "not-recorded",
            format!("There is no series `{name}` (over series in which {scene})."),
        ));
    };
    demand(series.len() == 1, "several-series", || {
        format!(
            "`{name}` has {} series. Its name says that it is one for each job.",
            series.len()
        )
    })?;
    let job = first.labels.get("job").map(String::as_str);
    demand(job == Some("student"), "job-lost", || {
        format!(
            "`{name}` has the labels {:?}. Whose is it, when there are two services?",
            first.labels
        )
    })?;
    demand(
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

fn rings(alert: &Alert, happening: &Happening, outcome: &Outcome) -> Judgement {
    let firing: &[Returned] = outcome.as_ref().map_or(&[], |series| series);
    let rings = firing.iter().find(|one| {
        one.labels
            .get("alertname")
            .is_some_and(|name| name == alert.name)
    });
    let (name, scene) = (alert.name, happening.scene.name);
    match (rings, happening.rings.contains(&alert.name)) {
        (None, true) => Err(Finding::new(
            happening.silent,
            format!(
                "While {scene}, {name} does not ring. {}",
                happening.asks_if_silent
            ),
        )),
        (Some(_), false) => Err(Finding::new(
            happening.loud,
            format!("While {scene}, {name} rings. {}", happening.asks_if_loud),
        )),
        (Some(ringing), true) => {
            let has = |label: &str, value: &str| {
                ringing
                    .labels
                    .get(label)
                    .is_some_and(|found| found == value)
            };
            demand(
                has("level", alert.level) && has("severity", alert.severity),
                "wrong-level",
                || {
                    format!(
                        "{name} rings with the labels {:?}. Which level and which severity does \
                         the exercise give it?",
                        ringing.labels
                    )
                },
            )
        }
        (None, false) => Ok(()),
    }
}
