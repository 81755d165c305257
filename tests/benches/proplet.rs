//! What monitoring costs, and how much of it is lost: `cargo bench --bench proplet`,
//! about five minutes.
//!
//! Proplets with each profile beside one that monitors nothing, all at once and
//! for the same time, so that other load of the machine affects all alike; CPU
//! time as the scheduler counts it, to the nanosecond. Then a thousand processes
//! watched at 1 s, and what batches and compression save of that. Then the same
//! thousand with a manager, while the broker is killed and away for a minute.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::process::resident_mib;
use harness::report::{Report, Target};
use rustix::process::{Pid, Signal, kill_process};
use support::manager::{Directory, Manager};
use support::mosquitto::Mosquitto;
use support::peers;

/// How much of everything.
#[derive(Clone, Copy)]
struct Extent {
    /// The slowest profile samples once in a minute.
    overhead_for: Duration,
    tasks: usize,
    tasks_for: Duration,
    /// How long the broker is away, and how long the load lasts before and after.
    away_for: Duration,
    around_it: Duration,
}

impl Extent {
    const WHOLE: Self = Self {
        overhead_for: Duration::from_secs(61),
        tasks: 1000,
        tasks_for: Duration::from_secs(15),
        away_for: Duration::from_secs(60),
        around_it: Duration::from_secs(15),
    };

    const BRIEF: Self = Self {
        overhead_for: Duration::from_secs(3),
        tasks: 50,
        tasks_for: Duration::from_secs(3),
        away_for: Duration::from_secs(3),
        around_it: Duration::from_secs(5),
    };
}

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

fn overhead(report: &mut Report, broker: &Mosquitto, extent: Extent) {
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
    let percents = percent_of_a_core(&all, extent.overhead_for);
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
fn thousand(
    broker: &Mosquitto,
    watched: &[String],
    packing: &[&str],
    time: Duration,
) -> (f64, f64) {
    let mut arguments = strings(&["--watch-profile", "intensive"]);
    arguments.extend(strings(packing));
    arguments.extend(watched.iter().cloned());
    let proplet = proplet(broker, "thousand", &arguments);
    thread::sleep(Duration::from_secs(4));
    let before = written(&proplet);
    let start = Instant::now();
    let percent = percent_of_a_core(&[&proplet], time)[0];
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

/// What is missing and what is there twice after the broker was killed and away: the
/// proplet numbers the samples of each task, and the manager is asked for all of them.
fn outage(report: &mut Report, binary: &Path, watched: &[String], extent: Extent) {
    // It forgets all when it is killed, who subscribes too.
    let mut broker = Mosquitto::start(binary, "max_queued_messages 0\nmax_inflight_messages 1000");
    let directory = Directory::new();
    let manager = Manager::start(&broker.url(), &directory, &[]);
    let mut arguments = strings(&["--watch-profile", "intensive", "--task-topics", "control"]);
    arguments.extend(watched.iter().cloned());
    let mut proplet = proplet(&broker, "outage", &arguments);
    thread::sleep(extent.around_it);
    broker.kill();
    thread::sleep(extent.away_for);
    let taken = || {
        let metrics = manager.metrics();
        metrics.value("manager_messages_total", &[("kind", "task_metrics")])
    };
    let before = taken();
    broker.restart();
    // Up to half a minute may pass until it tries again.
    while taken() == before {
        thread::sleep(Duration::from_millis(250));
    }
    thread::sleep(extent.around_it);
    // Politely: it takes each task's last sample and waits until the broker has all.
    let pid = i32::try_from(proplet.0.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a child's id is a process id"), Signal::TERM)
        .expect("the child has not been waited for, so its id is its own");
    proplet.0.wait().expect("it is our child");
    let task = |number: usize| {
        let page = manager.get(&format!("/tasks/t{number}/metrics?limit=1000"));
        let samples = page["metrics"].as_array().cloned().unwrap_or_default();
        let number = |sample: &serde_json::Value| sample["aggregated"]["sample_count"].as_u64();
        samples.iter().filter_map(number).collect::<Vec<_>>()
    };
    // Until nothing more comes.
    let mut last = 0.0;
    while taken() > last {
        last = taken();
        thread::sleep(Duration::from_secs(3));
    }
    let (mut sent, mut lost, mut doubled) = (0, 0, 0);
    for numbers in (0..extent.tasks).map(task) {
        let different: BTreeSet<_> = numbers.iter().collect();
        let last = numbers.iter().copied().max().unwrap_or_default();
        sent += last;
        lost += last - different.len() as u64;
        doubled += (numbers.len() - different.len()) as u64;
    }
    let again = manager.rejected("duplicate");
    let seconds = extent.away_for.as_secs();
    let figure = format!(
        "samples of {} tasks around {seconds} s without a broker",
        extent.tasks
    );
    let all = extent.tasks as f64 * (2 * extent.around_it + extent.away_for).as_secs_f64();
    for (figure, count, target) in [
        (&*figure, sent as f64, Target::AtLeast(0.8 * all)),
        ("of those lost", lost as f64, Target::AtMost(0.0)),
        (
            "of those in the history twice",
            doubled as f64,
            Target::AtMost(0.0),
        ),
        (
            "redelivered by the protocol, recognised and rejected",
            again,
            Target::None,
        ),
    ] {
        report.row(figure, count, 0, "", target);
    }
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(binary) = peers::require("mosquitto") else {
        return;
    };
    let broker = Mosquitto::start(&binary, "max_queued_messages 0\nmax_inflight_messages 0");
    let extent = if harness::brief() {
        Extent::BRIEF
    } else {
        Extent::WHOLE
    };
    let mut report = Report::new();
    overhead(&mut report, &broker, extent);
    let sleepers: Vec<_> = (0..extent.tasks)
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
    let (cpu, bytes) = thousand(&broker, &watched, &[], extent.tasks_for);
    report.row(
        &format!("{} tasks at 1 s, both topics: CPU", extent.tasks),
        cpu,
        1,
        "% of a core",
        Target::AtMost(25.0),
    );
    // A thousand samples a second on each of two topics, or it has not kept up.
    let each = bytes / (2.0 * extent.tasks as f64);
    report.row(
        "bytes sent a second for each of those messages",
        each,
        0,
        "B",
        Target::AtLeast(600.0),
    );
    let (one, _) = thousand(
        &broker,
        &watched,
        &["--task-topics", "control"],
        extent.tasks_for,
    );
    // What options save is a ratio: beside it everything else is the same.
    let mut saves = |figure: &str, part: f64, whole: f64| {
        let figure = format!("{figure}, of both topics one by one");
        report.row(&figure, 100.0 * part / whole, 1, "%", Target::None);
    };
    saves("CPU with Propeller's topic only", one, cpu);
    let (batched, in_batches) = thousand(&broker, &watched, &["--batch", "100"], extent.tasks_for);
    saves("CPU in batches of 100", batched, cpu);
    saves("bytes in batches of 100", in_batches, bytes);
    let packing = ["--batch", "100", "--compression", "gzip"];
    let (zipped, small) = thousand(&broker, &watched, &packing, extent.tasks_for);
    saves("CPU in compressed batches of 100", zipped, cpu);
    saves("bytes in compressed batches of 100", small, bytes);
    drop(broker);
    outage(&mut report, &binary, &watched, extent);
    report.print();
}
