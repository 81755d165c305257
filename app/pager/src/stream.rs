//! `GET /live`: the list of alerts now and at every change, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Role;
use golden_http::problem::{Detail, Problem};

/// Maximum watchers at once: each holds a connection.
pub(super) const MAX_WATCHERS: usize = 64;

struct Watcher {
    alerts: watch::Receiver<Bytes>,
    shutdown: watch::Receiver<bool>,
    _seat: OwnedSemaphorePermit,
}

/// Stream the list of alerts, as server-sent events
#[utoipa::path(
    get,
    path = "/live",
    tag = "alerts",
    responses(
        (status = 200, description = "The event `alerts` at first and at every change, with what `GET /alerts` answers, until the pager stops", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many watchers; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub(super) async fn live(State(role): State<Role>) -> Response {
    let Ok(seat) = Arc::clone(&role.seats).try_acquire_owned() else {
        let full = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("limit of {MAX_WATCHERS} watchers reached; close one"),
        );
        return ([(header::RETRY_AFTER, "5")], full).into_response();
    };
    let mut alerts = role.pager.subscribe();
    // What is there already is news to this watcher.
    alerts.mark_changed();
    let watcher = Watcher {
        alerts,
        shutdown: role.shutdown.clone(),
        _seat: seat,
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy that collected the events would deliver them late.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

impl Watcher {
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            // An error means that the sender is gone: with it the pager.
            _ = self.shutdown.wait_for(|down| *down) => None,
            changed = self.alerts.changed() => {
                changed.ok()?;
                // The same bytes for all watchers: they may be many and slow.
                Some(self.alerts.borrow_and_update().clone())
            }
        }
    }
}
