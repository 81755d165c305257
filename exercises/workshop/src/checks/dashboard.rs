//! Exercise 8: a dashboard of the golden signals. Its panels' queries are
//! evaluated by Prometheus' own engine over series whose truth is known: what a
//! panel shows counts, not how it is written.

mod scenes;
mod signals;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use self::signals::{SIGNALS, Signal};
use crate::api::Api;
use crate::backfill::Backfilled;
use crate::dashboard::{Query, queries, read};
use crate::finding::{Finding, Judgement, ensure};
use crate::grafana::Grafana;
use crate::promtool::{Outcome, Scene, evaluate};
use crate::stack::Stack;

/// The panels of the file, or of the Grafana that runs.
///
/// # Errors
///
/// The first finding.
pub fn check(file: &Path, stack: &Stack) -> Result<Option<String>, Finding> {
    let Some(url) = &stack.grafana else {
        let panels = read(file, &stack.credentials)?;
        return judged(&panels, stack);
    };
    // The latest of those that somebody has saved, unless an earlier one is right.
    let saved = Grafana::at(url, &stack.credentials)?.saved()?;
    let mut latest = None;
    for dashboard in saved {
        let title = dashboard["dashboard"]["title"].as_str().unwrap_or_default();
        let title = title.to_owned();
        match judged(&queries(dashboard), stack) {
            Ok(said) => {
                let said = said.map_or_else(String::new, |said| format!("\n{said}"));
                return Ok(Some(format!("In Grafana: \"{title}\".{said}")));
            }
            Err(finding) => latest = latest.or(Some((title, finding))),
        }
    }
    let (title, finding) = latest.ok_or_else(|| {
        let sentence = format!(
            "The Grafana at {url} has no dashboard but those that came with it. Under which name \
             did you save yours?"
        );
        Finding::new("not-saved", sentence)
    })?;
    Err(Finding {
        observed: format!(
            "Of the dashboard in Grafana that was saved last, \"{title}\":\n\n{}",
            finding.observed
        ),
        ..finding
    })
}

fn judged(panels: &[Query], stack: &Stack) -> Result<Option<String>, Finding> {
    ensure(!panels.is_empty(), "no-queries", || {
        "The dashboard has no panel with a query yet. What would you want to see first when \
         somebody calls and says \"it is broken\"?"
            .to_owned()
    })?;
    let scenes = scenes::all();
    // First those of the panels, then for each signal the right and the wrong
    // ones that are known.
    let mut asked: Vec<_> = panels.iter().map(|panel| panel.query.clone()).collect();
    for signal in SIGNALS {
        asked.extend(signal.right.iter().map(|right| (*right).to_owned()));
        asked.extend(signal.wrong.iter().map(|wrong| wrong.query.to_owned()));
    }
    let outcomes = evaluate(None, &scenes, &asked)?;
    let of = |query: usize| outcomes.iter().map(|scene| scene[query].clone()).collect();
    let shown: Vec<Vec<Outcome>> = (0..panels.len()).map(of).collect();
    for (panel, outcomes) in panels.iter().zip(&shown) {
        if let Some(Err(error)) = outcomes.first() {
            return Err(Finding::new(
                "does-not-parse",
                format!(
                    "Prometheus does not understand a query of the panel \"{}\":\n\n    {}\n\n{error}",
                    panel.title, panel.query
                ),
            ));
        }
    }
    let mut next = panels.len();
    let mut found = Vec::new();
    for signal in SIGNALS {
        let known = |index: usize| -> Vec<Option<f64>> {
            let outcomes: Vec<Outcome> = of(index);
            outcomes
                .iter()
                .map(|outcome| signal.reduction.of(outcome))
                .collect()
        };
        let right: Vec<_> = (next..next + signal.right.len()).map(known).collect();
        next += signal.right.len();
        let wrong: Vec<_> = (next..next + signal.wrong.len()).map(known).collect();
        next += signal.wrong.len();
        found.push(judge(signal, &scenes, panels, &shown, &right, &wrong)?);
    }
    in_graphs(&scenes, panels, &found)?;
    match &stack.prometheus {
        None => Ok(None),
        Some(url) => on_running_prometheus(&Api::at(url)?, panels).map(Some),
    }
}

