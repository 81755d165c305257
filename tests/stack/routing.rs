//! What Alertmanager makes of alerts with the stack's configuration, and what of it comes to
//! the pager: inhibition, and groups of many.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::alerting::{on_pager, wait};
use crate::support::alertmanager::Alertmanager;
use crate::support::pager::{Pager, alerts};
use crate::support::{http, peers};

fn is_on_pager(pager: SocketAddr, name: &str) -> bool {
    on_pager(pager, name, "firing").is_ok() || on_pager(pager, name, "resolved").is_ok()
}

fn alert(name: &str, level: &str, job: &str) -> Value {
    json!({ "labels": { "alertname": name, "level": level, "job": job } })
}

/// As Prometheus sends it when it is resolved.
fn resolved(mut alert: Value) -> Value {
    alert["endsAt"] = json!("2026-01-01T00:00:01Z");
    alert["startsAt"] = json!("2026-01-01T00:00:00Z");
    alert
}

#[test]
fn the_highest_level_of_a_service_inhibits_the_others() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let running = Pager::start(&[]);
    let pager = running.address();
    let alertmanager = Alertmanager::of_the_stack(&binary, pager);
    let state = |name: &str| {
        let alerts = alertmanager.alerts();
        let found = alerts
            .iter()
            .find(|alert| alert["labels"]["alertname"] == name);
        found.map(|alert| alert["status"]["state"].clone())
    };

    // A level 2 alert that fired before anything else …
    alertmanager.send(&json!([alert("Early", "2", "app")]));
    wait("level 2 is notified", || on_pager(pager, "Early", "firing"));
    // … is inhibited from now on, as are all of a lower level for the same service.
    alertmanager.send(&json!([
        alert("Page", "1", "app"),
        alert("Lower", "2", "app"),
        alert("Planned", "3", "app"),
        alert("Elsewhere", "2", "student"),
        alert("PlannedElsewhere", "3", "student"),
    ]));
    wait("level 1 is notified", || on_pager(pager, "Page", "firing"));
    wait("level 2 of another service is notified", || {
        on_pager(pager, "Elsewhere", "firing")
    });
    for (name, expected) in [
        ("Page", "active"),
        ("Elsewhere", "active"),
        ("Lower", "suppressed"),
        ("Planned", "suppressed"),
        ("PlannedElsewhere", "suppressed"),
    ] {
        wait(&format!("{name} is {expected}"), || {
            let state = state(name);
            if state == Some(json!(expected)) {
                Ok(())
            } else {
                Err(json!(state))
            }
        });
    }

    // The end of an alert that is inhibited is not notified …
    alertmanager.send(&json!([resolved(alert("Early", "2", "app"))]));
    // … but Prometheus repeats it every minute for a quarter of an hour, and so it is
    // notified once nothing inhibits the alert any more.
    alertmanager.send(&json!([resolved(alert("Page", "1", "app"))]));
    wait("level 1 is resolved", || {
        on_pager(pager, "Page", "resolved")
    });
    wait("level 2 is resolved", || {
        alertmanager.send(&json!([resolved(alert("Early", "2", "app"))]));
        on_pager(pager, "Early", "resolved")
    });
    // An alert that still fires and was inhibited is notified now.
    wait("the inhibited alert is notified", || {
        on_pager(pager, "Lower", "firing")
    });
    // But it inhibits level 3 in turn.
    assert!(!is_on_pager(pager, "Planned"));
    assert!(!is_on_pager(pager, "PlannedElsewhere"));

    // If nothing is scraped, nothing else is notified.
    alertmanager.send(&json!([{ "labels": { "alertname": "NothingScraped", "level": "1" } }]));
    wait("everything else is inhibited", || {
        let states = ["Lower", "Elsewhere"].map(state);
        let suppressed = Some(json!("suppressed"));
        if states.iter().all(|state| *state == suppressed) {
            Ok(())
        } else {
            Err(json!(states))
        }
    });
}

