//! `GET /live`: server-sent events for the page.
//!
//! | event | when | data |
//! |---|---|---|
//! | `view` | once, first | the range of the rates, the [`Queries`] |
//! | `alerts` | at first and at every change, with `--pager` | the pager's list of alerts, or `unreachable`: since when and why |
//! | `points` | every second | the [`Point`]s the watcher has not seen, and [`Distribution`], [`Process`] and [`ModelNow`] now |
//!
//! The first `points` carries what is known of the last two minutes, or, when the
//! browser comes back after a lost connection and says what it saw last
//! (`Last-Event-ID`), only what it missed. The format is that of
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::model::ModelNow;
use super::panels::{Distribution, Point, Process, Queries, Range};
use super::{Live, MAX_WATCHERS, SHOWN_RANGE, stopped};
use golden_http::problem::{Detail, Invalid, Problem, ValidationError};

/// The first event: what the watcher will see.
#[derive(Serialize)]
struct View {
    range: String,
    queries: Queries,
}

/// The event of every second.
#[derive(Serialize)]
struct Points {
    points: Vec<Point>,
    distribution: Distribution,
    process: Process,
    model: ModelNow,
}

/// Stream the golden signals, once a second, as server-sent events
#[utoipa::path(
    get,
    path = "/live",
    tag = "live",
    params(("range" = Option<String>, Query, description = "Range of the rates: `10s` (default), `30s` or `1m`")),
    responses(
        (status = 200, description = "Events `view`, `alerts` and `points` until the service stops", content_type = "text/event-stream", body = String),
        (status = 422, description = "Unsupported range", body = ValidationError),
        (status = 503, description = "Too many watchers; `Retry-After` says when to retry", body = Detail),
    ),
)]
pub async fn live(
    State(live): State<Arc<Live>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    // As elsewhere: of several the last counts, and what is not known is ignored.
    let range = query.iter().rfind(|(name, _)| name == "range");
    let range = match range.map_or(Ok(Range::default()), |(_, text)| text.parse()) {
        Ok(range) => range,
        Err(error) => {
            let invalid = Invalid {
                loc: vec!["query".to_owned(), "range".to_owned()],
                msg: error.to_string(),
                kind: "enum",
            };
            return Problem::Invalid(vec![invalid]).into_response();
        }
    };
    let Some(seat) = live.sit_down() else {
        let full = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("limit of {MAX_WATCHERS} watchers reached; close one"),
        );
        return ([(header::RETRY_AFTER, "5")], full).into_response();
    };
    let seen = headers
        .get(HeaderName::from_static("last-event-id"))
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let watcher = Watcher::new(live, seat, range, seen);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy that collected the events would deliver them late.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(watcher.events())).into_response()
}

/// One open connection.
struct Watcher {
    live: Arc<Live>,
    range: Range,
    /// The newest point the browser has.
    seen: i64,
    newest: watch::Receiver<i64>,
    alerts: watch::Receiver<Bytes>,
    shutdown: watch::Receiver<bool>,
    greeted: bool,
    _seat: OwnedSemaphorePermit,
}

impl Watcher {
    fn new(live: Arc<Live>, seat: OwnedSemaphorePermit, range: Range, seen: Option<i64>) -> Self {
        let mut newest = live.newest.subscribe();
        let mut alerts = live.pager.subscribe();
        // What is there already is news to this watcher.
        newest.mark_changed();
        alerts.mark_changed();
        // A point from the future was seen before the clock was set back.
        let seen = seen.filter(|seen| *seen <= *newest.borrow());
        Self {
            range,
            seen: seen.unwrap_or(i64::MIN),
            newest,
            alerts,
            shutdown: live.shutdown.clone(),
            greeted: false,
            live,
            _seat: seat,
        }
    }

    fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, |mut watcher| async move {
            let event = watcher.next().await?;
            Some((Ok(event), watcher))
        })
    }

    /// The next event, or the end when the service stops.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            let view = View {
                range: self.range.to_string(),
                queries: Queries::new(self.range),
            };
            return Some(event("view", "", &view));
        }
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut self.shutdown) => return None,
                changed = self.alerts.changed() => {
                    changed.ok()?;
                    // The same bytes for all watchers: they may be many and slow.
                    let event = self.alerts.borrow_and_update().clone();
                    if !event.is_empty() {
                        return Some(event);
                    }
                }
                changed = self.newest.changed() => {
                    changed.ok()?;
                    let at = *self.newest.borrow_and_update();
                    if at > self.seen {
                        return Some(self.points(at));
                    }
                }
            }
        }
    }

    fn points(&mut self, at: i64) -> Bytes {
        let history = self.live.history();
        let shown = i64::try_from(SHOWN_RANGE.as_millis()).unwrap_or(i64::MAX);
        let after = self.seen.max(at - shown);
        let missed = history
            .scrapes()
            .filter(|scrape| *scrape > after && *scrape <= at);
        let points = Points {
            points: missed
                .map(|at| Point::at(&history, at, self.range))
                .collect(),
            distribution: Distribution::at(&history, at),
            process: Process::at(&history, at, self.range),
            model: ModelNow::at(&history, at),
        };
        drop(history);
        self.seen = at;
        event("points", &format!("id: {at}\n"), &points)
    }
}

/// An event as it is sent; `id` is the line of its id, if it has one.
fn event(name: &str, id: &str, data: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(data)
        .expect("these are structs of numbers and strings, which JSON can hold");
    format!("event: {name}\n{id}data: {json}\n\n").into()
}
