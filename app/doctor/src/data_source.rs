//! The link `data_source`: Grafana has the data source that the dashboards name,
//! and gets the service's data through it.

use golden_http_client::BaseUrl;
use http::StatusCode;
use serde_json::Value;

use super::prometheus::numbers;
use super::report::Finding;
use super::{Context, Doctor, Verdict};

/// The uid by which every panel names it.
pub(super) const UID: &str = "prometheus";

/// Grafana's own, where the data source states none.
const DEFAULT_TIME_INTERVAL: &str = "15s";

pub(super) async fn reaches_prometheus(doctor: &Doctor, context: &mut Context) -> Verdict {
    let source = configuration(doctor).await?;
    let reached = source["url"].as_str().unwrap_or("an unknown address");
    let stated = source["jsonData"]["timeInterval"].as_str();
    context.time_interval = humantime::parse_duration(stated.unwrap_or(DEFAULT_TIME_INTERVAL)).ok();
    health(doctor, reached).await?;

    let job = &doctor.options.job;
    let expression = format!("up{{job=\"{job}\"}}");
    let answer = doctor
        .grafana
        .get(&proxy(UID), &[("query", &expression)])
        .await?;
    let up = numbers(&answer).map_err(|said| {
        let observed = format!("Grafana asked Prometheus at {reached} and got: {said}");
        Finding::broken(observed, unreachable(reached)).asked(&answer.url)
    })?;
    if up.is_empty() {
        let observed = format!("data source {UID} ({reached}) answers, but knows no {expression}");
        let remedy = format!(
            "It leads to another Prometheus than {}: correct its url in grafana/provisioning/datasources (in compose\n\
             http://prometheus:9090, natively http://127.0.0.1:9090) and restart Grafana.",
            doctor.prometheus.base()
        );
        return Err(Finding::broken(observed, remedy).asked(&answer.url));
    }
    if let (Some(believed), Some(real)) = (context.time_interval, context.scrape_interval)
        && believed < real
    {
        let observed = format!(
            "timeInterval of data source {UID} is {believed:?}, but the service is scraped every {real:?}"
        );
        let remedy = "$__rate_interval becomes shorter than two scrapes, and rates are empty when one looks closely: set timeInterval in\n\
                      grafana/provisioning/datasources to the scrape interval and restart Grafana.";
        return Ok(Finding::warning(observed, remedy));
    }
    Ok(Finding::ok(format!("{UID} reaches {reached}")))
}

/// Where instant queries go through Grafana to the data source of this uid.
pub(super) fn proxy(uid: &str) -> String {
    format!("/api/datasources/proxy/uid/{uid}/api/v1/query")
}

/// The data source as Grafana has it; null if we may not see it.
async fn configuration(doctor: &Doctor) -> Result<Value, Finding> {
    let grafana = &doctor.grafana;
    let answer = grafana
        .get(&format!("/api/datasources/uid/{UID}"), &[])
        .await?;
    match answer.status {
        StatusCode::NOT_FOUND => {
            let observed = format!(
                "Grafana has no data source with uid {UID}; {}",
                others(doctor).await
            );
            let remedy = format!(
                "The panels name it by this uid. It must stand in grafana/provisioning/datasources as `uid: {UID}`; in compose the\n\
                 directory is mounted at /etc/grafana/provisioning, natively GF_PATHS_PROVISIONING says where it is. Grafana reads\n\
                 it only when it starts: `docker compose restart grafana`."
            );
            Err(Finding::broken(observed, remedy).asked(&answer.url))
        }
        // An enterprise licence may forbid reading and still allow querying.
        StatusCode::FORBIDDEN => Ok(Value::Null),
        _ => grafana.json(&answer),
    }
}

/// Which data sources there are instead.
async fn others(doctor: &Doctor) -> String {
    let list = doctor.grafana.get_json("/api/datasources", &[]).await;
    let list = list.unwrap_or_default();
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<_> = list
        .iter()
        .take(10)
        .map(|source| {
            let name = source["name"].as_str().unwrap_or("?");
            format!("{name} (uid {})", source["uid"].as_str().unwrap_or("?"))
        })
        .collect();
    if shown.is_empty() {
        "it shows none at all".to_owned()
    } else {
        format!("it has {}", shown.join(", "))
    }
}

/// What Grafana's own "Save & test" would say. Versions without a check for
/// Prometheus answer 404, others too when they cannot load the plugin; then the
/// query that follows decides.
async fn health(doctor: &Doctor, reached: &str) -> Result<(), Finding> {
    let path = format!("/api/datasources/uid/{UID}/health");
    let answer = doctor.grafana.get(&path, &[]).await?;
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if json["status"] != "ERROR" {
        return Ok(());
    }
    let said = json["message"].as_str().unwrap_or("no reason given");
    let observed = format!("Grafana does not get through to {reached}: {said}");
    Err(Finding::broken(observed, unreachable(reached)).asked(&answer.url))
}

fn unreachable(reached: &str) -> String {
    let loopback = reached.parse().is_ok_and(|url: BaseUrl| url.is_loopback());
    let hint = if loopback {
        "If Grafana runs in a container, localhost is the container itself. "
    } else {
        ""
    };
    format!(
        "{hint}The url in grafana/provisioning/datasources must be the one that Grafana can reach: in compose http://prometheus:9090,\n\
         natively http://127.0.0.1:9090. Then restart Grafana: `docker compose restart grafana`."
    )
}
