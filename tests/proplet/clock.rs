//! A proplet is told that its clock is wrong, and says so in its own log.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::manager::Directory;
use crate::support::mosquitto::publish;
use crate::support::peers;
use crate::support::proplet::{Running, broker, eventually, topic};
use serde_json::json;

#[test]
fn a_clock_that_is_ahead_is_said_once_by_whom_it_concerns() {
    let Some((broker, subscriber)) = broker() else {
        return;
    };
    let sub = peers::require("mosquitto_sub").unwrap();
    let directory = Directory::new();
    let log = directory.path().join("log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
    command
        .args([
            "proplet",
            "--domain-id",
            "d",
            "--channel-id",
            "c",
            "--entity-id",
            "p",
        ])
        .args(["--mqtt-address", &broker.url()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let _proplet = Running::command(&mut command);
    subscriber.json_when(&topic("control/proplet/alive"), "life", |all| {
        !all.is_empty()
    });
    let tell = |proplet: &str| {
        let notice = json!({"proplet_id": proplet, "ahead_seconds": 7200}).to_string();
        publish(
            &sub,
            broker.address(),
            &topic("control/manager/clock"),
            &notice,
        );
    };
    let said = || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.matches("clock is ahead of the manager's").count()
    };
    publish(
        &sub,
        broker.address(),
        &topic("control/manager/clock"),
        "[]",
    );
    tell("another");
    tell("p");
    eventually("it is said", || said() > 0);
    // What comes after is handled after.
    tell("p");
    let invocation = json!({"task_id": "t", "proplet_id": "p"}).to_string();
    publish(
        &sub,
        broker.address(),
        &topic("control/manager/invoke"),
        &invocation,
    );
    subscriber.json_when(
        &topic("control/proplet/invoke_results"),
        "an answer",
        |all| !all.is_empty(),
    );
    assert_eq!(said(), 1);
    assert!(std::fs::read_to_string(&log).unwrap().contains("7200s"));
}
