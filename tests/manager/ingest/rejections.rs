//! What is wrong is rejected, counted by reason, and harms nobody else.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{KEEPS_ALL, programs, total};
use crate::support::manager::{Directory, Flood, Manager, alive, now_ms, task_sample, topic};
use crate::support::mosquitto::{Mosquitto, publish};
use crate::support::peers;

#[test]
fn what_is_wrong_is_rejected_by_reason_and_harms_nobody() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let send = |topic: &str, message: &str| publish(&sub, broker.address(), topic, message);
    let (tasks, now) = (topic("task_metrics"), now_ms());
    let good = |number: u64| task_sample("good", "task", now + number).to_string();

    send(&tasks, &good(0));
    // Not JSON; JSON of something else; no name; a name that is none; cut off.
    let cut_off = &good(1)[..200];
    let broken = [
        " ",
        "}{",
        "[1]",
        "{}",
        r#"{"proplet_id":"p","task_id":"","metrics":{}}"#,
        r#"{"proplet_id":"../../p","task_id":"t","metrics":{}}"#,
        cut_off,
    ];
    for message in broken {
        send(&tasks, message);
    }
    send(
        &topic("alive"),
        r#"{"proplet_id":"good","status":"asleep"}"#,
    );
    send(&tasks, &good(2));
    // Ten megabytes, and what unpacks to as much.
    let large = "x".repeat(10_000_000);
    send(&tasks, &large);
    let packed =
        proplet_schema::payload::compress(format!("[{}]", "0,".repeat(5_000_000)).as_bytes());
    publish_bytes(&sub, &broker, &tasks, &packed);
    send(&tasks, &good(3));
    // From the day before yesterday, and from in an hour, and two, and three: each counts.
    send(
        &tasks,
        &task_sample("good", "task", now - 48 * 3_600_000).to_string(),
    );
    for hours in 1..=3 {
        let ahead = now + hours * 3_600_000;
        send(&tasks, &task_sample("good", "task", ahead).to_string());
    }
    // Another client says it is that proplet, but may publish elsewhere only.
    send("m/d/c/other/control/proplet/task_metrics", &good(4));
    send(
        "m/other/c/c/control/proplet/alive",
        &alive("good", "offline"),
    );
    // The same once more.
    send(&tasks, &good(3));
    send(&tasks, &good(5));

    let page = manager.get_when("/tasks/task/metrics", "all good ones", |page| {
        total(page) >= 4
    });
    assert_eq!(total(&page), 4, "{page:#}");
    for (reason, count) in [
        ("malformed", broken.len() + 1),
        ("oversize", 2),
        ("stale", 1),
        ("future_timestamp", 3),
        ("forged", 2),
        ("duplicate", 1),
        ("rate_limited", 0),
        ("proplet_limit", 0),
    ] {
        assert_eq!(manager.rejected(reason), count as f64, "{reason}");
    }
    let told = manager.server.log().into_iter().any(|line| {
        line.contains("\"good\"") && line.contains("samples from the future are rejected")
    });
    assert!(told, "{:#?}", manager.server.log());
    // One connection all the time, the 10 MB included.
    let metrics = manager.metrics();
    assert_eq!(metrics.value("manager_broker_connections_total", &[]), 1.0);
    let values = metrics.value("manager_messages_total", &[("kind", "task_metrics")]);
    assert_eq!(values, 4.0);
}

/// Or every manager that connects would take the dead for alive.
#[test]
fn what_a_broker_has_kept_brings_nobody_to_life() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    for (kind, message) in [
        ("alive", alive("ghost", "alive")),
        (
            "results",
            json!({"task_id": "t", "proplet_id": "ghost", "results": "completed"}).to_string(),
        ),
    ] {
        let kept = Command::new(sub.with_file_name("mosquitto_pub"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.address().port().to_string(),
            ])
            .args(["-q", "1", "-r", "-t", &topic(kind), "-m", &message])
            .status();
        assert!(kept.unwrap().success());
    }
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    publish(
        &sub,
        broker.address(),
        &topic("alive"),
        &alive("p", "alive"),
    );
    let page = manager.get_when("/proplets", "who lives", |page| {
        page["proplets"]
            .as_array()
            .unwrap()
            .iter()
            .any(|proplet| proplet["id"] == "p")
    });
    assert_eq!(page["total"], 1, "{page:#}");
    assert_eq!(manager.rejected("stale"), 2.0);
}

