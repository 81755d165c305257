//! What panels show over time, by a Prometheus of the checker's own, and just now, by the one
//! that runs. Which panel shows which signal is found before.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::signals::SIGNALS;
use super::{Found, same};
use crate::api::Api;
use crate::backfill::Backfilled;
use crate::dashboard::Query;
use crate::finding::{Finding, Judgement, ensure};
use crate::promtool::Scene;

/// A panel is a graph: a real Prometheus is asked for the last minute of each scene.
pub(super) fn in_graphs(scenes: &[Scene], panels: &[Query], found: &[Found]) -> Judgement {
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

/// What the panels show just now; an empty one may have its reason in the traffic.
pub(super) fn on_running_prometheus(api: &Api, panels: &[Query]) -> Result<String, Finding> {
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
