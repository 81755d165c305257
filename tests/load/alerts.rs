//! The service's memory under those who post alerts and those who do not read them.
//!
//! Peak resident memory is the kernel's account of the process.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::connection::{self, Connection};
use crate::support::http;
use crate::support::server::Server;
use serde_json::{Map, Value, json};

/// What the service may take at most, at any moment.
const MAX_PEAK_KIB: u64 = 64 * 1024;

/// Nearly as large as a body may be.
const BODY_BYTES: usize = 240_000;

/// The most that was ever resident, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("VmHWM is a number of kB")
}

/// One alert whose annotations are as many texts of so many bytes as fit in `bytes`.
fn alert(fingerprint: &str, text_bytes: usize, bytes: usize) -> Value {
    let annotations: Map<_, _> = (0..bytes / (text_bytes + 10))
        .map(|n| (format!("{n:05}"), json!("x".repeat(text_bytes))))
        .collect();
    json!({
        "fingerprint": fingerprint, "status": "firing", "startsAt": "2026-01-01T00:00:00Z",
        "labels": { "severity": "critical" }, "annotations": annotations,
    })
}

/// Bodies of one large alert, of many small ones, and of many tiny labels.
fn body(post: usize) -> Value {
    let (alerts, text_bytes) = match post % 3 {
        0 => (1, 990),
        1 => (1_500, 10),
        _ => (8, 1),
    };
    let of_one = BODY_BYTES / alerts - 150;
    let alerts: Vec<_> = (0..alerts)
        .map(|n| alert(&format!("{post} {n}"), text_bytes, of_one.min(BODY_BYTES)))
        .collect();
    json!({ "version": "4", "alerts": alerts })
}

#[test]
fn floods_of_alerts_and_readers_that_do_not_read_leave_memory_bounded() {
    const POSTS: usize = 100;
    const READERS_OF_THE_LIST: usize = 200;
    const WATCHERS: usize = 60;

    let server = Server::start(&["--traffic=0"]);
    let unread = |path: &str, count: usize| -> Vec<Connection> {
        let open = (0..count).map(|_| {
            let mut reader = Connection::open(server.address());
            let sent = reader.send(&connection::get(path));
            sent.expect("the service reads");
            reader
        });
        open.collect()
    };
    let mut readers = unread("/live", WATCHERS);
    for post in 0..POSTS {
        let body = body(post);
        assert!(body.to_string().len() > BODY_BYTES / 2);
        let status = http::post(server.address(), "/alerts", &body).status;
        assert!([200, 204].contains(&status), "{status}");
        // Each of another list.
        readers.extend(unread("/alerts", READERS_OF_THE_LIST / POSTS));
    }
    let peak = peak_kib(server.pid());
    assert!(peak <= MAX_PEAK_KIB, "peak of {peak} KiB");
    println!(
        "peak of {} MiB, while {} do not read",
        peak / 1024,
        readers.len()
    );

    // Once they are gone the list is there, bounded, and says what it lost.
    drop(readers);
    let since = Instant::now();
    let listed = loop {
        let answer = server.get("/alerts");
        if answer.status == 200 {
            break answer;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(
            since.elapsed() < TIMEOUT,
            "the lists of those who are gone remain"
        );
        thread::sleep(Duration::from_millis(10));
    };
    assert!(
        listed.body.len() <= 257 * 1024,
        "{} bytes",
        listed.body.len()
    );
    assert_eq!(listed.json()[0]["labels"]["alertname"], "PagerFull");
}
