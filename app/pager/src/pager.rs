//! The alerts that were delivered, in bounded memory, whoever delivers and whoever
//! reads. Knows neither HTTP nor the live page.
//!
//! What is remembered, and what is dropped, is the [store](super::store)'s. The list of
//! all is rendered once for each change: every reader holds the same bytes. Two budgets
//! bound the whole: [`MAX_BYTES`] for the list, and [`MAX_RENDERINGS`] lists at once,
//! since a reader that is slow holds the list of its time: 4 MiB together.
//!
//! After a restart the alerts that still fire come back with Alertmanager's
//! `repeat_interval`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::alert::Alert;
use super::store::{EVENT, Store};
pub use super::store::{
    FIRING_RETENTION, FULL, MAX_ALERTS, MAX_BYTES, RESOLVED_RETENTION, WHAT_REMAINS,
};

/// Maximum lists in memory: the newest, and earlier ones that are still being sent.
pub const MAX_RENDERINGS: usize = 16;

/// The alerts that were delivered and are not yet dropped.
#[derive(Debug)]
pub struct Pager {
    store: Mutex<Store>,
    /// What readers get: the list as a server-sent event.
    shown: watch::Sender<Bytes>,
    renderings: Arc<Semaphore>,
}

/// A rendered list, and its place among [`MAX_RENDERINGS`].
struct Rendering(
    String,
    #[expect(dead_code, reason = "held, not used")] OwnedSemaphorePermit,
);

impl AsRef<[u8]> for Rendering {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Default for Pager {
    fn default() -> Self {
        Self::new()
    }
}

impl Pager {
    /// A pager without alerts.
    #[must_use]
    pub fn new() -> Self {
        let empty = Store::default().render();
        Self {
            store: Mutex::default(),
            shown: watch::Sender::new(Bytes::from(empty)),
            renderings: Arc::new(Semaphore::new(MAX_RENDERINGS)),
        }
    }

    /// Takes alerts in; one that is known (by its fingerprint) replaces what was
    /// known of it. Subscribers are notified if anything changed. Returns how many
    /// alerts were dropped, these or earlier ones.
    pub fn deliver(&self, alerts: impl IntoIterator<Item = Alert>) -> usize {
        let mut store = self.lock();
        for alert in alerts {
            store.remember(alert.bounded());
        }
        store.forget();
        let dropped = store.make_room();
        self.show(&mut store);
        dropped
    }

    /// The alerts as a JSON list, firing ones first, then the most recently delivered;
    /// `None` while slow readers hold so many earlier lists that this one cannot be
    /// rendered.
    #[must_use]
    pub fn list(&self) -> Option<Bytes> {
        self.forget();
        if self.lock().stale {
            return None;
        }
        let event = self.shown.borrow();
        Some(event.slice(EVENT[0].len()..event.len() - EVENT[1].len()))
    }

    /// The alerts now and at every change, as the event `alerts` of a stream of
    /// server-sent events.
    pub fn subscribe(&self) -> watch::Receiver<Bytes> {
        self.forget();
        self.shown.subscribe()
    }

    /// Forgets alerts that have been resolved for [`RESOLVED_RETENTION`] or not
    /// repeated for [`FIRING_RETENTION`]. Called once a second while somebody
    /// watches.
    pub fn forget(&self) {
        let mut store = self.lock();
        if store.forget() || store.stale {
            self.show(&mut store);
        }
    }

