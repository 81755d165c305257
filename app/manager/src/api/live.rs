//! `GET /live`: incoming messages, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `task_metrics` | a task's sample, as `GET /tasks/{id}/metrics` has it |
//! | `metrics` | a proplet's sample, as `GET /proplets/{id}/metrics` has it |
//! | `alive` | a liveness message: `proplet_id`, `status`, `namespace` |
//! | `missed` | number of events that a slow watcher missed |

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::selection::Parameters;
use crate::live::{self, Live, MAX_WATCHERS};
use golden_http::problem::{Detail, Problem};

/// Stream incoming messages
#[utoipa::path(get, path = "/live", tag = "live",
    params(
        ("proplet" = Option<String>, Query, description = "Events of this proplet only"),
        ("task" = Option<String>, Query, description = "Events of this task only"),
    ),
    responses(
        (status = 200, description = "Events `task_metrics`, `metrics`, `alive` and `missed` until the manager stops", content_type = "text/event-stream", body = String),
        (status = 503, description = "Too many watchers; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub async fn live(State(live): State<Arc<Live>>, mut parameters: Parameters) -> Response {
    let mut name = |name| parameters.take(name, |text| Ok(text.to_owned()));
    let (proplet, task) = (name("proplet"), name("task"));
    let Ok(seat) = Arc::clone(&live.watchers).try_acquire_owned() else {
        let full = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("limit of {MAX_WATCHERS} watchers reached; close one"),
        );
        return ([(header::RETRY_AFTER, "5")], full).into_response();
    };
    let watcher = Watcher {
        events: live.watch(),
        shutdown: live.shutdown.clone(),
        proplet,
        task,
        _seat: seat,
    };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response();
    // A proxy that collected the events would deliver them late.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Watcher {
    events: Receiver<Arc<live::Event>>,
    shutdown: watch::Receiver<bool>,
    proplet: Option<String>,
    task: Option<String>,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next event that is asked for, or the end when the manager stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let event = tokio::select! {
                biased;
                _ = self.shutdown.wait_for(|down| *down) => return None,
                event = self.events.recv() => event,
            };
            match event {
                Ok(event) if self.wants(&event) => {
                    return Some(Event::default().event(event.kind).data(&event.data));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    return Some(Event::default().event("missed").data(missed.to_string()));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, event: &live::Event) -> bool {
        let of_proplet = self.proplet.as_ref();
        let of_task = self.task.as_ref();
        of_proplet.is_none_or(|proplet| *proplet == event.proplet)
            && of_task.is_none_or(|task| event.task.as_ref() == Some(task))
    }
}
