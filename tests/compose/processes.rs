//! Process monitoring in the stack: the proplet watches the service's process and a task
//! of its own, over the stack's broker, and the manager keeps and exposes it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::TIMEOUT;
use crate::support::engine::Stack;
use crate::support::http;

pub(crate) fn tasks_arrive_at_the_manager(stack: &Stack) {
    stack.number_when(
        r#"sum(proplet_up{job="manager", proplet="proplet"})"#,
        |up| up == 1.0,
    );
    for task in ["app", "demo"] {
        let of = |metric: &str| format!(r#"sum({metric}{{job="manager", task="{task}"}})"#);
        stack.number_when(&of("proplet_task_samples_total"), |samples| samples >= 3.0);
        stack.number_when(&of("proplet_task_memory_bytes"), |bytes| bytes > 1e5);
        // Each of them does something, and none of them fills its core.
        stack.number_when(&of("proplet_task_cpu_ratio"), |ratio| {
            ratio > 0.0 && ratio < 1.0
        });
        let api = manager(stack, &format!("/tasks/{task}/metrics?limit=100"));
        let samples = api["metrics"].as_array().map_or(0, Vec::len);
        assert!(samples >= 3, "{api}");
    }
    // Not the same value again and again.
    stack.number_when(
        r#"max(changes(proplet_task_cpu_ratio{job="manager", task="app"}[1m]))"#,
        |changes| changes >= 1.0,
    );
    // The process is the service's, and not one of the proplet's own: it has its threads.
    let threads = stack.number(r#"sum(proplet_task_threads{job="manager", task="app"})"#);
    let itself = stack.status_of("app");
    let itself = itself
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"));
    let itself = itself.and_then(|number| number.trim().parse().ok());
    assert_eq!(threads, itself, "threads of the service");
}

/// The service is killed, and the proplet, which shares its process namespace, with it. What
/// the section of ServiceDown says last brings both back.
pub(crate) fn the_runbooks_cure_of_a_killed_service_starts_the_proplet_too(stack: &Stack) {
    let runbook = include_str!("../../docs/runbook.md");
    let (_, section) = runbook
        .split_once("\n## ServiceDown\n")
        .expect("it is there");
    let (section, _) = section.split_once("\n## ").expect("it is not the last");
    let (_, cure) = section.rsplit_once("```sh\n").expect("it says what to do");
    let (cure, _) = cure.split_once("\n```").expect("a block ends");
    let cure = cure.strip_prefix("docker compose ").expect("by compose");

    let killed = stack.number("vector(time())").expect("Prometheus is there");
    stack.compose(&["kill", "app"]);
    // Gone, or without an address.
    stack.number_when(r#"count(up{job="app"} == 1) or vector(0)"#, |up| up == 0.0);
    stack.compose(&cure.split(' ').collect::<Vec<_>>());
    stack.number_when(r#"sum(up{job="app"})"#, |up| up == 1.0);
    let heard = r#"max(proplet_last_seen_timestamp_seconds{job="manager", proplet="proplet"})"#;
    // After the last words of the one before.
    stack.number_when(&format!("{heard} - {killed}"), |later| later > 10.0);
    stack.number_when(
        r#"sum(proplet_up{job="manager", proplet="proplet"})"#,
        |up| up == 1.0,
    );
    let running = stack.compose(&["ps", "--services", "--status", "running"]);
    let running: Vec<_> = running.lines().collect();
    assert!(
        running.contains(&"app") && running.contains(&"proplet"),
        "{running:?}"
    );
}

/// The manager is stopped and started; what it knew is still there.
pub(crate) fn history_outlives_the_manager(stack: &Stack) {
    let path = "/tasks/app/metrics?limit=1";
    let before = manager(stack, path)["total"].as_u64();
    assert!(before > Some(0), "{before:?}");
    stack.compose(&["restart", "manager"]);
    let start = Instant::now();
    while !stack.answers("manager", 8080, "/readyz") {
        assert!(start.elapsed() < TIMEOUT, "the manager does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
    let after = manager(stack, path)["total"].as_u64();
    assert!(after >= before, "{after:?} of {before:?} samples");
}

fn manager(stack: &Stack, path: &str) -> Value {
    let answer = http::get(stack.address("manager", 8080), path, &[]);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// Ten megabytes end the connection; what is of a usual size is acknowledged.
pub(crate) fn the_broker_refuses_what_is_too_large(stack: &Stack) {
    assert!(is_acknowledged(stack, 1_000), "1 kB");
    assert!(!is_acknowledged(stack, 10_000_000), "10 MB");
}

/// Whether the broker acknowledges a message with this many bytes of payload (MQTT 3.1.1).
fn is_acknowledged(stack: &Stack, bytes: usize) -> bool {
    const CONNECT: &[u8] = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05large";
    const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];
    const TOPIC_AND_ID: &[u8] = b"\x00\x04size\x00\x01";
    const ACKNOWLEDGED: [u8; 4] = [0x40, 2, 0, 1];

    let mut connection =
        TcpStream::connect(stack.address("mosquitto", 1883)).expect("it is published");
    connection
        .set_read_timeout(Some(TIMEOUT))
        .expect("it is not zero");
    connection.write_all(CONNECT).expect("it is there");
    let mut answer = [0; 4];
    connection.read_exact(&mut answer).expect("it answers");
    assert_eq!(answer, ACCEPTED);

    let mut publish = vec![0x32];
    let mut length = TOPIC_AND_ID.len() + bytes;
    while length >= 128 {
        publish.push(u8::try_from(length % 128).expect("below 128") | 128);
        length /= 128;
    }
    publish.push(u8::try_from(length).expect("below 128"));
    publish.extend_from_slice(TOPIC_AND_ID);
    publish.resize(publish.len() + bytes, b'x');
    // It may hang up before it has read everything.
    connection.write_all(&publish).is_ok()
        && connection.read_exact(&mut answer).is_ok()
        && answer == ACKNOWLEDGED
}
