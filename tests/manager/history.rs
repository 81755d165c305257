//! The manager's history survives what ends the manager or the broker.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::support::manager::{Directory, Flood, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A broker that keeps all that it is given, also for those who are away.
const KEEPS_ALL: &str = "max_queued_messages 0\nmax_inflight_messages 1000\n";

fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((
        peers::require("mosquitto")?,
        peers::require("mosquitto_sub")?,
    ))
}

fn total(page: &Value) -> u64 {
    page["total"].as_u64().unwrap()
}

/// The times of all samples of a task, page by page.
fn times(manager: &Manager, task: &str) -> Vec<SystemTime> {
    let mut times = Vec::new();
    loop {
        let page = manager.get(&format!(
            "/tasks/{task}/metrics?limit=1000&offset={}",
            times.len()
        ));
        let samples = page["metrics"].as_array().unwrap();
        if samples.is_empty() {
            return times;
        }
        let of_page = samples
            .iter()
            .map(|sample| humantime::parse_rfc3339(sample["timestamp"].as_str().unwrap()).unwrap());
        times.extend(of_page);
    }
}

#[test]
fn kill_9_under_load_loses_nothing_and_doubles_nothing() {
    const MESSAGES: u64 = 30_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let mut manager = Manager::start(&broker.url(), &directory, &["--rate-limit", "100000"]);
    let now = now_ms();
    let messages = (0..MESSAGES).map(move |n| task_sample("p", "t", now - n).to_string());
    let mut flood = Flood::start(&sub, broker.address(), &topic("task_metrics"), messages);
    // Three times in the middle of it.
    for part in 1..=3 {
        let reached = MESSAGES * part / 5;
        manager.get_when("/tasks/t/metrics?limit=0", "a part of it", |page| {
            total(page) >= reached
        });
        manager.server.signal(Signal::KILL);
        drop(manager);
        manager = Manager::start(&broker.url(), &directory, &["--rate-limit", "100000"]);
        let kept = total(&manager.get("/tasks/t/metrics?limit=0"));
        assert!(kept >= reached, "{kept} of {reached} survived");
    }
    flood.wait();
    manager.get_when("/tasks/t/metrics?limit=0", "all of it", |page| {
        total(page) >= MESSAGES
    });
    let times = times(&manager, "t");
    let different: BTreeSet<_> = times.iter().collect();
    assert_eq!(
        (times.len() as u64, different.len() as u64),
        (MESSAGES, MESSAGES)
    );
    // Newest first, across pages.
    assert!(times.is_sorted_by(|a, b| a > b));
}

#[test]
fn the_manager_reconnects_and_its_proplets_survive_an_outage() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let mut broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let mut manager = Manager::start(&broker.url(), &directory, &[]);
    let now = now_ms();
    publish(
        &sub,
        broker.address(),
        &topic("alive"),
        &alive("p", "alive"),
    );
    manager.get_when("/proplets/p/alive-history", "a heartbeat", |page| {
        total(page) == 1
    });
    broker.kill();
    manager.metrics_when("it is noticed", |metrics| {
        metrics.value("manager_broker_connected", &[]) == 0.0
    });
    // The API does not need the broker.
    assert_eq!(manager.get("/proplets")["total"], json!(1));
    broker.restart();
    manager.metrics_when("it is back", |metrics| {
        metrics.value("manager_broker_connected", &[]) > 0.0
    });
    let sample = task_sample("p", "t", now).to_string();
    // The first subscription of the new connection may still be on its way.
    let taken = |manager: &Manager| total(&manager.get("/tasks/t/metrics")) == 1;
    while !taken(&manager) {
        publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    }
    assert!(manager.server.stop().success());
    drop(manager);

    let manager = Manager::start(&broker.url(), &directory, &[]);
    let proplet = manager.get("/proplets/p");
    // It is known, but not known to be alive: this manager has received no heartbeat.
    assert_eq!(
        (&proplet["alive"], &proplet["channel_id"]),
        (&json!(false), &json!("c"))
    );
    // Its name is still its own.
    let elsewhere = "m/d/c/other/control/proplet/alive";
    publish(&sub, broker.address(), elsewhere, &alive("p", "alive"));
    manager.metrics_when("it is rejected", |metrics| {
        let forged = [("reason", "forged")];
        metrics.value("manager_messages_rejected_total", &forged) == 1.0
    });
    // What has come before is known to have come.
    publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    manager.metrics_when("it is rejected", |metrics| {
        let duplicate = [("reason", "duplicate")];
        metrics.value("manager_messages_rejected_total", &duplicate) >= 1.0
    });
    assert_eq!(total(&manager.get("/tasks/t/metrics")), 1);
}

