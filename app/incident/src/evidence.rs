//! Whether a query is evidence: over the incident's time and the quiet time before it, do
//! its values tell the two apart? Prometheus evaluates it, arithmetic decides.
//!
//! A query that would tell any two times apart shows nothing. So one that reads the clock
//! is refused, and one that has a counter as it is, which only ever grows and so is a clock
//! too; and a series that has only grown through all of the quiet time.

use std::time::Duration;

use anyhow::{anyhow, bail};
use bytes::Bytes;
use golden_http_client::{BaseUrl, exchange};
use http::Request;
use serde_json::Value;

use simulation::incident::marks::{SEPARATES, separation};

/// Longer than Prometheus takes for one series of a few hundred points.
const TIMEOUT: Duration = Duration::from_secs(30);

/// More than a few series of some hundred points.
const MAX_BYTES: usize = 4 << 20;

/// Points of the whole time, at most.
const POINTS: f64 = 600.0;

/// The most of the time before the arming that counts as quiet, in seconds.
const QUIET_BEFORE: f64 = 300.0;

/// What reads the clock instead of the service.
const OF_THE_CLOCK: [&str; 10] = [
    "time",
    "timestamp",
    "hour",
    "minute",
    "month",
    "year",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
];

/// How the names of counters end. Only over a range do they say anything.
const OF_A_COUNTER: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// Fewer samples than these may grow by accident.
const A_FEW: usize = 20;

/// What became of the query.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Judgement {
    /// The AUC, if it was evaluated.
    pub(crate) separation: Option<f64>,
    /// Why it earns nothing, where it does not.
    pub(crate) why: Option<String>,
}

/// Judges the evidence of what was revealed.
pub(crate) async fn judge(prometheus: &BaseUrl, ended: &Value) -> Judgement {
    match judged(prometheus, ended).await {
        Ok(Some(separation)) => Judgement {
            separation: Some(separation),
            why: (separation < SEPARATES).then(|| {
                format!("it tells the incident from the quiet time by {separation:.2}, less than {SEPARATES}")
            }),
        },
        Ok(None) => Judgement::default(),
        Err(error) => Judgement {
            separation: None,
            why: Some(format!("{error:#}")),
        },
    }
}

async fn judged(prometheus: &BaseUrl, ended: &Value) -> anyhow::Result<Option<f64>> {
    let revealed = &ended["revealed"];
    let (Some(query), Some(onset), Some(visible), Some(over), Some(armed)) = (
        revealed["evidence"].as_str(),
        revealed["onset_at"].as_f64(),
        revealed["visible_at"].as_f64(),
        revealed["ended_at"].as_f64(),
        ended["game"]["armed_at"].as_f64(),
    ) else {
        // Nothing was given, or nothing was there to be shown.
        return Ok(None);
    };
    refuse_clocks(query)?;
    if over <= onset {
        bail!("the game was ended before the incident began");
    }
    // Of a game that was short the end must do.
    let seen = if visible < over {
        visible
    } else {
        onset + (over - onset) / 2.0
    };
    let start = armed - QUIET_BEFORE;
    let step = ((over - start) / POINTS).max(1.0);
    let points = range(prometheus, query, start, over, step).await?;
    let value_at = |at: f64| {
        let near = points
            .iter()
            .find(|(time, _)| (time - at).abs() < step / 2.0);
        near.map_or(f64::NEG_INFINITY, |(_, value)| *value)
    };
    let times = |from: f64, to: f64| {
        let steps = std::iter::successors(Some(start), move |at| Some(at + step));
        steps
            .skip_while(move |at| *at < from)
            .take_while(move |at| *at <= to)
    };
    let quiet: Vec<f64> = times(start, onset).map(value_at).collect();
    let incident: Vec<f64> = times(seen, over).map(value_at).collect();
    told_apart(&incident, &quiet).map(Some)
}

/// How well the two are told apart.
fn told_apart(incident: &[f64], quiet: &[f64]) -> anyhow::Result<f64> {
    // Before its first value the service was not running yet, or not scraped.
    let first = quiet.iter().position(|value| value.is_finite());
    let quiet = &quiet[first.unwrap_or(0)..];
    let grown = |pair: &[f64]| pair[0] <= pair[1];
    let is_longer = quiet.len() >= A_FEW && quiet.first() < quiet.last();
    if is_longer && quiet.windows(2).all(grown) {
        bail!("it has grown through all of the quiet time, too: take its rate, or deriv");
    }
    separation(incident, quiet)
        .ok_or_else(|| anyhow!("there is no sample of the incident, or none of the quiet time"))
}

