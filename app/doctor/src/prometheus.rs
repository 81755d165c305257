//! The link `prometheus`: it answers and is ready. And how it is asked: the
//! [HTTP API](https://prometheus.io/docs/prometheus/latest/querying/api/).

use http::StatusCode;
use serde_json::Value;

use super::Verdict;
use super::peer::{Answer, Peer};
use super::report::Finding;

pub(super) async fn is_ready(prometheus: &Peer) -> Verdict {
    let ready = prometheus.get("/-/ready", &[]).await?;
    if ready.status == StatusCode::SERVICE_UNAVAILABLE {
        let observed = format!("not ready: {}", ready.describe());
        let remedy = "It is still reading what it wrote before its last start; run this again in a moment, or with --wait 60s.\n\
                      If it stays so: `docker compose logs prometheus`, or natively its log.";
        return Err(Finding::broken(observed, remedy).asked(&ready.url));
    }
    if ready.status != StatusCode::OK {
        return Err(prometheus.unexpected(&ready));
    }
    let built = api(prometheus, "/api/v1/status/buildinfo", &[]).await?;
    let version = built["version"].as_str().unwrap_or("of unknown version");
    Ok(Finding::ok(format!(
        "{} is ready, {version}",
        prometheus.base()
    )))
}

/// The `data` of an answer of the API.
pub(super) async fn api(
    prometheus: &Peer,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Value, Finding> {
    let answer = prometheus.get(path, query).await?;
    let mut json = prometheus.json(&answer)?;
    if json["status"] == "success" {
        Ok(json["data"].take())
    } else {
        Err(prometheus.unexpected(&answer))
    }
}

/// The numbers of an instant query's answer. What is no number, such as the
/// quantile of nothing, is left out: no graph shows it. A native histogram
/// counts as 0.
///
/// # Errors
///
/// What Prometheus, or who stands between, says instead, on one line.
pub(super) fn numbers(answer: &Answer) -> Result<Vec<f64>, String> {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status != StatusCode::OK || json["status"] != "success" {
        let said = json["error"].as_str().or_else(|| json["message"].as_str());
        return Err(said.map_or_else(|| answer.describe(), ToOwned::to_owned));
    }
    let result = &json["data"]["result"];
    let scalar = |pair: &Value| pair[1].as_str().and_then(|text| text.parse::<f64>().ok());
    let numbers: Vec<f64> = match json["data"]["resultType"].as_str() {
        Some("scalar") => scalar(result).into_iter().collect(),
        Some("vector") => {
            let series = result.as_array().map(Vec::as_slice).unwrap_or_default();
            let number = |series: &Value| {
                let histogram = series["histogram"].is_array().then_some(0.0);
                scalar(&series["value"]).or(histogram)
            };
            series.iter().filter_map(number).collect()
        }
        _ => return Err(format!("no vector and no scalar: {}", answer.describe())),
    };
    Ok(numbers
        .into_iter()
        .filter(|number| !number.is_nan())
        .collect())
}

/// What an instant query returns now.
pub(super) async fn query(prometheus: &Peer, expression: &str) -> Result<Vec<f64>, Finding> {
    let answer = prometheus
        .get("/api/v1/query", &[("query", expression)])
        .await?;
    numbers(&answer).map_err(|_| prometheus.unexpected(&answer))
}
