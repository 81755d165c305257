//! What monitoring costs: `cargo bench --bench proplet`, about two and a half
//! minutes.
//!
//! Proplets with each profile beside one that monitors nothing, all at once and
//! for as long, so that whatever else the machine does befalls them alike; CPU
//! time as the scheduler counts it, to the nanosecond. Then a thousand processes
//! watched at 1 s, and what batches and compression save of that.

#[allow(dead_code, unreachable_pub)]
#[path = "harness/mod.rs"]
mod harness;
#[allow(dead_code, unreachable_pub)]
#[path = "../support/mosquitto.rs"]
mod mosquitto;
#[allow(dead_code, unreachable_pub)]
#[path = "../support/peers.rs"]
mod peers;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::process::resident_mib;
use harness::report::{Report, Target};
use mosquitto::Mosquitto;

/// The slowest profile samples once in this time.
const OVERHEAD_FOR: Duration = Duration::from_secs(61);
const THOUSAND_FOR: Duration = Duration::from_secs(15);
const TASKS: usize = 1000;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn proplet(broker: &Mosquitto, id: &str, arguments: &[String]) -> Killed {
    let child = Command::new(env!("CARGO_BIN_EXE_golden-signals"))
        .args(["proplet", "--log", "error", "--mqtt-address", &broker.url()])
        .args(["--entity-id", id])
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()
        .expect("it was built with this benchmark");
    Killed(child)
}

/// The CPU time of all its threads, in seconds.
fn cpu_seconds(process: &Killed) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.0.id())).expect("it lives");
    let nanos = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
}

/// Percent of one core over this time, of each.
fn percent_of_a_core(processes: &[&Killed], time: Duration) -> Vec<f64> {
    let before: Vec<_> = processes
        .iter()
        .map(|process| cpu_seconds(process))
        .collect();
    let start = Instant::now();
    thread::sleep(time);
    let elapsed = start.elapsed().as_secs_f64();
    let used = processes
        .iter()
        .zip(before)
        .map(|(process, before)| cpu_seconds(process) - before);
    used.map(|used| 100.0 * used / elapsed).collect()
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

fn overhead(report: &mut Report, broker: &Mosquitto) {
    let profiles = [
        ("minimal", "60s", 0.1, 1.0),
        ("standard", "10s", 0.5, 2.0),
        ("intensive", "1s", 2.0, 5.0),
    ];
    let task = |profile: &str| {
        format!(
            r#"{{"id": "{profile}", "name": "idle", "daemon": true, "monitoring_profile": "{profile}"}}"#
        )
    };
    let unmonitored = proplet(
        broker,
        "unmonitored",
        &strings(&["--enable-monitoring", "false", "--task", &task("disabled")]),
    );
    let monitored = profiles.map(|(profile, interval, ..)| {
        let arguments = ["--metrics-interval", interval, "--task", &task(profile)];
        proplet(broker, profile, &strings(&arguments))
    });
    // Started and connected.
    thread::sleep(Duration::from_secs(2));
    let all: Vec<_> = std::iter::once(&unmonitored).chain(&monitored).collect();
    let percents = percent_of_a_core(&all, OVERHEAD_FOR);
    let resident: Vec<_> = all
        .iter()
        .map(|process| resident_mib(process.0.id()))
        .collect();
    for (at, (profile, _, cpu, memory)) in profiles.into_iter().enumerate() {
        let more = percents[at + 1] - percents[0];
        let figure = format!("CPU of {profile} over unmonitored (itself and a task)");
        report.row(&figure, more, 4, "% of a core", Target::AtMost(cpu / 10.0));
        let more = resident[at + 1] - resident[0];
        report.row(
            &format!("memory of {profile} over unmonitored"),
            more,
            2,
            "MiB",
            Target::AtMost(memory),
        );
    }
}

/// CPU, and bytes that the broker took a second.
fn thousand(broker: &Mosquitto, watched: &[String], packing: &[&str]) -> (f64, f64) {
    let mut arguments = strings(&["--watch-profile", "intensive"]);
    arguments.extend(strings(packing));
    arguments.extend(watched.iter().cloned());
    let proplet = proplet(broker, "thousand", &arguments);
    thread::sleep(Duration::from_secs(4));
    let before = written(&proplet);
    let start = Instant::now();
    let percent = percent_of_a_core(&[&proplet], THOUSAND_FOR)[0];
    (
        percent,
        (written(&proplet) - before) / start.elapsed().as_secs_f64(),
    )
}

/// Bytes the process has given to `write` and its like, sockets included.
fn written(process: &Killed) -> f64 {
    let io = fs::read_to_string(format!("/proc/{}/io", process.0.id())).expect("it lives");
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|bytes| bytes.parse().ok())
        .expect("every process has it")
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&binary, "max_queued_messages 0\nmax_inflight_messages 0");
    let mut report = Report::new();
    overhead(&mut report, &broker);
    let sleepers: Vec<_> = (0..TASKS)
        .map(|_| {
            Killed(
                Command::new("sleep")
                    .arg("600")
                    .spawn()
                    .expect("there is a sleep"),
            )
        })
        .collect();
    let watched: Vec<_> = sleepers
        .iter()
        .enumerate()
        .flat_map(|(at, sleeper)| ["--watch".to_owned(), format!("t{at}={}", sleeper.0.id())])
        .collect();
    let (cpu, bytes) = thousand(&broker, &watched, &[]);
    report.row(
        "1,000 tasks at 1 s, both topics: CPU",
        cpu,
        1,
        "% of a core",
        Target::AtMost(25.0),
    );
    let (one, _) = thousand(&broker, &watched, &["--task-topics", "control"]);
    report.row(
        "the same, Propeller's topic only",
        one,
        1,
        "% of a core",
        Target::None,
    );
    let (batched, in_batches) = thousand(&broker, &watched, &["--batch", "100"]);
    report.row(
        "the same in batches of 100, both topics",
        batched,
        1,
        "% of a core",
        Target::None,
    );
    report.row(
        "bytes sent of those one by one",
        100.0 * in_batches / bytes,
        1,
        "%",
        Target::None,
    );
    let (zipped, small) = thousand(
        &broker,
        &watched,
        &["--batch", "100", "--compression", "gzip"],
    );
    report.row(
        "compressed batches of 100, both topics",
        zipped,
        1,
        "% of a core",
        Target::None,
    );
    report.row(
        "bytes sent of those one by one",
        100.0 * small / bytes,
        1,
        "%",
        Target::None,
    );
    report.print();
}
