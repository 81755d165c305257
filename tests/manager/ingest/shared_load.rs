//! Two managers share the load: each message is processed by one of them.

use super::{KEEPS_ALL, programs, total};
use crate::support::manager::{Directory, Flood, Manager, now_ms, task_sample, topic};
use crate::support::mosquitto::Mosquitto;

#[test]
fn two_managers_divide_the_messages_and_double_none() {
    const MESSAGES: u64 = 2_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let (first, second) = (Directory::new(), Directory::new());
    let start =
        |directory, id: &str| Manager::start(&broker.url(), directory, &["--client-id", id]);
    let managers = [start(&first, "manager-1"), start(&second, "manager-2")];
    let now = now_ms();
    let messages = (0..MESSAGES).map(move |n| task_sample("p", "t", now - n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), messages).wait();
    let taken = |manager: &Manager| {
        let metrics = manager.metrics();
        metrics.value("manager_messages_total", &[("kind", "task_metrics")])
    };
    let both = |_: &_| managers.iter().map(taken).sum::<f64>() >= MESSAGES as f64;
    managers[0].metrics_when("every message is taken by one of them", both);
    let each = managers.each_ref().map(taken);
    assert_eq!(each.iter().sum::<f64>(), MESSAGES as f64);
    assert!(
        each.iter().all(|taken| *taken > 0.25 * MESSAGES as f64),
        "{each:?}"
    );
    // What both count adds up to what the task did.
    let read = managers.each_ref().map(|manager| {
        manager.metrics().value(
            "proplet_task_disk_read_bytes_total",
            &[("proplet", "p"), ("task", "t")],
        )
    });
    assert_eq!(read.iter().sum::<f64>(), (MESSAGES * 1_048_576) as f64);
}

#[test]
fn two_managers_on_one_history_hold_everything_once() {
    const MESSAGES: u64 = 1_000;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let start = |id: &str| Manager::start(&broker.url(), &directory, &["--client-id", id]);
    let managers = [start("manager-1"), start("manager-2")];
    let now = now_ms();
    let messages = (0..MESSAGES).map(move |n| task_sample("p", "t", now - n).to_string());
    Flood::start(&sub, broker.address(), &topic("task_metrics"), messages).wait();
    for manager in &managers {
        manager.get_when("/tasks/t/metrics", "all of both", |page| {
            total(page) == MESSAGES
        });
        let failures = manager
            .metrics()
            .value("manager_history_failures_total", &[]);
        assert_eq!(failures, 0.0);
    }
}