// A panel is a graph: a real Prometheus is asked for the last minute of each scene.
fn in_graphs(scenes: &[Scene], panels: &[Query], found: &[Found]) -> Judgement {
    let Some(prometheus) = Backfilled::start(scenes)? else {
        return Ok(());
    };
    for (signal, found) in SIGNALS.iter().zip(found) {
        let panel = &panels[found.panel];
        for (index, scene) in scenes.iter().enumerate() {
            let of = |query: &str| -> Result<Vec<Option<f64>>, Finding> {
                let graph = prometheus.graph(index, query)?;
                Ok(graph.iter().map(|seen| signal.reduction.of(seen)).collect())
            };
            let (seen, truth) = (of(&panel.query)?, of(signal.right[found.right])?);
            for (point, (seen, truth)) in seen.iter().zip(&truth).enumerate() {
                let alike =
                    same(&[*seen], &[*truth], found.scale) || seen.is_none() && truth.is_none();
                ensure(alike, "other-in-a-graph", || {
                    let number = |number: &Option<f64>| {
                        number.map_or("nothing".to_owned(), |number| format!("{number:.4}"))
                    };
                    format!(
                        "The panel \"{}\" shows {}, but not over time: when {}, {} s before the end \
                         of the graph it shows {}, and the truth was {}. Which moment does its query \
                         speak of?\n\n    {}",
                        panel.title,
                        signal.what,
                        scene.name,
                        Backfilled::before(point),
                        number(seen),
                        number(&truth.map(|truth| truth * found.scale)),
                        panel.query
                    )
                })?;
            }
        }
    }
    Ok(())
}

// What the panels show just now; an empty one may have its reason in the traffic.
fn on_running_prometheus(api: &Api, panels: &[Query]) -> Result<String, Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let time = now.map_or(0.0, |now| now.as_secs_f64());
    let mut said =
        "On the Prometheus that runs, for the job `student`, the panels show now:".to_owned();
    for panel in panels {
        let shown = match api.at_time(&panel.query, time)? {
            Ok(series) if series.is_empty() => "nothing".to_owned(),
            Ok(series) => {
                let values = series.iter().take(5).map(|one| format!("{:.4}", one.value));
                values.collect::<Vec<_>>().join(", ")
            }
            Err(error) => error,
        };
        let _ = write!(said, "\n  {}: {shown}", panel.title);
    }
    Ok(said)
}

/// The panel that shows a signal.
struct Found {
    panel: usize,
    // Which of the right queries it agrees with, and by how much it is scaled.
    right: usize,
    scale: f64,
}

