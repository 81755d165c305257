//! Exercise 8: a dashboard of the golden signals. Its panels' queries are
//! evaluated by Prometheus' own engine over series whose truth is known: what a
//! panel shows counts, not how it is written.

mod graphs;
mod scenes;
mod signals;

use std::path::Path;

use self::graphs::{in_graphs, on_running_prometheus};
use self::signals::{SIGNALS, Signal};
use crate::api::Api;
use crate::dashboard::{Query, queries, read};
use crate::finding::{Finding, Judgement, ensure};
use crate::grafana::Grafana;
use crate::promtool::{Outcome, Scene, evaluate};
use crate::query::{Mistake, Parsed, mistake_in};
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
    let strange = panels.iter().find(|panel| !panel.unknown.is_empty());
    ensure(strange.is_none(), "no-such-variable", || {
        let panel = strange.unwrap_or(&panels[0]);
        format!(
            "A query of the panel \"{}\" asks for {}, and the dashboard has no variable of that \
             name:\n\n    {}\n\nWhat will Grafana put in its place?",
            panel.title,
            panel.unknown.join(", "),
            panel.expr
        )
    })?;
    let scenes = scenes::all();
    // First those of the panels, for either job; then for each signal the right and the wrong
    // ones that are known.
    let mut asked: Vec<_> = panels.iter().map(|panel| panel.query.clone()).collect();
    asked.extend(panels.iter().map(|panel| panel.of_app.clone()));
    for signal in SIGNALS {
        asked.extend(signal.right.iter().map(|right| (*right).to_owned()));
        asked.extend(signal.right.iter().map(|right| of_app(right)));
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
    let shown_of_app: Vec<Vec<Outcome>> = (panels.len()..2 * panels.len()).map(of).collect();
    let mut next = 2 * panels.len();
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
        let right_of_app: Vec<_> = (next..next + signal.right.len()).map(known).collect();
        next += signal.right.len();
        let wrong: Vec<_> = (next..next + signal.wrong.len()).map(known).collect();
        next += signal.wrong.len();
        let found_one = judge(signal, &scenes, panels, &shown, &right, &wrong)?;
        follows(signal, panels, &found_one, &shown_of_app, &right_of_app)?;
        found.push(found_one);
    }
    in_graphs(&scenes, panels, &found)?;
    match &stack.prometheus {
        None => Ok(None),
        Some(url) => on_running_prometheus(&Api::at(url)?, panels).map(Some),
    }
}

fn of_app(query: &str) -> String {
    query.replace("job=\"student\"", "job=\"app\"")
}

// The panel must follow the variable at the top.
fn follows(
    signal: &Signal,
    panels: &[Query],
    found: &Found,
    shown: &[Vec<Outcome>],
    right: &[Vec<Option<f64>>],
) -> Judgement {
    let outcomes = shown[found.panel].iter();
    let numbers: Vec<_> = outcomes
        .map(|outcome| signal.reduction.of(outcome))
        .collect();
    let panel = &panels[found.panel];
    ensure(
        same(&numbers, &right[found.right], found.scale),
        "job-fixed",
        || {
            let number =
                |number: Option<f64>| number.map_or("nothing".to_owned(), |n| format!("{n:.4}"));
            format!(
                "The panel \"{}\" shows {}. With `app` chosen at the top, its query returns {}, and the \
             truth of `app` is {}:\n\n    {}\n\nWhose numbers does the reader see who has chosen `app`?",
                panel.title,
                signal.what,
                number(numbers[0]),
                number(right[found.right][0].map(|truth| truth * found.scale)),
                panel.expr
            )
        },
    )
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
            units.any(|(of, names)| of == scale && panels[*panel].has_unit(names))
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
    // What is written must agree with what came out.
    let agrees = |(panel, known, _): &&(usize, usize, f64)| {
        Parsed::of(&panels[*panel].query)
            .is_none_or(|query| query.is_written_like(signal.wrong[*known].query))
    };
    if let Some((panel, known, _)) = found(wrong).iter().find(agrees).copied() {
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
    // The panels that look most like it.
    let like = |words: &&&[&str]| panels.iter().any(|panel| has_all(words, panel));
    let words = signal.words.iter().find(like);
    let likely: Vec<_> = words.map_or(Vec::new(), |words| {
        let like = panels.iter().enumerate();
        like.filter(|(_, panel)| has_all(words, panel)).collect()
    });
    let Some((panel, _)) = likely.first().copied() else {
        return Err(Finding::new(
            signal.missing,
            format!(
                "No panel shows {}. The panels are: {}.",
                signal.what,
                titles(panels)
            ),
        ));
    };
    let mut tried = likely.iter();
    let written = tried.find_map(|(panel, query)| Some((*panel, written(query)?)));
    if let Some((panel, mistake)) = written {
        let text = seen(signal, scenes, &panels[panel], &shown[panel], 0);
        return Err(Finding::new(
            mistake.id,
            format!("{text}\n\n{}", mistake.asks),
        ));
    }
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

fn has_all(words: &[&str], panel: &Query) -> bool {
    words.iter().all(|word| panel.query.contains(word))
}

// A mistake that can be read off the query, whatever came out.
fn written(panel: &Query) -> Option<Mistake> {
    if panel.expr.contains("__range") {
        return Some(Mistake {
            id: "whole-range",
            asks: "That is one number for all that the dashboard shows. Zoom out to a week: how many requests of the last minute will it take until it moves?",
        });
    }
    let query = Parsed::of(&panel.query)?;
    mistake_in(&query).or_else(|| {
        (query.has_no_speed() && !panel.query.contains("saturation_ratio")).then_some(Mistake {
            id: "since-the-start",
            asks: "Those are all requests since the start. A bad last minute would not be seen for hours.",
        })
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