/// Or what proplets send before the manager is back would be acknowledged and lost. Of
/// shared subscriptions Mosquitto writes nothing down: the manager is alone.
#[test]
fn the_stacks_broker_is_killed_and_keeps_the_managers_session() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mosquitto/mosquitto.conf");
    let text = std::fs::read_to_string(file).unwrap();
    // Who may connect, where, what is logged and when it writes is the test's own.
    let own = ["listener", "allow_anonymous", "log_", "autosave_interval"];
    let lines = text
        .lines()
        .filter(|line| !own.iter().any(|key| line.starts_with(key)));
    let configuration = lines.collect::<Vec<_>>().join("\n");
    assert!(configuration.contains("/mosquitto/data/"));
    let configuration = format!("{configuration}\nautosave_interval 1");
    let mut broker = Mosquitto::start(
        &mosquitto,
        &configuration.replace("/mosquitto/data/", "DIRECTORY/"),
    );
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--group", "none"]);
    let saved = broker.directory().join("mosquitto.db");
    let begun = std::time::Instant::now();
    // The last of its filters.
    let filter = b"control/proplet/results";
    while !std::fs::read(&saved)
        .is_ok_and(|bytes| bytes.windows(filter.len()).any(|part| part == filter))
    {
        assert!(begun.elapsed().as_secs() < 60, "nothing is written down");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    manager.server.signal(Signal::KILL);
    drop(manager);
    broker.restart();
    let sample = task_sample("p", "t", now_ms()).to_string();
    publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    let manager = Manager::start(&broker.url(), &directory, &["--group", "none"]);
    manager.get_when("/tasks/t/metrics", "what came meanwhile", |page| {
        total(page) == 1
    });
}

#[test]
fn the_file_keeps_to_its_size_and_to_the_newest() {
    const MESSAGES: u64 = 30_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let limits = ["--history-size", "2MiB", "--rate-limit", "100000"];
    let manager = Manager::start(&broker.url(), &directory, &limits);
    let now = now_ms();
    // Oldest first, as they happen.
    let messages =
        (0..MESSAGES).map(move |n| task_sample("p", "t", now - MESSAGES + n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), messages).wait();
    manager.metrics_when("all of it has arrived", |metrics| {
        let kind = [("kind", "task_metrics")];
        metrics.value("manager_messages_total", &kind) >= MESSAGES as f64
    });
    let page = manager.get_when("/tasks/t/metrics?limit=1", "it is small again", |page| {
        // 2 MiB of rows of some 140 bytes with their index.
        total(page) < 20_000
    });
    assert!(total(&page) > 5_000, "{page}");
    let newest = crate::support::manager::rfc3339(now - 1);
    assert_eq!(page["metrics"][0]["timestamp"], json!(newest));
}

#[test]
fn what_is_too_old_is_forgotten() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--history-age", "1h"]);
    let now = now_ms();
    for age_s in [7_200, 5_400, 1_800, 0] {
        let sample = task_sample("p", "t", now - age_s * 1_000).to_string();
        publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    }
    manager.metrics_when("all of it has arrived", |metrics| {
        metrics.value("manager_messages_total", &[("kind", "task_metrics")]) >= 4.0
    });
    manager.get_when("/tasks/t/metrics", "the last hour", |page| total(page) == 2);
}

#[test]
fn a_file_that_is_not_a_history_is_refused_with_its_name() {
    let directory = Directory::new();
    std::fs::write(
        directory.history(),
        "not a database, but long enough to be read as one",
    )
    .unwrap();
    let run = |file: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_golden-signals"))
            .args([
                "manager",
                "--bind",
                "127.0.0.1:0",
                "--metrics-bind",
                "127.0.0.1:0",
            ])
            .args(["--history", file])
            .output()
            .unwrap()
    };
    for file in [
        directory.history(),
        "/does/not/exist/history.sqlite".to_owned(),
    ] {
        let output = run(&file);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        let errors: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        assert_eq!(errors.len(), 1, "{said}");
        assert!(
            errors[0].contains("--history") && errors[0].contains(&file),
            "{said}"
        );
    }
}

#[test]
fn a_damaged_history_is_moved_aside_and_monitoring_goes_on() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let mut manager = Manager::start(&broker.url(), &directory, &[]);
    let now = now_ms();
    let samples = (0..500).map(move |n| task_sample("p", "t", now - n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), samples).wait();
    manager.get_when("/tasks/t/metrics", "all", |page| total(page) == 500);
    assert!(manager.server.stop().success());
    // From the second page on, for three quarters of it.
    let file = directory.history();
    let mut bytes = std::fs::read(&file).unwrap();
    let end = bytes.len() / 4 * 3;
    bytes[4_096..end].fill(0xA5);
    std::fs::write(&file, bytes).unwrap();

    let manager = Manager::start(&broker.url(), &directory, &[]);
    let told = manager.server.log().into_iter().find(|line| {
        [
            file.as_str(),
            "damaged",
            "sqlite3 FILE .recover",
            ".damaged-",
        ]
        .iter()
        .all(|part| line.contains(part))
    });
    assert!(told.is_some(), "{:#?}", manager.server.log());
    let sample = task_sample("p", "t", now + 1).to_string();
    publish(&sub, broker.address(), &topic("task_metrics"), &sample);
    manager.get_when("/tasks/t/metrics", "the new one", |page| total(page) == 1);
}