/// The points of the one series that the query has.
async fn range(
    prometheus: &BaseUrl,
    query: &str,
    start: f64,
    end: f64,
    step: f64,
) -> anyhow::Result<Vec<(f64, f64)>> {
    let [start, end, step] = [start, end, step].map(|seconds| format!("{seconds:.3}"));
    let parameters = [
        ("query", query),
        ("start", start.as_str()),
        ("end", end.as_str()),
        ("step", step.as_str()),
    ];
    let request = Request::get(prometheus.join("/api/v1/query_range", &parameters));
    let answer = exchange(request.body(Bytes::new())?, TIMEOUT, MAX_BYTES)
        .await
        .map_err(|error| anyhow!("{prometheus}: {error}; --prometheus says where it is"))?;
    let json: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    if json["status"] != "success" {
        let said = json["error"]
            .as_str()
            .unwrap_or("not an answer of Prometheus");
        bail!("{prometheus}: {said}");
    }
    let series = json["data"]["result"].as_array();
    let series = series.map(Vec::as_slice).unwrap_or_default();
    if let [_, _, ..] = series {
        bail!(
            "it has {} series, and must have one: aggregate them, as with sum or max",
            series.len()
        );
    }
    let points = series
        .first()
        .and_then(|series| series["values"].as_array());
    let points = points.map(Vec::as_slice).unwrap_or_default();
    let point = |pair: &Value| {
        let value: f64 = pair[1].as_str()?.parse().ok()?;
        // The quantile of nothing is as good as absent.
        (!value.is_nan()).then_some((pair[0].as_f64()?, value))
    };
    Ok(points.iter().filter_map(point).collect())
}

/// Refuses functions of the time, the modifier `@`, and counters without a range. Within
/// quotation marks nothing is any of them.
fn refuse_clocks(query: &str) -> anyhow::Result<()> {
    let text = without_strings(query);
    if text.contains('@') {
        bail!("it reads the clock (@), which tells any two times apart");
    }
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|first: char| is_of_a_name(first) || first == '{') {
        let from = &rest[start..];
        let name = from.split(|character| !is_of_a_name(character)).next();
        let name = name.unwrap_or_default();
        if name.is_empty() {
            bail!("it has a selector without the name of a metric before the brace");
        }
        if OF_THE_CLOCK.contains(&name.to_lowercase().as_str()) {
            bail!("it reads the clock ({name}), which tells any two times apart");
        }
        let mut after = from[name.len()..].trim_start();
        if after.starts_with('{') {
            after = after
                .split_once('}')
                .map_or("", |(_, after)| after)
                .trim_start();
        }
        let is_counter = OF_A_COUNTER.iter().any(|end| name.ends_with(end));
        if is_counter && !after.starts_with('[') {
            bail!("it has the counter {name} as it is, which only grows: take its rate");
        }
        rest = after;
    }
    Ok(())
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || "_:".contains(character)
}

/// The query with its strings empty.
fn without_strings(query: &str) -> String {
    let mut outside = String::new();
    let mut quote = None;
    let mut escaped = false;
    for character in query.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if character == '\\' => escaped = true,
            Some(mark) if character == mark => quote = None,
            Some(_) => {}
            None if "\"'`".contains(character) => quote = Some(character),
            None => outside.push(character),
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_a_clock_is_refused() {
        for query in [
            "time() > 1764322000",
            "sum(up) * TIME()",
            "timestamp(up)",
            "up @ 1764322000",
            "minute() + 0 * sum(up)",
            "process_cpu_seconds_total > bool 12",
            r#"sum(http_requests_total{status="500"}) > 7"#,
            r#"{__name__="http_requests_total"}"#,
            r#"sum({"http_requests_total"})"#,
            "sum(http_request_duration_seconds_count)",
        ] {
            assert!(refuse_clocks(query).is_err(), "{query}");
        }
        for query in [
            "process_resident_memory_bytes",
            r#"sum(rate(x_total{path="time() @ \" hour"}[1m])) by (le)"#,
            "histogram_quantile(0.99, sum by (le) (rate(a_bucket [1m])))",
            "deriv(process_resident_memory_bytes[2m])",
            r#"sum(saturation_ratio{resource="queue"}) > 0.5"#,
            "absent(up) or (up == 0)",
        ] {
            assert!(
                refuse_clocks(query).is_ok(),
                "{query}: {:?}",
                refuse_clocks(query)
            );
        }
    }

    #[test]
    fn a_step_is_evidence_and_what_always_grows_is_not() {
        let none = f64::NEG_INFINITY;
        let flat: Vec<f64> = (0..40).map(|n| f64::from(n % 5)).collect();
        let high: Vec<f64> = flat.iter().map(|value| value + 10.0).collect();
        let apart = |incident: &[f64], quiet: &[f64]| told_apart(incident, quiet).ok();
        assert_eq!(apart(&high, &flat), Some(1.0));
        assert_eq!(apart(&flat, &flat), Some(0.5));
        // A condition that selects nothing while all is well.
        assert_eq!(apart(&[1.0; 9], &[none; 20]), Some(1.0));
        // The service was started while the quiet time was running.
        let started: Vec<f64> = [none; 30].into_iter().chain(flat.clone()).collect();
        assert_eq!(apart(&high, &started), Some(1.0));
        let slope: Vec<f64> = (0..40).map(f64::from).collect();
        let later: Vec<f64> = (40..60).map(f64::from).collect();
        assert_eq!(apart(&later, &slope), None);
        assert_eq!(apart(&[], &flat), None);
    }
}
