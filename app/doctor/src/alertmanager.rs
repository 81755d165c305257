//! The link `alertmanager`: Prometheus knows it, gets through to it, and it is
//! ready.

use http::StatusCode;

use super::exposition::sum;
use super::prometheus::{api, query};
use super::report::Finding;
use super::{Context, Doctor, Verdict};

const PATH: &str = "/api/v1/alertmanagers";

const ERRORS: &str = "prometheus_notifications_errors_total";

/// Alerts that Prometheus could not deliver, if it scrapes itself.
const UNDELIVERED: &str = "sum(increase(prometheus_notifications_errors_total[2m]))";

pub(super) async fn is_known(doctor: &Doctor, context: &Context) -> Verdict {
    let known = if context.prometheus_answers {
        Some(known(doctor).await?)
    } else {
        None
    };
    let peer = &doctor.alertmanager;
    let ready = peer.get("/-/ready", &[]).await?;
    if ready.status != StatusCode::OK {
        return Err(peer.unexpected(&ready));
    }
    let status = peer.get_json("/api/v2/status", &[]).await?;
    let version = status["versionInfo"]["version"].as_str();
    let version = version.unwrap_or("of unknown version");
    let ready = format!("{} is ready, {version}", peer.base());
    let Some(sent_to) = known else {
        return Ok(Finding::ok(ready));
    };
    let observed = format!("{ready}; Prometheus sends to {sent_to}");
    match lost(doctor).await? {
        None => Ok(Finding::ok(observed)),
        Some(doubt) => {
            let remedy = "The job prometheus of prometheus.yml lets Prometheus scrape itself: then this is known a moment later.";
            Ok(Finding::warning(format!("{observed}; {doubt}"), remedy))
        }
    }
}

/// Where Prometheus sends alerts to.
async fn known(doctor: &Doctor) -> Result<String, Finding> {
    let prometheus = &doctor.prometheus;
    let data = api(prometheus, PATH, &[]).await?;
    let url = prometheus.base().join(PATH, &[]);
    let urls = |field: &str| -> Vec<String> {
        let list = data[field].as_array().map(Vec::as_slice);
        let urls = list.unwrap_or_default().iter();
        urls.filter_map(|entry| Some(entry["url"].as_str()?.to_owned()))
            .collect()
    };
    let (active, dropped) = (urls("activeAlertmanagers"), urls("droppedAlertmanagers"));
    if active.is_empty() {
        let observed = if dropped.is_empty() {
            "Prometheus knows no Alertmanager".to_owned()
        } else {
            format!(
                "Prometheus dropped every Alertmanager it found: {}",
                dropped.join(", ")
            )
        };
        let remedy = "prometheus.yml needs alerting: alertmanagers: with targets: ['alertmanager:9093'] in compose, ['127.0.0.1:9093'] natively,\n\
                      and no relabel_configs that drop it. Then reload: `docker compose restart prometheus`, or natively POST /-/reload.";
        return Err(Finding::broken(observed, remedy).asked(url));
    }
    let sent_to = active.join(", ");
    let failed = query(prometheus, UNDELIVERED).await?;
    if let Some(failed) = failed.first().filter(|failed| **failed > 0.0) {
        let observed =
            format!("{failed:.0} attempts to deliver alerts to {sent_to} failed in the last 2 min");
        let remedy = "Prometheus does not get through: in compose the target is alertmanager:9093 and it must run (`docker compose up -d alertmanager`);\n\
                      natively 127.0.0.1:9093. `docker compose logs prometheus` names the reason.";
        return Err(Finding::broken(observed, remedy).asked(url));
    }
    Ok(sent_to)
}

/// What cannot be known, if Prometheus does not scrape itself: whether alerts were lost
/// lately. That none was ever lost, it tells itself.
async fn lost(doctor: &Doctor) -> Result<Option<String>, Finding> {
    let prometheus = &doctor.prometheus;
    if !query(prometheus, UNDELIVERED).await?.is_empty() {
        return Ok(None);
    }
    let metrics = prometheus.get_text_format("/metrics").await?;
    Ok(match sum(&metrics, ERRORS, &[]) {
        Some(0.0) => None,
        Some(errors) => Some(format!(
            "{errors} attempts failed since it started, and whether lately is not known"
        )),
        None => Some("whether it gets through is not known".to_owned()),
    })
}
