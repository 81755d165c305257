//! `POST /alerts` and `GET /alerts`: the pager.
//!
//! Alertmanager's webhook delivers here, and the live page shows the alerts.
//! The format is version 4 of
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.
//!
//! The pager only remembers: no rule, no route, no silence may enter; those are
//! Prometheus' and Alertmanager's. It remembers in memory: after a restart the
//! alerts that still fire come back with Alertmanager's `repeat_interval`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use golden_http::body::{self, Body};
use golden_http::problem::{Invalid, Problem, ValidationError};

/// Maximum alerts remembered: the oldest are dropped first, resolved ones before
/// firing ones.
pub const MAX_ALERTS: usize = 100;

/// How long a resolved alert remains visible.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(300);

/// How long a firing alert remains without being repeated. Alertmanager repeats
/// firing alerts every five minutes (`repeat_interval` in
/// `prometheus/alertmanager.yml`) and reports when they resolve, but not of an
/// alert that resolves while it is inhibited: without this it would fire for
/// ever.
pub const FIRING_RETENTION: Duration = Duration::from_secs(900);

/// Maximum labels or annotations of an alert, and characters of each: the page
/// shows no more, and memory must stay bounded.
const MAX_PAIRS: usize = 32;
const MAX_CHARACTERS: usize = 1_000;

/// Whether an alert is firing or resolved.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The condition holds.
    Firing,
    /// The condition has ended.
    Resolved,
}

/// An alert, as Alertmanager reports it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, utoipa::ToSchema)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct Alert {
    /// Alertmanager's hash of the labels, which identifies the alert.
    pub fingerprint: String,
    /// Whether it is firing or resolved.
    pub status: Status,
    /// `alertname`, `severity`, `level` and other labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `summary`, `description` and other annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When it started firing, RFC 3339.
    pub starts_at: String,
    /// When it resolved, RFC 3339. Meaningless while it fires.
    #[serde(default)]
    pub ends_at: String,
    /// The page in Prometheus that shows its query.
    #[serde(default, rename(deserialize = "generatorURL"))]
    pub generator_url: String,
}

/// What Alertmanager posts. Fields that the pager does not use are ignored.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct Notification {
    /// Version of the format; must be `"4"`.
    pub version: String,
    /// The alerts of one group.
    pub alerts: Vec<Alert>,
}

/// The alerts that were delivered and are not yet dropped.
#[derive(Debug)]
pub struct Pager {
    /// From the most recently delivered.
    remembered: Mutex<Vec<Remembered>>,
    shown: watch::Sender<Arc<[Alert]>>,
}

#[derive(Debug)]
struct Remembered {
    alert: Alert,
    delivered: Instant,
}

impl Default for Pager {
    fn default() -> Self {
        Self::new()
    }
}

impl Pager {
    /// A pager without alerts.
    pub fn new() -> Self {
        Self {
            remembered: Mutex::default(),
            shown: watch::Sender::new(Arc::default()),
        }
    }

    /// Takes alerts in; one that is known (by its fingerprint) replaces what was
    /// known of it. Subscribers are notified if anything changed.
    pub fn deliver(&self, alerts: impl IntoIterator<Item = Alert>) {
        let delivered = Instant::now();
        self.update(|remembered| {
            for alert in alerts {
                let alert = bounded(alert);
                remembered.retain(|known| known.alert.fingerprint != alert.fingerprint);
                remembered.insert(0, Remembered { alert, delivered });
            }
        });
    }

    /// The alerts, firing ones first, then the most recently delivered.
    pub fn alerts(&self) -> Arc<[Alert]> {
        self.forget();
        Arc::clone(&self.shown.borrow())
    }

    /// The alerts now and at every change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<[Alert]>> {
        self.forget();
        self.shown.subscribe()
    }

    /// Forgets alerts that have been resolved for [`RESOLVED_RETENTION`] or not
    /// repeated for [`FIRING_RETENTION`]. Called once a second by the live
    /// page's scraper.
    pub fn forget(&self) {
        self.update(|_| ());
    }

    fn update(&self, change: impl FnOnce(&mut Vec<Remembered>)) {
        // A panic here cannot leave a half-changed alert behind.
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut remembered);
        remembered.retain(|known| {
            let retention = match known.alert.status {
                Status::Firing => FIRING_RETENTION,
                Status::Resolved => RESOLVED_RETENTION,
            };
            known.delivered.elapsed() < retention
        });
        // Stable: among equals the most recent stays in front.
        remembered.sort_by_key(|known| known.alert.status == Status::Resolved);
        remembered.truncate(MAX_ALERTS);
        let now: Arc<[Alert]> = remembered.iter().map(|known| known.alert.clone()).collect();
        self.shown.send_if_modified(|shown| {
            let changed = **shown != *now;
            *shown = now;
            changed
        });
    }
}

fn bounded(mut alert: Alert) -> Alert {
    let truncate = |text: &mut String| {
        if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS) {
            text.truncate(end);
            text.push('…');
        }
    };
    for text in [
        &mut alert.fingerprint,
        &mut alert.starts_at,
        &mut alert.ends_at,
        &mut alert.generator_url,
    ] {
        truncate(text);
    }
    for pairs in [&mut alert.labels, &mut alert.annotations] {
        *pairs = std::mem::take(pairs)
            .into_iter()
            .take(MAX_PAIRS)
            .map(|(mut name, mut value)| {
                truncate(&mut name);
                truncate(&mut value);
                (name, value)
            })
            .collect();
    }
    alert
}

/// List the alerts, firing ones first
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    responses((status = 200, description = "The alerts, firing ones first", body = Vec<Alert>)),
)]
pub async fn list(State(pager): State<Arc<Pager>>) -> Json<Vec<Alert>> {
    Json(pager.alerts().to_vec())
}

