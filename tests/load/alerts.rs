//! The pager's memory under those who post alerts and those who do not read them.
//!
//! Peak resident memory is the kernel's account of the process.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::TIMEOUT;
use crate::support::connection::{self, Connection};
use crate::support::http;
use crate::support::large_alerts;
use crate::support::pager::Pager;

/// What the pager may take at most, at any moment.
const MAX_PEAK_KIB: u64 = 64 * 1024;

/// The most that was ever resident, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("VmHWM is a number of kB")
}

#[test]
fn floods_of_alerts_and_readers_that_do_not_read_leave_memory_bounded() {
    const POSTS: usize = 100;
    const READERS_OF_THE_LIST: usize = 200;
    const WATCHERS: usize = 60;

    let pager = Pager::start(&["--watchdog-timeout=0s"]);
    let server = &pager.server;
    let unread = |path: &str, count: usize| -> Vec<Connection> {
        let open = (0..count).map(|_| {
            let mut reader = Connection::open(server.address());
            let sent = reader.send(&connection::get(path));
            sent.expect("the pager reads");
            reader
        });
        open.collect()
    };
    let mut readers = unread("/live", WATCHERS);
    for post in 0..POSTS {
        let body = large_alerts::body(post);
        assert!(body.to_string().len() > 120_000);
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
    assert_eq!(listed.json()["groups"][0]["name"], "PagerFull");
}
