//! The link `webhook`: Alertmanager has one, and what it sent has arrived.
//!
//! Where it leads cannot be read: Alertmanager holds its URL for a secret and
//! tells nobody. So its counters must say, and, where nothing has been sent yet,
//! `--send-test-alert`.

use super::exposition::sum;
use super::peer::Peer;
use super::prometheus::query;
use super::report::Finding;
use super::{Context, Doctor, Verdict};

const INTEGRATION: &str = "integration=\"webhook\"";
const SENT: &str = "alertmanager_notification_requests_total";
const FAILED: &str = "alertmanager_notification_requests_failed_total";

/// What failed lately, if Prometheus scrapes Alertmanager.
const FAILED_LATELY: &str =
    "sum(increase(alertmanager_notification_requests_failed_total{integration=\"webhook\"}[2m]))";

const REMEDY: &str = "The url under webhook_configs in prometheus/alertmanager.yml must be http://pager:8002/alerts in compose,\n\
     http://127.0.0.1:8002/alerts natively (in a container localhost is the container itself). `docker compose logs alertmanager`\n\
     names the reason. Then `docker compose restart alertmanager`, or natively POST /-/reload; --send-test-alert proves it.";

/// What Alertmanager counted since it started, over all webhooks.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub(super) made: f64,
    pub(super) failed: f64,
}

impl Calls {
    pub(super) async fn read(alertmanager: &Peer) -> Result<Self, Finding> {
        let metrics = alertmanager.get_text_format("/metrics").await?;
        let count = |metric| sum(&metrics, metric, &[INTEGRATION]).unwrap_or(0.0);
        Ok(Self {
            made: count(SENT),
            failed: count(FAILED),
        })
    }
}

pub(super) async fn delivers(doctor: &Doctor, context: &Context) -> Verdict {
    let peer = &doctor.alertmanager;
    let status = peer.get_json("/api/v2/status", &[]).await?;
    let configuration = status["config"]["original"].as_str().unwrap_or_default();
    let asked = peer.base().join("/api/v2/status", &[]);
    if !configuration.contains("webhook_configs:") {
        let observed = "no receiver of Alertmanager's configuration has a webhook";
        return Err(Finding::broken(observed, REMEDY).asked(asked));
    }
    let Calls { made: sent, failed } = Calls::read(peer).await?;
    let asked = peer.base().join("/metrics", &[]);
    if sent == 0.0 {
        let observed = "a webhook is configured, and nothing has been sent yet: whether it arrives is not known";
        let remedy = "With the stack's rules the alert Watchdog is sent every 15 s: run this again in a moment. --send-test-alert sends a test alert.";
        return Ok(Finding::warning(observed, remedy).asked(asked));
    }
    let lately = if context.prometheus_answers {
        query(&doctor.prometheus, FAILED_LATELY).await?
    } else {
        Vec::new()
    };
    let lately = lately.first().copied();
    let fails_now = lately.is_some_and(|failed| failed > 0.0);
    if failed >= sent || fails_now {
        let when = if failed >= sent {
            ""
        } else {
            ", also in the last 2 min"
        };
        let observed = format!("{failed} of {sent} attempts to call the webhook failed{when}");
        return Err(Finding::broken(observed, REMEDY).asked(asked));
    }
    let observed = format!("{} of {sent} calls arrived", sent - failed);
    if failed > 0.0 && lately.is_none() {
        let observed = format!(
            "{observed} since Alertmanager started; whether the {failed} that failed did so lately is not known"
        );
        let remedy = "Prometheus does not scrape Alertmanager, or has done so for less than two scrapes: the job alertmanager of prometheus.yml\n\
                      must be there. `docker compose logs alertmanager` names the last failure; --send-test-alert proves that it is over.";
        return Ok(Finding::warning(observed, remedy).asked(asked));
    }
    Ok(Finding::ok(observed))
}