fn judge(
    signal: &Signal,
    scenes: &[Scene],
    panels: &[Query],
    shown: &[Vec<Outcome>],
    right: &[Vec<Option<f64>>],
    wrong: &[Vec<Option<f64>>],
) -> Result<Found, Finding> {
    let numbers: Vec<Vec<_>> = shown
        .iter()
        .map(|outcomes| {
            outcomes
                .iter()
                .map(|outcome| signal.reduction.of(outcome))
                .collect()
        })
        .collect();
    let scales: &[f64] = &[1.0, 100.0, 1000.0];
    let scales = if signal.units.is_empty() {
        &scales[..1]
    } else {
        scales
    };
    let found = |truths: &[Vec<Option<f64>>]| {
        let tried = scales.iter().flat_map(|scale| {
            let panels = numbers.iter().enumerate();
            panels.map(move |(panel, numbers)| (panel, numbers, *scale))
        });
        tried
            .filter_map(|(panel, numbers, scale)| {
                let known = truths
                    .iter()
                    .position(|truth| same(numbers, truth, scale))?;
                Some((panel, known, scale))
            })
            .collect::<Vec<_>>()
    };
    let fine = found(right);
    if let Some((index, right_one, scale)) = fine.first().copied() {
        // One of them with a unit that fits is enough.
        let fits = fine.iter().any(|(panel, _, scale)| {
            let mut units = signal.units.iter();
            units.any(|(of, names)| of == scale && names.contains(&panels[*panel].unit.as_str()))
        });
        let panel = &panels[index];
        ensure(fits || signal.units.is_empty(), "unit", || {
            let value = right[0][0].unwrap_or(f64::NAN) * scale;
            let unit = if panel.unit.is_empty() {
                "none"
            } else {
                panel.unit.as_str()
            };
            format!(
                "The panel \"{}\" shows {}. When {}, its query returns {value:.4}, and the unit \
                 of the panel is `{unit}`. What will stand on the axis, and will the reader know \
                 how much that is?",
                panel.title, signal.what, scenes[0].name,
            )
        })?;
        let title = panel.title.trim();
        let named = !["", "Panel Title", "New panel", "New visualization"].contains(&title);
        ensure(named, "untitled", || {
            format!(
                "A panel shows {}, and its title is \"{title}\". Will you know what it is at \
                 three in the morning?",
                signal.what
            )
        })?;
        return Ok(Found {
            panel: index,
            right: right_one,
            scale,
        });
    }
    if let Some((panel, known, _)) = found(wrong).first().copied() {
        let wrong = &signal.wrong[known];
        return Err(Finding::new(
            wrong.id,
            format!(
                "{}\n\n{}",
                seen(signal, scenes, &panels[panel], &shown[panel], 2),
                wrong.asks
            ),
        ));
    }
    // The panel that looks most like it.
    let likely = signal.words.iter().find_map(|words| {
        let has = |panel: &Query| words.iter().all(|word| panel.query.contains(word));
        panels.iter().position(has)
    });
    let Some(panel) = likely else {
        return Err(Finding::new(
            signal.missing,
            format!(
                "No panel shows {}. The panels are: {}.",
                signal.what,
                titles(panels)
            ),
        ));
    };
    let empty = shown[panel][0].as_ref().is_ok_and(Vec::is_empty);
    let text = seen(signal, scenes, &panels[panel], &shown[panel], 0);
    let truth = right[0][0].unwrap_or(f64::NAN);
    Err(if empty {
        Finding::new(
            "returns-nothing",
            format!(
                "{text}\n\nPrometheus visits every 5 s. How many values are in the window? And is \
                 there a label that no series has?"
            ),
        )
    } else {
        Finding::new("wrong-value", format!("{text}\n\nThe truth is {truth:.4}."))
    })
}

fn same(numbers: &[Option<f64>], truth: &[Option<f64>], scale: f64) -> bool {
    numbers.iter().zip(truth).all(|(number, truth)| {
        matches!((number, truth), (Some(number), Some(truth))
            if (number - truth * scale).abs() <= 0.005 * (truth * scale).abs())
    })
}

fn seen(signal: &Signal, scenes: &[Scene], panel: &Query, shown: &[Outcome], at: usize) -> String {
    let returned = match &shown[at] {
        Ok(series) if series.is_empty() => "nothing".to_owned(),
        Ok(series) => {
            let values: Vec<_> = series
                .iter()
                .take(5)
                .map(|one| format!("{:.4}", one.value))
                .collect();
            values.join(", ")
        }
        Err(error) => error.clone(),
    };
    format!(
        "A panel was looked for that shows {}. The nearest is \"{}\":\n\n    {}\n\nWhen {}, it \
         returns {returned}.",
        signal.what, panel.title, panel.query, scenes[at].name
    )
}

fn titles(panels: &[Query]) -> String {
    let mut titles: Vec<_> = panels
        .iter()
        .map(|panel| format!("\"{}\"", panel.title))
        .collect();
    titles.dedup();
    titles.truncate(12);
    titles.join(", ")
}
