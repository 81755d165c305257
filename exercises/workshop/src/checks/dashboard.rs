//! Exercise 8: a dashboard of the golden signals. Its panels' queries are
//! evaluated by Prometheus' own engine over series whose truth is known: what a
//! panel shows counts, not how it is written.

mod scenes;
mod signals;

use std::path::Path;

use self::signals::{SIGNALS, Signal};
use crate::dashboard::{Query, read};
use crate::finding::{Finding, Judgement, demand};
use crate::promtool::{Outcome, Scene, evaluate};

/// # Errors
///
/// The first finding.
pub fn check(file: &Path) -> Judgement {
    let panels = read(file)?;
    demand(!panels.is_empty(), "no-queries", || {
        "The dashboard has no panel with a query yet. What would you want to see first when \
         somebody calls and says \"it is broken\"?"
            .to_owned()
    })?;
    let scenes = scenes::all();
    // First those of the panels, then for each signal the right and the wrong
    // ones that are known.
    let mut queries: Vec<_> = panels.iter().map(|panel| panel.query.clone()).collect();
    for signal in SIGNALS {
        queries.extend(signal.right.iter().map(|right| (*right).to_owned()));
        queries.extend(signal.wrong.iter().map(|wrong| wrong.query.to_owned()));
    }
    let outcomes = evaluate(None, &scenes, &queries)?;
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
    for signal in SIGNALS {
        let known = |index: usize| -> Vec<Option<f64>> {
            let outcomes: Vec<Outcome> = of(index);
            outcomes
                .iter()
                .map(|outcome| signal.taken.of(outcome))
                .collect()
        };
        let right: Vec<_> = (next..next + signal.right.len()).map(known).collect();
        next += signal.right.len();
        let wrong: Vec<_> = (next..next + signal.wrong.len()).map(known).collect();
        next += signal.wrong.len();
        judge(signal, &scenes, &panels, &shown, &right, &wrong)?;
    }
    Ok(())
}

fn judge(
    signal: &Signal,
    scenes: &[Scene],
    panels: &[Query],
    shown: &[Vec<Outcome>],
    right: &[Vec<Option<f64>>],
    wrong: &[Vec<Option<f64>>],
) -> Judgement {
    let numbers: Vec<Vec<_>> = shown
        .iter()
        .map(|outcomes| {
            outcomes
                .iter()
                .map(|outcome| signal.taken.of(outcome))
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
    if let Some((panel, _, scale)) = fine.first().copied() {
        // One of them with a unit that fits is enough.
        let fits = fine.iter().any(|(panel, _, scale)| {
            let mut units = signal.units.iter();
            units.any(|(of, names)| of == scale && names.contains(&panels[*panel].unit.as_str()))
        });
        let panel = &panels[panel];
        demand(fits || signal.units.is_empty(), "unit", || {
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
        return demand(named, "untitled", || {
            format!(
                "A panel shows {}, and its title is \"{title}\". Will you know what it is at \
                 three in the morning?",
                signal.what
            )
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
