//! The alerts that were delivered, in bounded memory, whoever delivers and whoever
//! reads. Knows no HTTP.
//!
//! What is remembered, and what is dropped, is the [store](super::store)'s; whether anybody
//! is heard at all the [watchdog](super::watchdog)'s. The list of all is rendered once for
//! each change: every reader holds the same bytes. Two budgets bound the whole:
//! [`MAX_BYTES`](super::store::MAX_BYTES) for the list, and [`MAX_RENDERINGS`] lists at
//! once, since a reader that is slow holds the list of its time: 4 MiB together.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use golden_http::latest::Latest;
use tokio::sync::watch;

use super::alert::Alert;
use super::events::Event;
use super::metrics::Metrics;
use super::notification::Notification;
use super::store::{EVENT, Saved, Store};
use super::watchdog::Watchdog;

/// Maximum lists in memory: the newest, and earlier ones that are still being sent.
pub(crate) const MAX_RENDERINGS: usize = 16;

/// The alerts that were delivered and are not yet dropped.
#[derive(Debug)]
pub(super) struct Pager {
    state: Mutex<State>,
    /// What readers get: the list as a server-sent event.
    shown: Latest,
    pub(super) metrics: Metrics,
}

#[derive(Debug)]
struct State {
    store: Store,
    watchdog: Watchdog,
    /// What is shown is not what is remembered: there was no room to render it.
    stale: bool,
    /// What is remembered is not what was saved.
    unsaved: bool,
}

impl Pager {
    /// A pager that goes on from what was saved this long ago.
    pub(super) fn new(
        watchdog: Watchdog,
        metrics: Metrics,
        (saved, ago): (Saved, Duration),
    ) -> Self {
        let state = State {
            store: Store::restore(saved, ago),
            watchdog,
            stale: false,
            unsaved: true,
        };
        let shown = Latest::new(state.render(), MAX_RENDERINGS);
        metrics.set_firing(state.store.firing());
        Self {
            state: Mutex::new(state),
            shown,
            metrics,
        }
    }

    /// Takes a notification in; what it says of its groups replaces what was known of
    /// them. Subscribers are notified if anything changed. Returns how many alerts were
    /// dropped, these or earlier ones.
    pub(super) fn deliver(&self, notification: Notification) -> usize {
        let mut state = self.lock();
        self.metrics.received(notification.sender);
        self.metrics.rejected.inc_by(notification.rejected as u64);
        if let Some(status) = notification.watchdog {
            state.watchdog.hear(status);
        }
        state.unsaved |= !notification.groups.is_empty();
        for group in notification.groups {
            state.store.remember(group);
        }
        state.store.forget();
        let dropped = state.store.make_room();
        self.metrics.dropped.inc_by(dropped as u64);
        self.judge(&mut state);
        self.show(&mut state);
        dropped
    }

    /// A peer was asked for its health.
    pub(super) fn probed(&self, peer: &str, result: Result<(), String>) {
        self.lock().watchdog.probed(peer, result);
    }

    /// The alerts as JSON, firing ones first, then the most recently delivered; `None`
    /// while slow readers hold so many earlier lists that this one cannot be rendered.
    pub(super) fn list(&self) -> Option<Bytes> {
        self.tick();
        if self.lock().stale {
            return None;
        }
        let event = self.shown.get();
        Some(event.slice(EVENT[0].len()..event.len() - EVENT[1].len()))
    }

    /// The alerts now and at every change, as the event `alerts` of a stream of
    /// server-sent events.
    pub(super) fn subscribe(&self) -> watch::Receiver<Bytes> {
        self.tick();
        self.shown.subscribe()
    }

    /// What has fired and when it ended, the latest first.
    pub(super) fn events(&self) -> Vec<Event> {
        self.lock().store.events.list()
    }

    /// Forgets alerts that have been resolved or not repeated for long, and asks the
    /// watchdog. Called once a second.
    pub(super) fn tick(&self) {
        let mut state = self.lock();
        let forgot = state.store.forget();
        state.unsaved |= forgot;
        let judged = self.judge(&mut state);
        if forgot || judged || state.stale {
            self.show(&mut state);
        }
    }