fn publish_bytes(sub: &Path, broker: &Mosquitto, topic: &str, bytes: &[u8]) {
    let mut child = Command::new(sub.with_file_name("mosquitto_pub"))
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &broker.address().port().to_string(),
        ])
        .args(["-q", "1", "-t", topic, "-s"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_flood_is_cut_and_others_lose_nothing() {
    const FLOOD: u64 = 20_000;
    const OTHERS: u64 = 200;

    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let broker = Mosquitto::start(&mosquitto, KEEPS_ALL);
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &["--rate-limit", "50"]);
    let now = now_ms();
    let flood = (0..FLOOD).map(move |n| task_sample("loud", "flood", now - n).to_string());
    let mut flood = Flood::start(&sub, broker.address(), &topic("task_metrics"), flood);
    let quiet = (0..OTHERS).map(move |n| task_sample("quiet", "task", now - n).to_string());
    let mut quiet = Flood::start(&sub, broker.address(), &topic("task_metrics"), quiet);
    quiet.wait();
    manager.get_when("/tasks/task/metrics", "all of the quiet one", |page| {
        total(page) == OTHERS
    });
    flood.wait();
    let metrics = manager.metrics_when("the flood is over", |metrics| {
        metrics.value("manager_messages_total", &[("kind", "task_metrics")])
            + metrics.value(
                "manager_messages_rejected_total",
                &[("reason", "rate_limited")],
            )
            >= (FLOOD + OTHERS) as f64
    });
    // A minute's worth may come at once, and what its rate adds meanwhile.
    let taken = total(&manager.get("/tasks/flood/metrics?limit=0"));
    assert!((3_000..FLOOD / 2).contains(&taken), "{taken}");
    let rejected = metrics.value(
        "manager_messages_rejected_total",
        &[("reason", "rate_limited")],
    );
    assert_eq!(rejected, (FLOOD - taken) as f64);
}

#[test]
fn a_broker_that_binds_channels_to_users_leaves_no_forgery() {
    let Some((mosquitto, sub)) = programs() else {
        return;
    };
    let Some(passwords) = peers::require("mosquitto_passwd") else {
        return;
    };
    let directory = Directory::new();
    let file = |name: &str| Path::new(&directory.history()).with_file_name(name);
    let (access, users) = (file("access"), file("users"));
    fs::write(
        &access,
        "user manager\ntopic readwrite #\npattern write m/+/c/%u/control/proplet/#\n",
    )
    .unwrap();
    for (number, user) in ["manager", "good", "evil"].iter().enumerate() {
        let mut command = Command::new(&passwords);
        if number == 0 {
            command.arg("-c");
        }
        command.arg("-b").arg(&users).args([user, "secret"]);
        assert!(command.output().unwrap().status.success());
    }
    let configuration = format!(
        "acl_file {}\npassword_file {}\n",
        access.display(),
        users.display()
    );
    let broker = Mosquitto::start(&mosquitto, &configuration);
    let arguments = ["--mqtt-username", "manager", "--mqtt-password", "secret"];
    let manager = Manager::start(&broker.url(), &directory, &arguments);
    let send = |user: &str, channel: &str, message: &str| {
        let status = Command::new(sub.with_file_name("mosquitto_pub"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.address().port().to_string(),
            ])
            .args(["-u", user, "-P", "secret", "-q", "1", "-m", message, "-t"])
            .arg(format!("m/d/c/{channel}/control/proplet/alive"))
            .status();
        assert!(status.unwrap().success());
    };
    send("good", "good", &alive("p", "alive"));
    // Another's channel: the broker drops it. Its own: the manager rejects it.
    send("evil", "good", &alive("p", "offline"));
    send("evil", "evil", &alive("p", "offline"));
    send("evil", "evil", &alive("q", "alive"));
    manager.get_when("/proplets", "both are known", |page| page["total"] == 2);
    assert_eq!(manager.rejected("forged"), 1.0);
    assert_eq!(manager.get("/proplets/p")["alive"], json!(true));
}