/// Receive alerts: Alertmanager's webhook
#[utoipa::path(
    post,
    path = "/alerts",
    tag = "alerts",
    request_body = Notification,
    responses(
        (status = 204, description = "Received"),
        body::Refused,
        (status = 422, description = "Not a notification of version 4", body = ValidationError),
    ),
)]
pub async fn deliver(
    State(pager): State<Arc<Pager>>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let Notification { version, alerts } = notification(&body)?;
    if version != "4" {
        let msg = format!("must be \"4\", Alertmanager's; found {version:?}");
        let invalid = Invalid::field("version", msg, "literal_error");
        return Err(Problem::Invalid(vec![invalid]));
    }
    pager.deliver(alerts);
    Ok(StatusCode::NO_CONTENT)
}

fn notification(body: &[u8]) -> Result<Notification, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::Invalid(vec![Invalid {
            loc: vec!["body".to_owned()],
            msg: error.to_string(),
            kind: if error.is_data() {
                "model_type"
            } else {
                "json_invalid"
            },
        }])
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::response::IntoResponse;

    use super::*;

    fn alert(fingerprint: &str, status: Status) -> Alert {
        Alert {
            fingerprint: fingerprint.to_owned(),
            status,
            labels: BTreeMap::from([("alertname".to_owned(), "LoginDown".to_owned())]),
            annotations: BTreeMap::new(),
            starts_at: "2026-01-01T00:00:00Z".to_owned(),
            ends_at: String::new(),
            generator_url: String::new(),
        }
    }

    fn fingerprints(pager: &Pager) -> Vec<String> {
        let alerts = pager.alerts();
        alerts
            .iter()
            .map(|alert| alert.fingerprint.clone())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolved_alert_remains_visible_for_a_while() {
        let pager = Pager::new();
        pager.deliver([alert("a", Status::Firing), alert("b", Status::Firing)]);
        pager.deliver([alert("a", Status::Resolved)]);
        assert_eq!(fingerprints(&pager), ["b", "a"]);
        assert_eq!(pager.alerts()[1].status, Status::Resolved);

        tokio::time::advance(RESOLVED_RETENTION).await;
        assert_eq!(fingerprints(&pager), ["b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_firing_alert_remains_as_long_as_it_is_repeated() {
        let pager = Pager::new();
        pager.deliver([
            alert("repeated", Status::Firing),
            alert("not", Status::Firing),
        ]);
        tokio::time::advance(FIRING_RETENTION / 2).await;
        pager.deliver([alert("repeated", Status::Firing)]);
        tokio::time::advance(FIRING_RETENTION / 2).await;
        assert_eq!(fingerprints(&pager), ["repeated"]);
    }

    #[tokio::test]
    async fn only_a_change_is_notified() {
        let pager = Pager::new();
        let mut watched = pager.subscribe();
        pager.deliver([alert("a", Status::Firing)]);
        assert!(watched.has_changed().unwrap());
        assert_eq!(watched.borrow_and_update().len(), 1);
        // Alertmanager repeats itself.
        pager.deliver([alert("a", Status::Firing)]);
        assert!(!watched.has_changed().unwrap());
    }

    #[tokio::test]
    async fn resolved_alerts_make_room_for_firing_ones() {
        let pager = Pager::new();
        pager.deliver([alert("old", Status::Resolved)]);
        let many = (0..MAX_ALERTS).map(|number| alert(&number.to_string(), Status::Firing));
        pager.deliver(many);
        assert_eq!(pager.alerts().len(), MAX_ALERTS);
        assert!(!fingerprints(&pager).contains(&"old".to_owned()));
    }

    #[tokio::test]
    async fn a_long_alert_is_truncated() {
        let pager = Pager::new();
        let mut long = alert("a", Status::Firing);
        long.annotations = (0..100)
            .map(|n| (format!("a{n}"), "ä".repeat(5_000)))
            .collect();
        pager.deliver([long]);
        let alerts = pager.alerts();
        assert_eq!(alerts[0].annotations.len(), MAX_PAIRS);
        let text = alerts[0].annotations.values().next().unwrap();
        assert_eq!(text.chars().count(), MAX_CHARACTERS + 1);
        assert!(text.ends_with('…'));
    }

    /// What Alertmanager 0.33 sends, as its documentation has it.
    #[tokio::test]
    async fn alertmanagers_webhook_is_understood_and_nothing_else() {
        let pager = Arc::new(Pager::new());
        let notification = r#"{
          "version": "4", "groupKey": "{}:{alertname=\"SlowTail\"}", "truncatedAlerts": 0,
          "status": "firing", "receiver": "page", "groupLabels": {"alertname": "SlowTail"},
          "commonLabels": {"level": "3"}, "commonAnnotations": {}, "externalURL": "http://x:9093",
          "alerts": [{
            "status": "firing", "labels": {"alertname": "SlowTail", "level": "3"},
            "annotations": {"summary": "One percent waits much longer"},
            "startsAt": "2026-11-21T05:20:00.123+02:00", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://x:9090/graph", "fingerprint": "c01dcafe"
          }]
        }"#;
        let deliver = async |body: &'static str| {
            let answer = deliver(State(Arc::clone(&pager)), Body(Bytes::from(body))).await;
            answer.into_response().status()
        };
        assert_eq!(deliver(notification).await, StatusCode::NO_CONTENT);
        assert_eq!(pager.alerts()[0].generator_url, "http://x:9090/graph");

        for wrong in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"version":"3","alerts":[]}"#,
            r#"{"version":"4","alerts":[{}]}"#,
        ] {
            assert_eq!(
                deliver(wrong).await,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{wrong}"
            );
        }
        assert_eq!(pager.alerts().len(), 1);
    }
}