    /// What is to be saved; `None` if that has been done.
    pub(super) fn to_save(&self) -> Option<Saved> {
        let mut state = self.lock();
        std::mem::take(&mut state.unsaved).then(|| state.store.save())
    }

    /// It could not be saved.
    pub(super) fn not_saved(&self) {
        self.metrics.history_failures.inc();
        self.lock().unsaved = true;
    }

    /// Whether the pager has raised or ended its own alert.
    fn judge(&self, state: &mut State) -> bool {
        let changed = state.watchdog.judge();
        let own = state.watchdog.alert();
        let heard = state.watchdog.last_heard();
        self.metrics.set_watchdog(heard, own.is_some());
        if changed {
            let (before, now) = if own.is_some() { (0, 1) } else { (1, 0) };
            let lead = own.map(|alert| alert.to_json());
            let name = super::watchdog::SILENT;
            state.store.events.note(name, before, now, lead.as_deref());
            state.unsaved = true;
        }
        changed
    }

    fn show(&self, state: &mut State) {
        self.metrics.set_firing(state.store.firing());
        state.stale = !self.shown.show(state.render());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic here cannot leave a half-changed alert behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `{"watchdog": {…}, "groups": [{"name", "firing", "resolved", "not_shown",
    /// "alerts": […]}, …]}`, firing groups first.
    fn render(&self) -> String {
        let groups = self.store.groups();
        let alerts = groups.iter().flat_map(|group| &group.alerts);
        let size: usize = alerts.map(|alert| alert.json.len() + 1).sum();
        let mut text = String::with_capacity(size + 4_096 + groups.len() * 128);
        text.push_str(EVENT[0]);
        text.push_str("{\"watchdog\":");
        text.push_str(&json(&self.watchdog.standing()));
        text.push_str(",\"groups\":[");
        let mut between = "";
        for notice in [self.watchdog.alert(), self.store.notice()]
            .into_iter()
            .flatten()
        {
            let name = notice.label("alertname").to_owned();
            push_group(&mut text, between, &name, [1, 0, 0], &[&notice.to_json()]);
            between = ",";
        }
        let (firing, resolved): (Vec<_>, Vec<_>) =
            groups.iter().partition(|group| group.count_firing() > 0);
        for group in firing.into_iter().chain(resolved) {
            let alerts: Vec<_> = group.alerts.iter().map(|alert| &*alert.json).collect();
            let (firing, resolved) = (group.count_firing(), group.count_resolved());
            let not_shown = firing.saturating_add(resolved) - alerts.len();
            let counts = [firing, resolved, not_shown];
            push_group(&mut text, between, &group.name, counts, &alerts);
            between = ",";
        }
        text.push_str("]}");
        text.push_str(EVENT[1]);
        text
    }
}

fn push_group(
    text: &mut String,
    between: &str,
    name: &str,
    [firing, resolved, not_shown]: [usize; 3],
    alerts: &[&str],
) {
    let name = json(&name);
    // A string takes whatever is written to it.
    let _ = write!(
        text,
        "{between}{{\"name\":{name},\"firing\":{firing},\"resolved\":{resolved},\
         \"not_shown\":{not_shown},\"alerts\":["
    );
    for (number, alert) in alerts.iter().enumerate() {
        text.push_str(if number == 0 { "" } else { "," });
        text.push_str(alert);
    }
    text.push_str("]}");
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers, which JSON can hold")
}

/// The groups as `GET /alerts` lists them, for the API's description.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "rendered by hand, once for all readers")]
pub(super) struct List {
    /// Whether Prometheus and Alertmanager are heard.
    watchdog: super::watchdog::Standing,
    /// Firing ones first.
    groups: Vec<Listed>,
}

/// A group of alerts that were reported together.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "rendered by hand, once for all readers")]
pub(super) struct Listed {
    /// What its alerts are called.
    name: String,
    /// Number of its alerts that fire.
    firing: usize,
    /// Number of its alerts that have been resolved lately.
    resolved: usize,
    /// Number of its alerts that are not in the list.
    not_shown: usize,
    /// The first of its alerts.
    alerts: Vec<Alert>,
}

#[cfg(test)]
mod tests;
