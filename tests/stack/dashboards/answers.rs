//! What Prometheus answers to a dashboard's query, asked as Grafana asks, and whether
//! there is anything to see in it.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::dashboard::{Query, Selection, list, text};
use super::promql;
use crate::support::prometheus::{Prometheus, percent_encoded};

const TIMEOUT: Duration = Duration::from_secs(120);

/// How old the newest sample that a query reads may be: the slowest rules are
/// evaluated every 15 s.
const FRESH_S: f64 = 25.0;

/// Polls until every one of the queries has a fresh number to show.
pub(crate) fn shows_something(
    prometheus: &Prometheus,
    queries: &[&Query],
    selection: &Selection<'_>,
) {
    let start = Instant::now();
    let mut waiting: Vec<_> = queries
        .iter()
        .map(|query| (*query, String::new()))
        .collect();
    while !waiting.is_empty() {
        waiting = waiting
            .into_iter()
            .filter_map(|(query, _)| {
                let reason = empty(prometheus, query, selection)?;
                Some((query, reason))
            })
            .collect();
        if waiting.is_empty() {
            return;
        }
        let reasons: Vec<_> = waiting
            .iter()
            .map(|(query, reason)| {
                format!("{}: {reason}\n  {}", query.place(), query.filled(selection))
            })
            .collect();
        let job = selection.job;
        assert!(
            start.elapsed() < TIMEOUT,
            "nothing to see of {job}:\n{}",
            reasons.join("\n")
        );
        thread::sleep(Duration::from_millis(500));
    }
}

/// Why the query shows nothing; `None` if it shows something.
fn empty(prometheus: &Prometheus, query: &Query, selection: &Selection<'_>) -> Option<String> {
    let expression = query.filled(selection);
    let series = last_points(prometheus, query, &expression);
    if series.is_empty() {
        return Some("no series".to_owned());
    }
    let number = |(_, value): &(Value, f64)| value.is_finite();
    if !series.iter().any(number) {
        return Some(format!("no number in {series:?}"));
    }
    // An alert's labels differ from alert to alert.
    for label in placeholders(&query.legend) {
        let named = series
            .iter()
            .any(|(labels, _)| labels.get(&label).is_some());
        if !named && !query.expression.contains("ALERTS") {
            return Some(format!("the legend's {label} is in no series"));
        }
    }
    let stale = |selector: &String| {
        let age = prometheus.number(&format!("time() - max(timestamp({selector}))"));
        // A status that never occurred has no series; whether the name exists is
        // another question, asked below.
        age.filter(|age| *age > FRESH_S)
            .map(|age| format!("{selector} is {age} s old"))
    };
    let names = promql::names(prometheus, &expression);
    names.selectors.iter().find_map(stale)
}

/// The newest point of each series, as a panel would get it: labels and number.
pub(crate) fn last_points(
    prometheus: &Prometheus,
    query: &Query,
    expression: &str,
) -> Vec<(Value, f64)> {
    let now = now_s();
    let expression = percent_encoded(expression);
    let number = |point: &Value| text(&point[1]).parse().expect("Prometheus writes numbers");
    if query.instant {
        let answer = prometheus.api(&format!("query?query={expression}&time={now}"));
        let series = list(&answer["result"]).iter();
        return series
            .map(|series| (series["metric"].clone(), number(&series["value"])))
            .collect();
    }
    // Grafana aligns a graph's ends to multiples of its step.
    let step = query.step_s();
    let end = now as u64 / step * step;
    let start = end - 4 * step;
    let range = format!("query_range?query={expression}&start={start}&end={end}&step={step}");
    let answer = prometheus.api(&range);
    list(&answer["result"])
        .iter()
        .filter_map(|series| {
            let point = list(&series["values"])
                .last()
                .expect("no series without points");
            let current = point[0].as_f64().expect("a time") >= end as f64;
            current.then(|| (series["metric"].clone(), number(point)))
        })
        .collect()
}

pub(crate) fn now_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is after 1970").as_secs_f64()
}

/// The labels in `{{…}}` of a legend.
pub(crate) fn placeholders(legend: &str) -> Vec<String> {
    legend
        .split("{{")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("}}")?.0.trim().to_owned()))
        .collect()
}
