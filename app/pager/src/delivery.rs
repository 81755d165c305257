//! `POST /alerts` and `GET /alerts`: the pager.
//!
//! Alertmanager's webhook delivers here, and the live page shows the alerts.
//! The format is version 4 of
//! <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.
//!
//! - [`alert`]: an alert, and how much of it is kept.
//! - [`pager`]: the alerts that are remembered.
//!
//! The pager only remembers: no rule, no route, no silence may enter; those are
//! Prometheus' and Alertmanager's.

pub mod alert;
pub mod pager;
mod store;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

pub use self::alert::{Alert, Status};
pub use self::pager::Pager;
use golden_http::body::{self, Body};
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};

/// What Alertmanager posts. Fields that the pager does not use are ignored.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct Notification {
    /// Version of the format; must be `"4"`.
    pub version: String,
    /// The alerts of one group.
    pub alerts: Vec<Alert>,
}

/// What a full pager answers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Full {
    /// Number of alerts that were dropped for want of room.
    #[schema(example = 3)]
    pub dropped: usize,
    /// Which alerts remain.
    pub detail: String,
}

/// List the alerts, firing ones first
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    responses(
        (status = 200, description = "The alerts, firing ones first; before them the alert `PagerFull` if any were dropped", body = Vec<Alert>),
        (status = 503, description = "Too many earlier lists are still being sent; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub async fn list(State(pager): State<Arc<Pager>>) -> Response {
    match pager.list() {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => {
            let detail = "too many earlier lists of alerts are still being sent; try again";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            ([(header::RETRY_AFTER, "1")], busy).into_response()
        }
    }
}

/// Receive alerts: Alertmanager's webhook
#[utoipa::path(
    post,
    path = "/alerts",
    tag = "alerts",
    request_body = Notification,
    responses(
        (status = 200, description = "Received; alerts were dropped, since the pager is full", body = Full),
        (status = 204, description = "Received"),
        body::Refused,
        (status = 422, description = "Not a notification of version 4", body = ValidationError),
    ),
)]
pub async fn deliver(
    State(pager): State<Arc<Pager>>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let Notification { version, alerts } = notification(&body)?;
    if version != "4" {
        let msg = format!("must be \"4\", Alertmanager's; found {version:?}");
        let invalid = Invalid::field("version", msg, "literal_error");
        return Err(Problem::Invalid(vec![invalid]));
    }
    Ok(match pager.deliver(alerts) {
        0 => StatusCode::NO_CONTENT.into_response(),
        // Not an error: Alertmanager would send the same again, to no other end.
        dropped => Json(Full {
            dropped,
            detail: format!("the pager is full: {}", pager::WHAT_REMAINS),
        })
        .into_response(),
    })
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
    use serde_json::Value;

    use super::*;

    async fn post(pager: &Arc<Pager>, body: String) -> StatusCode {
        let answer = deliver(State(Arc::clone(pager)), Body(Bytes::from(body))).await;
        answer.into_response().status()
    }

    fn listed(pager: &Pager) -> Vec<Value> {
        serde_json::from_slice(&pager.list().unwrap()).unwrap()
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
        let status = post(&pager, notification.to_owned()).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert_eq!(listed(&pager)[0]["generator_url"], "http://x:9090/graph");

        for wrong in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"version":"3","alerts":[]}"#,
            r#"{"version":"4","alerts":[{}]}"#,
        ] {
            let status = post(&pager, wrong.to_owned()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
        assert_eq!(listed(&pager).len(), 1);
    }

    #[tokio::test]
    async fn an_answer_says_how_many_alerts_were_dropped() {
        let pager = Arc::new(Pager::new());
        let alerts: Vec<_> = (0..pager::MAX_ALERTS + 3)
            .map(|n| serde_json::json!({"fingerprint": n.to_string(), "status": "firing", "startsAt": ""}))
            .collect();
        let body = serde_json::json!({"version": "4", "alerts": alerts}).to_string();
        let answer = deliver(State(Arc::clone(&pager)), Body(Bytes::from(body))).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await;
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(body["dropped"], 3);
    }
}
