use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::super::group::{FIRING_RETENTION, MAX_OF_GROUP, RESOLVED_RETENTION};
use super::super::store::{FULL, MAX_ALERTS, MAX_BYTES, WHAT_REMAINS};
use super::*;

fn pager() -> Pager {
    restored(Saved::default(), Duration::ZERO)
}

fn restored(saved: Saved, ago: Duration) -> Pager {
    let metrics = Metrics::register(&mut Registry::default());
    Pager::new(Watchdog::new(Duration::ZERO, &[]), metrics, (saved, ago))
}

/// An alert of the group of its own name, with annotations of so many bytes.
fn alert(name: &str, status: &str, severity: &str, bytes: usize) -> Value {
    let annotations: serde_json::Map<_, _> = (0..bytes / 1_000)
        .map(|n| (format!("{n:02}"), json!("x".repeat(990))))
        .collect();
    json!({
        "status": status, "labels": {"alertname": name, "severity": severity},
        "annotations": annotations, "startsAt": "2026-01-01T00:00:00Z", "fingerprint": name,
    })
}

/// Many of one name.
fn storm(count: usize, status: &str) -> Vec<Value> {
    let one = |n: usize| {
        let mut alert = alert("Storm", status, "minor", 0);
        alert["fingerprint"] = json!(format!("storm {n}"));
        alert
    };
    (0..count).map(one).collect()
}

fn deliver(pager: &Pager, group: &str, truncated: usize, alerts: &[Value]) -> usize {
    let message = json!({
        "version": "4", "groupKey": group, "truncatedAlerts": truncated, "alerts": alerts,
    });
    pager.deliver(Notification::read(message.to_string().as_bytes()).unwrap())
}

fn fire(pager: &Pager, name: &str) {
    deliver(pager, name, 0, &[alert(name, "firing", "minor", 0)]);
}

fn groups(pager: &Pager) -> Vec<Value> {
    let list: Value = serde_json::from_slice(&pager.list().unwrap()).unwrap();
    list["groups"].as_array().unwrap().clone()
}

