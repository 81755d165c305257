//! Messages per second that the manager takes from a real Mosquitto without
//! loss, its history on; and beside it what the broker alone delivers to a
//! subscriber that only counts. Senders, broker and manager share the machine.

#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing to say"
)]

mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use clap::Parser as _;
use harness::process::{cpu_seconds, resident_mib};
use harness::report::{Report, Target};
use harness::statistics::median;
use support::manager::{Directory, Manager, now_ms, task_sample, topic};
use support::mosquitto::Mosquitto;
use support::peers;
use support::scaling::{Histories, scale};

/// Messages of a round, and of a brief one.
const MESSAGES: u64 = 200_000;
const A_FEW: u64 = 5_000;

/// Each message of another task, as 100,000 proplets with one each send them.
const PROPLETS: u64 = 100_000;

const ROUNDS: usize = 3;
const SENDERS: u64 = 2;

fn main() {
    if !harness::wanted() {
        return;
    }
    let (Some(mosquitto), Some(sub)) =
        (peers::require("mosquitto"), peers::require("mosquitto_sub"))
    else {
        return;
    };
    let (count, rounds) = if harness::brief() {
        (A_FEW, 1)
    } else {
        (MESSAGES, ROUNDS)
    };
    let configuration = "max_queued_messages 0\nmax_inflight_messages 1000\n";
    let mut alone = Vec::new();
    let mut taken = Vec::new();
    let mut cpu = Vec::new();
    let (mut memory, mut bytes) = (0.0_f64, 0.0_f64);
    for _ in 0..rounds {
        // In turn, so that what else the machine does meets both.
        alone.push(broker_alone(&mosquitto, &sub, configuration, count));
        let broker = Mosquitto::start(&mosquitto, configuration);
        let directory = Directory::new();
        let manager = Manager::start(
            &broker.url(),
            &directory,
            &["--rate-limit", "1000000", "--series-limit", "0"],
        );
        let used = cpu_seconds(manager.server.pid());
        let messages = messages(count);
        let started = Instant::now();
        let mut senders = send(&broker, messages);
        let kind = [("kind", "task_metrics")];
        while manager.metrics().value("manager_messages_total", &kind) < count as f64 {
            assert!(
                started.elapsed() < Duration::from_secs(600),
                "messages were lost"
            );
            std::thread::sleep(Duration::from_millis(250));
        }
        let seconds = started.elapsed().as_secs_f64();
        senders.wait();
        taken.push(count as f64 / seconds);
        cpu.push((cpu_seconds(manager.server.pid()) - used) / count as f64 * 1e6);
        memory = memory.max(resident_mib(manager.server.pid()));
        let metrics = manager.metrics();
        let rows = metrics.value("manager_history_rows_total", &[]);
        assert_eq!(rows, count as f64, "the history has them all");
        bytes = metrics.value("manager_history_bytes", &[]) / rows;
        assert_eq!(metrics.sum("manager_messages_rejected_total", &[]), 0.0);
    }
    let mut report = Report::new();
    report.row(
        "messages/s taken, history on",
        median(&taken),
        0,
        "/s",
        Target::AtLeast(10_000.0),
    );
    report.row(
        "broker alone, to a subscriber that counts",
        median(&alone),
        0,
        "/s",
        Target::None,
    );
    let ratios: Vec<_> = taken.iter().zip(&alone).map(|(a, b)| a / b).collect();
    report.row(
        "the first as a multiple of the second, round by round",
        median(&ratios),
        2,
        "",
        Target::None,
    );
    report.row(
        "manager's CPU a message",
        median(&cpu),
        1,
        "us",
        Target::None,
    );
    report.row(
        "manager's memory, 100,000 proplets, no series",
        memory,
        0,
        "MiB",
        Target::None,
    );
    report.row(
        "history on the disk a sample, log included",
        bytes,
        0,
        "bytes",
        Target::None,
    );
    scaling(&mosquitto, &mut report);
    report.print();
}

