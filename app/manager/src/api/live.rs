//! `GET /live`: what arrives, as server-sent events.
//!
//! | event | data |
//! |---|---|
//! | `task_metrics` | a task's sample, as `GET /tasks/{id}/metrics` has it |
//! | `metrics` | a proplet's sample, as `GET /proplets/{id}/metrics` has it |
//! | `alive` | a sign of life: `proplet_id`, `status`, `namespace` |
//! | `missed` | how many events a watcher that is too slow has missed |

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
use crate::live::{Happening, Live, MOST_WATCHERS};
use golden_http::problem::{Detail, Problem};

/// What arrives, as it arrives.
#[utoipa::path(get, path = "/live", tag = "live",
    params(
        ("proplet" = Option<String>, Query, description = "Of this proplet only"),
        ("task" = Option<String>, Query, description = "Of this task only"),
    ),
    responses(
        (status = 200, description = "Events `task_metrics`, `metrics`, `alive` and `missed` until the manager stops", content_type = "text/event-stream", body = String),
        (status = 503, description = "As many watch as may; `Retry-After` says when to ask again", body = Detail),
    ),
)]
pub async fn live(State(live): State<Arc<Live>>, mut parameters: Parameters) -> Response {
    let mut name = |name| parameters.take(name, |text| Ok(text.to_owned()));
    let (proplet, task) = (name("proplet"), name("task"));
    let Ok(seat) = Arc::clone(&live.watchers).try_acquire_owned() else {
        let full = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{MOST_WATCHERS} watch already; close one"),
        );
        return ([(header::RETRY_AFTER, "5")], full).into_response();
    };
    let watcher = Watcher {
        happenings: live.watch(),
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
    happenings: Receiver<Arc<Happening>>,
    shutdown: watch::Receiver<bool>,
    proplet: Option<String>,
    task: Option<String>,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next event that is asked for, or the end when the manager stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let happening = tokio::select! {
                biased;
                _ = self.shutdown.wait_for(|down| *down) => return None,
                happening = self.happenings.recv() => happening,
            };
            match happening {
                Ok(happening) if self.wants(&happening) => {
                    return Some(Event::default().event(happening.kind).data(&happening.data));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    return Some(Event::default().event("missed").data(missed.to_string()));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, happening: &Happening) -> bool {
        let of_proplet = self.proplet.as_ref();
        let of_task = self.task.as_ref();
        of_proplet.is_none_or(|proplet| *proplet == happening.proplet)
            && of_task.is_none_or(|task| happening.task.as_ref() == Some(task))
    }
}
