//! Prometheus' HTTP API: what a query returns at a moment, and over time
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::finding::Finding;
use crate::http::{self, encoded};
use crate::promtool::{Outcome, Returned};

/// Where the stack's Prometheus is.
pub const DEFAULT: &str = "http://127.0.0.1:9090";

/// A Prometheus that runs.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    address: SocketAddr,
}

impl Api {
    /// The one that listens there.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The one at this address, such as `http://127.0.0.1:9090`.
    ///
    /// # Errors
    ///
    /// `no-address`.
    pub fn at(url: &str) -> Result<Self, Finding> {
        http::address(url).map(Self::new)
    }

    /// What the query returns at this time, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// `prometheus-failed` if it does not answer.
    pub fn at_time(&self, query: &str, time: f64) -> Result<Outcome, Finding> {
        let answer = self.ask(&format!("query?query={}&time={time}", encoded(query)))?;
        Ok(error(&answer).map_or_else(|| Ok(moment(&answer["data"], time)), Err))
    }

    /// What a graph of it shows: at each of these times, `step` seconds apart.
    ///
    /// # Errors
    ///
    /// As [`Self::at_time`].
    pub fn over_time(
        &self,
        query: &str,
        times: &[f64],
        step: f64,
    ) -> Result<Vec<Outcome>, Finding> {
        let (Some(start), Some(end)) = (times.first(), times.last()) else {
            return Ok(Vec::new());
        };
        let query = encoded(query);
        let path = format!("query_range?query={query}&start={start}&end={end}&step={step}");
        let answer = self.ask(&path)?;
        let outcome = |time: &f64| match error(&answer) {
            Some(error) => Err(error),
            None => Ok(moment(&answer["data"], *time)),
        };
        Ok(times.iter().map(outcome).collect())
    }

    fn ask(&self, path: &str) -> Result<Value, Finding> {
        let failed = |what: String| Finding::new("prometheus-failed", what);
        let answer =
            http::request(self.address, "GET", &format!("/api/v1/{path}")).map_err(|error| {
                failed(format!(
                    "No Prometheus answers at {}: {error}.",
                    self.address
                ))
            })?;
        serde_json::from_str(&answer.body)
            .map_err(|error| failed(format!("{} is not a Prometheus: {error}.", self.address)))
    }
}

fn error(answer: &Value) -> Option<String> {
    let failed = answer["status"] != "success";
    failed.then(|| {
        answer["error"]
            .as_str()
            .unwrap_or("no reason given")
            .to_owned()
    })
}

// The values at this time, whichever shape the answer has.
fn moment(data: &Value, time: f64) -> Vec<Returned> {
    if let (Some("scalar"), Some(value)) = (data["resultType"].as_str(), number(&data["result"])) {
        let labels = BTreeMap::new();
        return vec![Returned { labels, value }];
    }
    let series = data["result"].as_array().into_iter().flatten();
    series
        .filter_map(|one| {
            let value = match one["values"].as_array() {
                None => number(&one["value"]),
                Some(values) => {
                    let then =
                        |pair: &&Value| pair[0].as_f64().is_some_and(|at| (at - time).abs() < 0.5);
                    values.iter().find(then).and_then(number)
                }
            }?;
            let labels = one["metric"].as_object().into_iter().flatten();
            let labels = labels
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect();
            Some(Returned { labels, value })
        })
        .collect()
}

// Of `[time, "value"]`.
fn number(pair: &Value) -> Option<f64> {
    pair[1].as_str()?.parse().ok()
}
