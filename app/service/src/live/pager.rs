//! The pager's alerts, for those who watch the live page: asked for once a second while
//! somebody watches, and shown as the pager lists them. Where the pager does not answer,
//! that is shown, and since when: a page that is calm because it hears nothing would lie.
//!
//! The pager is another process, which outlives this one; nothing is remembered here.

use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use golden_http::latest::Latest;
use golden_http_client::{BaseUrl, exchange};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long an answer may take, and how large it may be: twice what a pager lists.
const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_BYTES: usize = 512 * 1024;

/// Maximum lists in memory: the newest, and earlier ones that slow watchers still receive.
const MAX_LISTS: usize = 16;

/// The pager, where there is one.
#[derive(Debug)]
pub struct Pager {
    address: Option<BaseUrl>,
    /// The event for the watchers; empty before the first answer.
    shown: Latest,
}

/// What a pager lists; another server's JSON is not shown.
#[derive(Deserialize)]
struct List {
    #[serde(rename = "watchdog")]
    _watchdog: IgnoredAny,
    #[serde(rename = "groups")]
    _groups: Vec<IgnoredAny>,
}

impl Pager {
    /// The pager at this address; without one, no alerts are shown.
    #[must_use]
    pub fn new(address: Option<BaseUrl>) -> Self {
        Self {
            address,
            shown: Latest::new(String::new(), MAX_LISTS),
        }
    }

    /// The event `alerts`, now and at every change; empty while there is nothing to say.
    pub(super) fn subscribe(&self) -> watch::Receiver<Bytes> {
        self.shown.subscribe()
    }

    /// Asks again and again, for as long as it is polled.
    pub(super) async fn follow(&self) {
        let Some(address) = &self.address else { return };
        let mut every = interval(INTERVAL);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_since = None;
        loop {
            every.tick().await;
            let data = match list(address).await {
                Ok(list) => {
                    silent_since = None;
                    list
                }
                Err(reason) => {
                    let since = *silent_since.get_or_insert_with(SystemTime::now);
                    let since = humantime::format_rfc3339_seconds(since).to_string();
                    let pager = address.to_string();
                    json!({"unreachable": {"pager": pager, "since": since, "reason": reason}})
                        .to_string()
                }
            };
            self.shown.show(format!("event: alerts\ndata: {data}\n\n"));
        }
    }

    /// Nobody watches any more: whoever comes next must not see what was.
    pub(super) fn forget(&self) {
        self.shown.show(String::new());
    }
}

/// The pager's list, on one line.
async fn list(address: &BaseUrl) -> Result<String, String> {
    let request = Request::get(address.join("/alerts", &[]));
    let request = request
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = exchange(request, TIMEOUT, MAX_BYTES)
        .await
        .map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("it answers {}", answer.status()));
    }
    let body = answer.into_body();
    serde_json::from_slice::<List>(&body)
        .map_err(|error| format!("it answers no list of alerts: {error}"))?;
    let text = std::str::from_utf8(&body).map_err(|error| error.to_string())?;
    // In JSON a line's end stands between tokens only; in an event it would end the data.
    Ok(text.replace(['\n', '\r'], " "))
}