    fn show(&self, store: &mut Store) {
        let rendered = store.render();
        store.stale = false;
        self.shown.send_if_modified(|shown| {
            if *shown == rendered {
                return false;
            }
            let Ok(place) = Arc::clone(&self.renderings).try_acquire_owned() else {
                store.stale = true;
                return false;
            };
            *shown = Bytes::from_owner(Rendering(rendered, place));
            true
        });
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        // A panic here cannot leave a half-changed alert behind.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::super::alert::Status;
    use super::*;

    fn alert(fingerprint: &str, status: Status, severity: &str, bytes: usize) -> Alert {
        let pairs = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), text.to_owned())]);
        let annotations = (0..bytes / 1_000).map(|n| (format!("{n:02}"), "x".repeat(990)));
        Alert {
            fingerprint: fingerprint.to_owned(),
            status,
            labels: pairs("severity", severity),
            annotations: annotations.collect(),
            starts_at: "2026-01-01T00:00:00Z".to_owned(),
            ends_at: String::new(),
            generator_url: String::new(),
        }
    }

    fn minor(fingerprint: &str, status: Status) -> Alert {
        alert(fingerprint, status, "minor", 0)
    }

    fn listed(pager: &Pager) -> Vec<Value> {
        serde_json::from_slice(&pager.list().unwrap()).unwrap()
    }

    fn fingerprints(pager: &Pager) -> Vec<String> {
        let alerts = listed(pager).into_iter();
        let text = alerts.map(|alert| alert["fingerprint"].as_str().unwrap().to_owned());
        text.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolved_alert_remains_visible_for_a_while() {
        let pager = Pager::new();
        pager.deliver([minor("a", Status::Firing), minor("b", Status::Firing)]);
        pager.deliver([minor("a", Status::Resolved)]);
        assert_eq!(fingerprints(&pager), ["b", "a"]);
        assert_eq!(listed(&pager)[1]["status"], "resolved");

        tokio::time::advance(RESOLVED_RETENTION).await;
        assert_eq!(fingerprints(&pager), ["b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_firing_alert_remains_as_long_as_it_is_repeated() {
        let pager = Pager::new();
        pager.deliver([
            minor("repeated", Status::Firing),
            minor("not", Status::Firing),
        ]);
        tokio::time::advance(FIRING_RETENTION / 2).await;
        pager.deliver([minor("repeated", Status::Firing)]);
        tokio::time::advance(FIRING_RETENTION / 2).await;
        assert_eq!(fingerprints(&pager), ["repeated"]);
    }

    #[tokio::test]
    async fn only_a_change_is_notified() {
        let pager = Pager::new();
        let mut watched = pager.subscribe();
        pager.deliver([minor("a", Status::Firing)]);
        assert!(watched.has_changed().unwrap());
        let event = watched.borrow_and_update().clone();
        assert!(event.starts_with(b"event: alerts\ndata: [{") && event.ends_with(b"}]\n\n"));
        // Alertmanager repeats itself.
        pager.deliver([minor("a", Status::Firing)]);
        assert!(!watched.has_changed().unwrap());
    }

    #[tokio::test]
    async fn all_readers_hold_the_same_bytes() {
        let pager = Pager::new();
        pager.deliver([minor("a", Status::Firing)]);
        let watched = pager.subscribe();
        let (first, second) = (pager.list().unwrap(), pager.list().unwrap());
        assert_eq!(first.as_ptr(), second.as_ptr());
        let event = watched.borrow().as_ptr().wrapping_add(EVENT[0].len());
        assert_eq!(first.as_ptr(), event);
    }

    #[tokio::test]
    async fn resolved_alerts_make_room_for_firing_ones() {
        let pager = Pager::new();
        pager.deliver([minor("old", Status::Resolved)]);
        let many = (0..MAX_ALERTS).map(|number| minor(&number.to_string(), Status::Firing));
        assert_eq!(pager.deliver(many), 1);
        assert_eq!(listed(&pager).len(), MAX_ALERTS + 1);
        assert!(!fingerprints(&pager).contains(&"old".to_owned()));
        // Of resolved ones the latest remain.
        let pager = Pager::new();
        let many = (0..=MAX_ALERTS).map(|number| minor(&number.to_string(), Status::Resolved));
        assert_eq!(pager.deliver(many), 1);
        assert!(!fingerprints(&pager).contains(&"0".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_pushes_no_critical_alert_out_and_what_it_loses_is_said() {
        let pager = Pager::new();
        pager.deliver([alert("login", Status::Firing, "critical", 0)]);
        pager.deliver([alert("first", Status::Firing, "minor", 8_000)]);
        let storm = |n: u32| alert(&format!("storm {n}"), Status::Firing, "minor", 8_000);
        let mut dropped = 0;
        for n in 0..200 {
            dropped += pager.deliver([storm(n)]);
        }
        let shown = fingerprints(&pager);
        assert!(pager.list().unwrap().len() <= MAX_BYTES + 1_024);
        assert_eq!(shown.len() + dropped, 202 + 1, "and the notice");
        for kept in ["login", "first", "storm 0"] {
            assert!(shown.iter().any(|known| known == kept), "{kept}: {shown:?}");
        }

        // One more that is critical has room, and what gives way is said.
        assert_eq!(
            pager.deliver([alert("late", Status::Firing, "critical", 8_000)]),
            1
        );
        dropped += 1;
        let alerts = listed(&pager);
        assert!(fingerprints(&pager).contains(&"late".to_owned()));
        assert_eq!(alerts[0]["labels"]["alertname"], FULL);
        let summary = format!("{dropped} deliveries of alerts were dropped");
        assert_eq!(alerts[0]["annotations"]["summary"], summary.as_str());
        assert!(alerts[0]["starts_at"].as_str().unwrap().ends_with('Z'));

        tokio::time::advance(FIRING_RETENTION).await;
        assert!(listed(&pager).is_empty());
    }

    #[test]
    fn the_limits_are_as_it_is_told() {
        let told = format!("{MAX_ALERTS} alerts and {} KiB", MAX_BYTES / 1024);
        assert!(WHAT_REMAINS.contains(&told));
    }

    #[tokio::test]
    async fn slow_readers_hold_so_many_lists_and_no_more() {
        let pager = Pager::new();
        let watched = pager.subscribe();
        let mut held = Vec::new();
        for n in 0..MAX_RENDERINGS {
            pager.deliver([minor(&n.to_string(), Status::Firing)]);
            held.push(pager.list().unwrap());
        }
        pager.deliver([minor("one more", Status::Firing)]);
        assert_eq!(pager.list(), None);
        // The newest that there was is what they see, until there is room again.
        let event = |text: &str| {
            let event = watched.borrow();
            std::str::from_utf8(&event).unwrap().contains(text)
        };
        assert!(event("15") && !event("one more"));
        held.remove(0);
        assert!(fingerprints(&pager).contains(&"one more".to_owned()));
        assert!(event("one more"));
    }
}