fn names(pager: &Pager) -> Vec<String> {
    let groups = groups(pager).into_iter();
    groups
        .map(|group| group["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Firing, resolved, not shown.
fn counts(group: &Value) -> [u64; 3] {
    ["firing", "resolved", "not_shown"].map(|name| group[name].as_u64().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_resolved_alert_remains_visible_for_a_while() {
    let pager = pager();
    fire(&pager, "a");
    fire(&pager, "b");
    deliver(&pager, "a", 0, &[alert("a", "resolved", "minor", 0)]);
    assert_eq!(names(&pager), ["b", "a"]);
    assert_eq!(groups(&pager)[1]["alerts"][0]["status"], "resolved");

    tokio::time::advance(RESOLVED_RETENTION).await;
    assert_eq!(names(&pager), ["b"]);
    let events: Vec<_> = pager.events();
    let events: Vec<_> = events
        .iter()
        .map(|event| (&*event.name, event.firing))
        .collect();
    assert_eq!(events, [("a", 0), ("b", 1), ("a", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_firing_alert_remains_as_long_as_it_is_repeated() {
    let pager = pager();
    fire(&pager, "repeated");
    fire(&pager, "not");
    tokio::time::advance(FIRING_RETENTION / 2).await;
    fire(&pager, "repeated");
    tokio::time::advance(FIRING_RETENTION / 2).await;
    assert_eq!(names(&pager), ["repeated"]);
}

#[tokio::test]
async fn only_a_change_is_notified_and_all_readers_hold_the_same_bytes() {
    let pager = pager();
    let mut watched = pager.subscribe();
    fire(&pager, "a");
    assert!(watched.has_changed().unwrap());
    let event = watched.borrow_and_update().clone();
    assert!(event.starts_with(b"event: alerts\ndata: {") && event.ends_with(b"]}\n\n"));
    // Alertmanager repeats itself.
    fire(&pager, "a");
    assert!(!watched.has_changed().unwrap());
    let list = pager.list().unwrap();
    assert_eq!(list.as_ptr(), event.as_ptr().wrapping_add(EVENT[0].len()));
}

#[tokio::test]
async fn a_message_says_all_of_its_group() {
    let pager = pager();
    deliver(&pager, "g", 0, &storm(3, "firing"));
    assert_eq!(counts(&groups(&pager)[0]), [3, 0, 0]);
    // One has ended, one is silenced.
    let mut alerts = storm(2, "firing");
    alerts[1]["status"] = json!("resolved");
    deliver(&pager, "g", 0, &alerts);
    assert_eq!(counts(&groups(&pager)[0]), [1, 1, 0]);
    // What has ended is not named again, and stays for a while.
    deliver(&pager, "g", 0, &alerts[..1]);
    assert_eq!(counts(&groups(&pager)[0]), [1, 1, 0]);
    // The same alert in another group: the configuration was changed.
    deliver(&pager, "h", 0, &alerts[..1]);
    let all = groups(&pager);
    assert_eq!((counts(&all[0]), counts(&all[1])), ([1, 0, 0], [0, 1, 0]));
}

#[tokio::test]
async fn a_storm_is_one_group_with_its_number() {
    let pager = pager();
    fire(&pager, "before");
    for (count, truncated) in [(600, 0), (100, 500)] {
        assert_eq!(
            deliver(&pager, "storm", truncated, &storm(count, "firing")),
            0
        );
        let group = groups(&pager)
            .into_iter()
            .find(|group| group["name"] == "Storm");
        let group = group.unwrap();
        assert_eq!(counts(&group), [600, 0, 600 - MAX_OF_GROUP as u64]);
        assert_eq!(group["alerts"].as_array().unwrap().len(), MAX_OF_GROUP);
    }
    fire(&pager, "after");
    assert_eq!(names(&pager), ["after", "Storm", "before"]);
    assert_eq!(pager.metrics.firing_minor(), 602);
    deliver(&pager, "storm", 0, &storm(600, "resolved"));
    assert_eq!(names(&pager), ["after", "before", "Storm"]);
    assert_eq!(counts(&groups(&pager)[2])[..2], [0, 600]);
}

#[tokio::test]
async fn resolved_alerts_make_room_for_firing_ones() {
    let pager = pager();
    deliver(&pager, "old", 0, &[alert("old", "resolved", "minor", 0)]);
    for number in 0..MAX_ALERTS {
        fire(&pager, &number.to_string());
    }
    assert_eq!(names(&pager).len(), MAX_ALERTS + 1);
    assert!(!names(&pager).contains(&"old".to_owned()));
    // A group that comes later does not fit.
    deliver(&pager, "storm", 0, &storm(5, "firing"));
    let kept = groups(&pager);
    assert!(kept.iter().all(|group| group["name"] != "Storm"));
}

#[tokio::test(start_paused = true)]
async fn a_storm_pushes_no_critical_alert_out_and_what_it_loses_is_said() {
    let pager = pager();
    let large = |name: &str, severity: &str| {
        deliver(&pager, name, 0, &[alert(name, "firing", severity, 8_000)])
    };
    deliver(
        &pager,
        "login",
        0,
        &[alert("login", "firing", "critical", 0)],
    );
    large("first", "minor");
    let mut dropped = 0;
    for n in 0..200 {
        dropped += large(&format!("storm {n}"), "minor");
    }
    let shown = names(&pager);
    assert!(pager.list().unwrap().len() <= MAX_BYTES + 1_024);
    assert_eq!(shown.len() + dropped, 202 + 1, "and the notice");
    for kept in ["login", "first", "storm 0"] {
        assert!(shown.iter().any(|known| known == kept), "{kept}: {shown:?}");
    }

    // One more that is critical has room, and what gives way is said.
    assert_eq!(large("late", "critical"), 1);
    dropped += 1;
    assert!(names(&pager).contains(&"late".to_owned()));
    let notice = &groups(&pager)[0];
    assert_eq!(notice["name"], FULL);
    let summary = format!("{dropped} deliveries of alerts were dropped");
    let notice = &notice["alerts"][0];
    assert_eq!(notice["annotations"]["summary"], summary.as_str());
    assert!(notice["starts_at"].as_str().unwrap().ends_with('Z'));

    tokio::time::advance(FIRING_RETENTION).await;
    assert!(names(&pager).is_empty());
}

#[test]
fn the_limits_are_as_it_is_told() {
    let told = format!("{MAX_ALERTS} alerts and {} KiB", MAX_BYTES / 1024);
    assert!(WHAT_REMAINS.contains(&told));
}

#[tokio::test]
async fn slow_readers_hold_so_many_lists_and_no_more() {
    let pager = pager();
    let watched = pager.subscribe();
    let mut held = Vec::new();
    for n in 0..MAX_RENDERINGS {
        fire(&pager, &format!("alert {n}"));
        held.push(pager.list().unwrap());
    }
    fire(&pager, "one more");
    assert_eq!(pager.list(), None);
    // The newest that there was is what they see, until there is room again.
    let event = |text: &str| {
        let event = watched.borrow();
        std::str::from_utf8(&event).unwrap().contains(text)
    };
    assert!(event("alert 15") && !event("one more"));
    held.remove(0);
    assert!(names(&pager).contains(&"one more".to_owned()));
    assert!(event("one more"));
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_is_there_after_a_restart() {
    let before = pager();
    deliver(&before, "storm", 500, &storm(100, "firing"));
    deliver(&before, "over", 0, &[alert("over", "resolved", "major", 0)]);
    let list = groups(&before);
    let saved = before.to_save().unwrap();
    assert!(before.to_save().is_none(), "nothing has changed since");
    let text = serde_json::to_string(&saved).unwrap();
    let read = || serde_json::from_str::<Saved>(&text).unwrap();
    assert_eq!(read(), saved);

    let after = restored(read(), Duration::from_secs(10));
    assert_eq!(groups(&after), list);
    assert_eq!(after.events(), before.events());
    // The time in between counts.
    let after = restored(read(), RESOLVED_RETENTION);
    assert_eq!(names(&after), ["Storm"]);
    let after = restored(read(), FIRING_RETENTION);
    assert!(names(&after).is_empty() && after.events().len() == 1);
    // An older one is replaced, not doubled.
    let after = restored(read(), Duration::ZERO);
    deliver(&after, "storm", 0, &storm(2, "firing"));
    assert_eq!(counts(&groups(&after)[0]), [2, 0, 0]);
}
