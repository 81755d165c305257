//! The alerts that were delivered, in bounded memory, whoever delivers and whoever
//! reads. Knows neither HTTP nor the live page.
//!
//! Each alert is kept as the JSON that readers get, and the list of all is rendered
//! once for each change: every reader holds the same bytes. Two budgets bound the
//! whole: [`MAX_BYTES`] for the list, and [`MAX_RENDERINGS`] lists at once, since a
//! reader that is slow holds the list of its time: 4 MiB together.
//!
//! # What a full pager drops
//!
//! Resolved alerts first, the earliest delivered of them first. Then firing ones, by
//! their label `severity`: others, minor, major, critical. Among firing alerts of one
//! severity those stay that were there first: what somebody may be reading does not
//! vanish in a storm, whose first alerts are also the nearest to its cause. So a
//! critical alert gives way to nothing but earlier critical ones. What was dropped is
//! said by the delivery's result, by the alert [`FULL`] at the head of the list, and
//! by one warning in the log.
//!
//! After a restart the alerts that still fire come back with Alertmanager's
//! `repeat_interval`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::alert::{Alert, Severity, Status};

/// Maximum alerts remembered.
pub const MAX_ALERTS: usize = 100;

/// Maximum size of the list as JSON. An honest alert has about 1 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// Maximum lists in memory: the newest, and earlier ones that are still being sent.
pub const MAX_RENDERINGS: usize = 16;

/// How long a resolved alert remains visible.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(300);

/// How long a firing alert remains without being repeated. Alertmanager repeats
/// firing alerts every five minutes (`repeat_interval` in
/// `prometheus/alertmanager.yml`) and reports when they resolve, but not of an
/// alert that resolves while it is inhibited: without this it would fire for
/// ever.
pub const FIRING_RETENTION: Duration = Duration::from_secs(900);

/// The alert by which a pager says that it dropped others. It fires as long as one of
/// those may.
pub const FULL: &str = "PagerFull";

/// For those who are told that alerts were dropped.
pub const WHAT_REMAINS: &str = "it holds 100 alerts and 256 KiB: firing before resolved ones, \
    critical before major and minor ones, earlier before later ones; Alertmanager shows all";

/// An event of a stream of server-sent events, around the list.
const EVENT: [&str; 2] = ["event: alerts\ndata: ", "\n\n"];

/// The alerts that were delivered and are not yet dropped.
#[derive(Debug)]
pub struct Pager {
    store: Mutex<Store>,
    /// What readers get: the list as a server-sent event.
    shown: watch::Sender<Bytes>,
    renderings: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Store {
    /// From the most recently delivered.
    remembered: Vec<Remembered>,
    dropped: Option<Dropped>,
    /// Number of deliveries of an alert.
    delivered: u64,
    /// What is shown is not what is remembered: there was no room to render it.
    stale: bool,
}

#[derive(Debug)]
struct Remembered {
    fingerprint: String,
    status: Status,
    severity: Severity,
    json: String,
    /// When, and as which of all.
    delivered: (Instant, u64),
    /// As which of all it was first delivered.
    first: u64,
}

/// What was lost for want of room.
#[derive(Debug)]
struct Dropped {
    count: usize,
    since: SystemTime,
    last: Instant,
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

impl Store {
    fn remember(&mut self, alert: Alert) {
        let number = self.delivered;
        self.delivered += 1;
        let same = |known: &Remembered| known.fingerprint == alert.fingerprint;
        let known = self.remembered.iter().position(same);
        let known = known.map(|at| self.remembered.remove(at).first);
        let new = Remembered {
            status: alert.status,
            severity: alert.severity(),
            json: alert.to_json(),
            delivered: (Instant::now(), number),
            first: known.unwrap_or(number),
            fingerprint: alert.fingerprint,
        };
        self.remembered.insert(0, new);
    }

    /// Whether anything was forgotten.
    fn forget(&mut self) -> bool {
        let before = self.remembered.len();
        self.remembered.retain(|known| {
            let retention = match known.status {
                Status::Firing => FIRING_RETENTION,
                Status::Resolved => RESOLVED_RETENTION,
            };
            known.delivered.0.elapsed() < retention
        });
        // Alertmanager has repeated by now what was dropped then, if it still fires.
        let over = |dropped: &mut Dropped| dropped.last.elapsed() >= FIRING_RETENTION;
        let notice = self.dropped.take_if(over);
        notice.is_some() || self.remembered.len() < before
    }

    /// Drops what does not fit, and says so. Returns how many that were.
    fn make_room(&mut self) -> usize {
        let sized = |known: &Remembered| (known.rank(), known.json.len() + ",".len());
        let mut ranked: Vec<_> = self.remembered.iter().map(sized).collect();
        ranked.sort_unstable();
        let mut bytes = 0;
        let within = ranked.iter().take(MAX_ALERTS).take_while(|(_, size)| {
            bytes += size;
            bytes <= MAX_BYTES
        });
        let fit = within.count();
        let Some((first_dropped, _)) = ranked.get(fit).copied() else {
            return 0;
        };
        self.remembered.retain(|known| known.rank() < first_dropped);
        let count = ranked.len() - fit;
        let dropped = self.dropped.get_or_insert_with(|| {
            tracing::warn!(count, "alerts dropped: the pager is full");
            Dropped {
                count: 0,
                since: SystemTime::now(),
                last: Instant::now(),
            }
        });
        dropped.count += count;
        dropped.last = Instant::now();
        count
    }

    fn render(&self) -> String {
        let notice = self
            .dropped
            .as_ref()
            .map(|dropped| dropped.alert().to_json());
        let with = |status| {
            let remembered = self.remembered.iter();
            remembered.filter_map(move |known| (known.status == status).then_some(&known.json))
        };
        let alerts = with(Status::Firing).chain(with(Status::Resolved));
        let size: usize = self
            .remembered
            .iter()
            .map(|known| known.json.len() + 1)
            .sum();
        let mut text = String::with_capacity(size + 1_024);
        text.push_str(EVENT[0]);
        for (number, json) in notice.iter().chain(alerts).enumerate() {
            text.push_str(if number == 0 { "[" } else { "," });
            text.push_str(json);
        }
        text.push_str(if text.len() == EVENT[0].len() {
            "[]"
        } else {
            "]"
        });
        text.push_str(EVENT[1]);
        text
    }
}

impl Remembered {
    /// The least is the last to be dropped. No two are the same.
    fn rank(&self) -> (bool, Severity, u64) {
        match self.status {
            Status::Firing => (false, self.severity, self.first),
            Status::Resolved => (true, Severity::Other, u64::MAX - self.delivered.1),
        }
    }
}

impl Dropped {
    fn alert(&self) -> Alert {
        fn pairs<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
            BTreeMap::from(pairs.map(|(name, text)| (name.to_owned(), text)))
        }
        Alert {
            fingerprint: FULL.to_owned(),
            status: Status::Firing,
            labels: pairs([
                ("alertname", FULL.to_owned()),
                ("severity", "major".to_owned()),
                ("level", "2".to_owned()),
            ]),
            annotations: pairs([
                (
                    "summary",
                    format!("{} deliveries of alerts were dropped", self.count),
                ),
                ("description", format!("The pager is full: {WHAT_REMAINS}.")),
            ]),
            starts_at: humantime::format_rfc3339_seconds(self.since).to_string(),
            ends_at: String::new(),
            generator_url: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
