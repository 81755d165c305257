//! `POST /alerts`, `GET /alerts` and `GET /history`: what Alertmanager and Grafana
//! deliver, and what has come of it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::events::Event;
use super::notification::{Message, Notification, Refusal};
use super::pager::List;
use super::store::WHAT_REMAINS;
use super::{Role, places::Place};
use golden_http::body::{self, Body};
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};

/// Maximum size of a notification: some 1,700 alerts of honest size. `max_alerts` in
/// `prometheus/alertmanager.yml` keeps the stack's own far below it.
pub const MAX_BODY_BYTES: usize = 2 << 20;

/// What is answered where not all that was sent is shown.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct NotAll {
    /// Number of alerts that could not be read.
    #[schema(example = 1)]
    rejected: usize,
    /// Number of alerts that were dropped for want of room.
    #[schema(example = 3)]
    dropped: usize,
    /// What is wrong with those, and which alerts remain.
    detail: String,
}

/// List the groups of alerts, firing ones first
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    responses(
        (status = 200, description = "The groups of alerts, firing ones first; before them `WatchdogSilent` while Prometheus or Alertmanager is silent, and `PagerFull` if any were dropped", body = List),
        (status = 503, description = "Too many earlier lists are still being sent; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub(super) async fn list(State(role): State<Role>) -> Response {
    match role.pager.list() {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => busy("too many earlier lists of alerts are still being sent; try again"),
    }
}

/// List what has fired and when it ended, the latest first
#[utoipa::path(get, path = "/history", tag = "alerts",
    responses((status = 200, description = "The latest 200 changes of a group", body = Vec<Event>)))]
pub(super) async fn history(State(role): State<Role>) -> Json<Vec<Event>> {
    Json(role.pager.events())
}

/// Receive alerts: the webhook of Alertmanager and of Grafana
#[utoipa::path(
    post,
    path = "/alerts",
    tag = "alerts",
    request_body = Message,
    responses(
        (status = 200, description = "Received; some alerts could not be read, or were dropped since the pager is full", body = NotAll),
        (status = 204, description = "Received"),
        body::Refused,
        (status = 422, description = "Not a notification of version 4 (Alertmanager's) or 1 (Grafana's)", body = ValidationError),
        (status = 503, description = "Too many notifications at once; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub(super) async fn deliver(
    _place: Place,
    State(role): State<Role>,
    Body(body): Body<MAX_BODY_BYTES>,
) -> Result<Response, Problem> {
    let notification = Notification::read(&body).map_err(|refusal| {
        role.pager.metrics.refused.inc();
        problem(&refusal)
    })?;
    drop(body);
    let (rejected, reasons) = (notification.rejected, notification.reasons.join("; "));
    if rejected > 0 {
        tracing::warn!(rejected, %reasons, "alerts that cannot be read");
    }
    let dropped = role.pager.deliver(notification);
    // What is acknowledged survives a restart.
    role.history.save(&role.pager).await;
    if rejected == 0 && dropped == 0 {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut detail = Vec::new();
    if rejected > 0 {
        detail.push(reasons);
    }
    if dropped > 0 {
        detail.push(format!("the pager is full: {WHAT_REMAINS}"));
    }
    // Not an error: the sender would send the same again, to no other end.
    let answer = NotAll {
        rejected,
        dropped,
        detail: detail.join("; "),
    };
    Ok(Json(answer).into_response())
}

pub(super) fn busy(detail: &str) -> Response {
    let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    ([(header::RETRY_AFTER, "1")], busy).into_response()
}

fn problem(refusal: &Refusal) -> Problem {
    let invalid = match refusal {
        Refusal::Version(found) => {
            let msg =
                format!("must be \"4\", Alertmanager's, or \"1\", Grafana's; found {found:?}");
            Invalid::field("version", msg, "literal_error")
        }
        Refusal::Json(error) => Invalid {
            loc: vec!["body".to_owned()],
            msg: error.to_string(),
            kind: if error.is_data() {
                "model_type"
            } else {
                "json_invalid"
            },
        },
    };
    Problem::Invalid(vec![invalid])
}