/// The manager is one job and reports on many proplets: an alert on one of them, or on the
/// manager, inhibits no alert on another's tasks.
#[test]
fn a_silent_proplet_inhibits_alerts_on_its_own_tasks_only() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let pager = Pager::start(&[]);
    let alertmanager = Alertmanager::of_the_stack(&binary, pager.address());
    let of_manager = |name: &str, level: &str, proplet: Option<&str>| {
        let mut alert = alert(name, level, "manager");
        if let Some(proplet) = proplet {
            alert["labels"]["proplet"] = json!(proplet);
        }
        alert
    };
    alertmanager.send(&json!([
        of_manager("ManagerDisconnected", "2", None),
        of_manager("PropletSilent", "2", Some("gone")),
        of_manager("MessagesRejected", "3", None),
        of_manager("TaskMemoryLeak", "3", Some("gone")),
        of_manager("TaskDescriptorLeak", "3", Some("here")),
    ]));
    for (name, expected) in [
        ("MessagesRejected", "suppressed"),
        ("TaskMemoryLeak", "suppressed"),
        ("TaskDescriptorLeak", "active"),
        ("PropletSilent", "active"),
        ("ManagerDisconnected", "active"),
    ] {
        wait(&format!("{name} is {expected}"), || {
            let alerts = alertmanager.alerts();
            let state = alerts
                .iter()
                .find(|alert| alert["labels"]["alertname"] == name)
                .map(|alert| alert["status"]["state"].clone());
            if state == Some(json!(expected)) {
                Ok(())
            } else {
                Err(json!(state))
            }
        });
    }
}

/// An outage of many is delivered whole, as one group, and pushes nothing else away.
#[test]
fn six_hundred_alerts_of_one_name_are_one_group() {
    let Some(binary) = peers::require("prometheus-alertmanager") else {
        return;
    };
    let pager = Pager::start(&["--watchdog-timeout=0s"]);
    let alertmanager = Alertmanager::of_the_stack(&binary, pager.address());
    alertmanager.send(&json!([alert("ServiceDown", "1", "app")]));
    let storm: Vec<_> = (0..600)
        .map(|number| {
            let mut alert = alert("PropletSilent", "2", "manager");
            alert["labels"]["proplet"] = json!(format!("edge-{number:03}"));
            let long = "This proplet has sent nothing for a while. ".repeat(20);
            alert["annotations"] = json!({ "summary": "silent", "description": long });
            alert
        })
        .collect();
    alertmanager.send(&json!(storm));
    let (list, _) = wait("600 alerts are one group", || {
        let list = pager.list();
        let groups = list["groups"].as_array().expect("a list");
        let arrived = groups
            .iter()
            .any(|group| group["name"] == "PropletSilent" && group["firing"] == 600);
        if arrived && groups.len() == 2 {
            Ok(list)
        } else {
            Err(list)
        }
    });
    let shown = alerts(&list);
    assert!(shown.len() < 20, "{}", shown.len());
    assert!(on_pager(pager.address(), "ServiceDown", "firing").is_ok());
    // What Alertmanager calls the alert is what is computed where it says nothing.
    let known = alertmanager.alerts();
    let down = known
        .iter()
        .find(|alert| alert["labels"]["alertname"] == "ServiceDown");
    let fingerprint = down.expect("it is known")["fingerprint"].clone();
    let unnamed = json!({
        "version": "4", "alerts": [{
            "status": "resolved", "startsAt": "2026-01-01T00:00:00Z", "annotations": null,
            "labels": { "alertname": "ServiceDown", "level": "1", "job": "app" },
        }, {
            "status": "burning",
        }],
    });
    let answer = http::post(pager.address(), "/alerts", &unnamed);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["rejected"], 1);
    let list = pager.list();
    let now: Vec<_> = alerts(&list)
        .into_iter()
        .filter(|alert| alert["labels"]["alertname"] == "ServiceDown")
        .collect();
    assert_eq!(now.len(), 1, "{list:#}");
    assert_eq!(now[0]["fingerprint"], fingerprint);
    assert_eq!(now[0]["status"], "resolved");
    let metrics = pager.server.metrics();
    assert_eq!(metrics.value("pager_alerts_rejected_total", &[]), 1.0);
    let minor = [("severity", "other")];
    assert_eq!(metrics.value("pager_alerts_firing", &minor), 600.0);
}
