//! A real Prometheus that remembers scenes, as if it had scraped them: each some
//! hours after the one before, so that they do not meet.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::api::Api;
use crate::finding::Finding;
use crate::prometheus::Prometheus;
use crate::promtool::{Outcome, REMEDY, Scene};
use crate::scratch::Scratch;

// From scene to scene; also the length of Prometheus' blocks.
const SCENE_SPACING: u64 = 2 * 60 * 60;
const STEP: f64 = 5.0;
// A graph of the last minute of each scene, at these distances from its moment.
const GRAPH_OFFSETS: [f64; 5] = [-60.0, -45.0, -30.0, -15.0, 0.0];

/// A running Prometheus with the scenes. Dropping it ends it.
#[derive(Debug)]
pub struct Backfilled {
    api: Api,
    // The moment of each scene.
    moments: Vec<f64>,
    _prometheus: Prometheus,
}

impl Backfilled {
    /// One that remembers these scenes; none if Prometheus is not installed.
    ///
    /// # Errors
    ///
    /// `prometheus-failed`.
    pub fn start(scenes: &[Scene]) -> Result<Option<Self>, Finding> {
        let failed = |what: String| Finding::new("prometheus-failed", what);
        let (Some(promtool), Some(_)) = (peers::find("promtool"), peers::find("prometheus")) else {
            return Ok(None);
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        // All of it is over, and nothing so old that it would be thrown away.
        let first = now / SCENE_SPACING * SCENE_SPACING - SCENE_SPACING * (scenes.len() as u64 + 2);
        let mut text = String::new();
        let mut moments = Vec::new();
        for (scene, number) in scenes.iter().zip(0..) {
            let start = (first + SCENE_SPACING * number) as f64 + 60.0;
            for (name, values) in &scene.series {
                let values = expanded(values)
                    .ok_or_else(|| failed(format!("{name} in a scene: {values}")))?;
                let mut time = start;
                for value in values {
                    if let Some(value) = value {
                        let _ = writeln!(text, "{name} {value} {time}");
                    }
                    time += STEP;
                }
            }
            moments.push(start + f64::from(scene.at));
        }
        text += "# EOF\n";
        let io = |error: std::io::Error| failed(error.to_string());
        let data = Scratch::new().map_err(io)?;
        std::fs::write(data.path().join("scenes.om"), text).map_err(io)?;
        let output = Command::new(promtool)
            .args([
                "tsdb",
                "create-blocks-from",
                "--quiet",
                "openmetrics",
                "scenes.om",
                "data",
            ])
            .current_dir(data.path())
            .stdin(Stdio::null())
            .output()
            .map_err(io)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!(
                "promtool could not write the scenes: {said} {REMEDY}"
            )));
        }
        let prometheus = Prometheus::start_in(data, "scrape_configs: []\n", &[])?;
        Ok(Some(Self {
            api: Api::new(prometheus.address()),
            moments,
            _prometheus: prometheus,
        }))
    }

    /// What a graph of the query over the last minute of this scene shows.
    ///
    /// # Errors
    ///
    /// `prometheus-failed`.
    pub fn graph(&self, scene: usize, query: &str) -> Result<Vec<Outcome>, Finding> {
        let times = GRAPH_OFFSETS.map(|before| self.moments[scene] + before);
        self.api.over_time(query, &times, 15.0)
    }

    /// How long before the scene's moment a point of [`Self::graph`] is, in seconds.
    #[must_use]
    pub fn before(point: usize) -> f64 {
        -GRAPH_OFFSETS[point]
    }
}

// Values as promtool writes them: `1 2`, `5x3` (four fives), `0+10x3`, `_` (none).
fn expanded(values: &str) -> Option<Vec<Option<f64>>> {
    let mut all = Vec::new();
    for word in values.split_whitespace() {
        let Some((value, times)) = word.split_once('x') else {
            all.push(match word {
                "_" => None,
                _ => Some(word.parse().ok()?),
            });
            continue;
        };
        let times: u32 = times.parse().ok()?;
        let (start, step) = value.split_once('+').unwrap_or((value, "0"));
        let (start, step): (f64, f64) = (start.parse().ok()?, step.parse().ok()?);
        all.extend((0..=times).map(|n| Some(start + step * f64::from(n))));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::expanded;

    #[test]
    fn values_are_those_of_promtool() {
        let all = expanded("7 0+10x2 _ 1.5x1").unwrap_or_default();
        let all: Vec<_> = all.iter().map(|one| one.unwrap_or(-1.0)).collect();
        assert_eq!(all, [7.0, 0.0, 10.0, 20.0, -1.0, 1.5, 1.5]);
        assert_eq!(expanded("a+b"), None);
    }
}
