//! Several managers on one broker: what one leaves behind the others take over, signs of
//! life reach all of them, and each proves that its subscriptions deliver.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::manager::{Directory, Flood, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;
use crate::support::scaling::{Histories, scale};

/// Polls until the condition holds.
fn when(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < TIMEOUT, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// On a broker that queues what comes until it is noticed, as the stack's does: how long
/// that takes, on a machine that is busy with other work, is not for a test to say.
#[test]
fn managers_come_and_go_under_load_and_every_sample_is_stored_once() {
    let (Some(mosquitto), Some(sub)) =
        (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "max_queued_messages 0\n");
    let scaled = scale(&broker, 6_000, 2_000, Histories::Shared);
    assert_eq!((scaled.lost, scaled.doubled), (0, 0));
    assert_eq!(scaled.sum("manager_history_failures_total"), 0.0);
    let life = alive("p", "alive");
    publish(&sub, broker.address(), &topic("alive"), &life);
    for manager in &scaled.managers {
        // Every manager has heard of it, and it is written down once.
        manager.metrics_when("the proplet is up", |metrics| {
            metrics.sum("proplet_up", &[("proplet", "p")]) > 0.0
        });
        manager.metrics_when("knows who is left", |metrics| {
            metrics.value("manager_group_members", &[]) == 3.0
        });
        let heard = manager.get("/proplets/p/alive-history");
        assert_eq!(heard["total"], 1, "{heard:#}");
    }
}

/// The only one is renamed: what came meanwhile waits for whoever comes next.
#[test]
fn a_manager_of_another_name_takes_over_what_came_while_none_was_there() {
    const SAMPLES: u64 = 200;

    let (Some(mosquitto), Some(sub)) =
        (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    for group in ["golden-signals", "none"] {
        let directory = Directory::new();
        let task = format!("t-{group}");
        let start = |id: &str| {
            let arguments = ["--client-id", id, "--group", group];
            Manager::start(&broker.url(), &directory, &arguments)
        };
        let mut old = start("old");
        assert!(old.server.stop().success());
        let (now, name) = (now_ms(), task.clone());
        let samples = (0..SAMPLES).map(move |n| task_sample("p", &name, now - n).to_string());
        Flood::start(&sub, broker.address(), &topic("task_metrics"), samples).wait();
        let new = start("new");
        let all = |page: &serde_json::Value| page["total"] == SAMPLES;
        new.get_when(&format!("/tasks/{task}/metrics"), "all of them", all);
        new.metrics_when("the session of the old name", |metrics| {
            metrics.value("manager_sessions_taken_over_total", &[]) == 1.0
        });
    }
}

/// Mosquitto's access list is not asked when a client subscribes, only when something is
/// delivered: like a broker that takes `$share` for a word of a topic, it accepts the
/// subscription, and nothing comes.
#[test]
fn a_subscription_that_delivers_nothing_is_told_with_filter_and_remedy() {
    let Some(mosquitto) = peers::require("mosquitto") else {
        return;
    };
    let directory = Directory::new();
    let list = format!("{}.acl", directory.history());
    let read = ["create", "alive", "metrics", "results"];
    let read = read.map(|kind| format!("topic read m/+/c/+/control/proplet/{kind}\n"));
    let write = "topic readwrite golden-signals/#\ntopic write m/#\n";
    fs::write(&list, write.to_owned() + &read.concat()).unwrap();
    let mut broker = Mosquitto::start(&mosquitto, &format!("acl_file {list}\n"));
    let manager = Manager::start_connected(&broker.url(), &directory, &[]);
    let filter = "$share/golden-signals/m/+/c/+/control/proplet/task_metrics";
    when("it is told", || {
        let log = manager.server.log();
        log.iter().any(|line| {
            [filter, &broker.url(), "--group none", "\"ERROR\""]
                .iter()
                .all(|part| line.contains(*part))
        })
    });
    let metrics = manager.metrics();
    assert_eq!(metrics.value("manager_broker_connected", &[]), 1.0);
    assert_eq!(metrics.value("manager_subscription_ok", &[]), 0.0);
    // Once it may, it shows.
    fs::write(&list, "topic readwrite #\n").unwrap();
    broker.restart();
    manager.metrics_when("it delivers now", |metrics| {
        metrics.value("manager_subscription_ok", &[]) > 0.0
    });
}

#[test]
fn two_clients_of_one_name_are_told_so() {
    let Some(mosquitto) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, "");
    let directories = [Directory::new(), Directory::new()];
    let twins = directories
        .each_ref()
        .map(|directory| Manager::start_connected(&broker.url(), directory, &[]));
    let told = |twin: &Manager| {
        let log = twin.server.log();
        log.iter()
            .any(|line| line.contains("another client has the client id golden-signals-manager"))
    };
    when("it is told", || twins.iter().any(told));
}