/// What is lost and what is stored twice while managers come and go.
fn scaling(mosquitto: &std::path::Path, report: &mut Report) {
    let samples = if harness::brief() { 3_000 } else { 60_000 };
    for (histories, name) in [
        (Histories::Shared, "one history"),
        (Histories::Own, "a history each"),
    ] {
        // It queues no more than it does by default.
        let broker = Mosquitto::start(mosquitto, "");
        let scaled = scale(&broker, samples, 4_000, histories);
        let lost = format!("samples lost, 4 managers to 2 to 3, {name}");
        report.row(&lost, scaled.lost as f64, 0, "", Target::AtMost(0.0));
        let doubled = format!("samples stored twice, {name}");
        let target = match histories {
            Histories::Shared => Target::AtMost(0.0),
            // What the killed one had stored and not acknowledged.
            Histories::Own => Target::None,
        };
        report.row(&doubled, scaled.doubled as f64, 0, "", target);
    }
}

/// What each sender sends, made beforehand: what that costs is not measured.
fn messages(count: u64) -> Vec<Vec<String>> {
    let now = now_ms();
    let message = |n: u64| {
        let proplet = format!("proplet-{}", n % PROPLETS);
        let at = now - 100_000 + n / PROPLETS * 10_000;
        task_sample(&proplet, "task", at).to_string()
    };
    let of = |sender: u64| (0..count).filter(move |n| n % SENDERS == sender);
    (0..SENDERS)
        .map(|sender| of(sender).map(message).collect())
        .collect()
}

/// Senders that keep everything until the broker has it: `mosquitto_pub -l` ends
/// before, where lines come faster than the broker takes them.
struct Senders(
    tokio::runtime::Runtime,
    Vec<(golden_mqtt::Client, golden_mqtt::Publisher)>,
);

impl Senders {
    fn wait(&mut self) {
        for (_, publisher) in &self.1 {
            self.0.block_on(publisher.emptied());
        }
    }
}

fn send(broker: &Mosquitto, messages: Vec<Vec<String>>) -> Senders {
    #[derive(clap::Parser)]
    struct Options {
        #[command(flatten)]
        mqtt: golden_mqtt::MqttOptions,
    }

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let url = broker.url();
    let arguments = [
        "bench",
        "--mqtt-address",
        &url,
        "--mqtt-outbox-bytes",
        "1000000000",
    ];
    let arguments = [
        &arguments[..],
        &["--mqtt-request-channel-capacity", "1000000"],
    ]
    .concat();
    let options = Options::parse_from(arguments).mqtt;
    let topic: std::sync::Arc<str> = topic("task_metrics").into();
    let inside = runtime.enter();
    let started = messages.into_iter().enumerate().map(|(number, messages)| {
        let settings = options.settings(&format!("sender-{number}")).unwrap();
        let (client, publisher, _) = golden_mqtt::start(settings);
        for message in messages {
            publisher.publish(&topic, message.into());
        }
        (client, publisher)
    });
    let started = started.collect();
    drop(inside);
    Senders(runtime, started)
}

fn broker_alone(
    mosquitto: &std::path::Path,
    sub: &std::path::Path,
    configuration: &str,
    count: u64,
) -> f64 {
    use std::process::{Command, Stdio};

    let broker = Mosquitto::start(mosquitto, configuration);
    let mut counting = Command::new(sub)
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &broker.address().port().to_string(),
        ])
        .args(["-q", "1", "-C", &count.to_string(), "-F", "."])
        .args(["-t", "$share/bench/m/+/c/+/control/proplet/task_metrics"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Its subscription must be there before the first message is.
    std::thread::sleep(Duration::from_secs(1));
    let messages = messages(count);
    let started = Instant::now();
    let mut senders = send(&broker, messages);
    assert!(counting.wait().unwrap().success());
    let seconds = started.elapsed().as_secs_f64();
    senders.wait();
    count as f64 / seconds
}
