//! The processor time of a stack that nobody uses: that of its containers, as their control
//! groups count it, and that of the engine, which also runs their health checks.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::engine::Stack;

/// Several health checks of each container.
const MEASURED: Duration = Duration::from_secs(90);
/// By the names that the kernel shows: at most 15 bytes.
const ENGINE: [&str; 4] = ["dockerd", "docker-proxy", "containerd", "containerd-shim"];

/// The share of a core that each container takes, and last what the engine does.
///
/// # Panics
///
/// If the engine runs on another machine, where there are no control groups to read.
pub(crate) fn shares_of_a_core(stack: &Stack) -> Vec<(String, f64)> {
    let groups: Vec<(String, PathBuf)> = stack
        .containers()
        .iter()
        .map(|container| {
            let name = container["Name"].as_str().expect("it has a name");
            let name = name.trim_matches('/').trim_start_matches(stack.project());
            let pid = container["State"]["Pid"].as_u64().expect("it runs");
            (name.trim_matches('-').to_owned(), account(pid))
        })
        .collect();
    let read = || -> Vec<f64> {
        let containers = groups.iter().map(|(_, account)| seconds(account));
        containers.chain([engine_seconds()]).collect()
    };
    let (start, before) = (Instant::now(), read());
    thread::sleep(MEASURED);
    let (after, elapsed) = (read(), start.elapsed().as_secs_f64());
    let names = groups.into_iter().map(|(name, _)| name);
    names
        .chain(["the engine".to_owned()])
        .zip(before.iter().zip(&after))
        .map(|(name, (before, after))| (name, (after - before) / elapsed))
        .collect()
}

/// Where the control group of a container's process counts: version 1 or 2.
fn account(pid: u64) -> PathBuf {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it is on this machine");
    let path = |controllers: &str| {
        let mut lines = groups.lines().map(|line| line.splitn(3, ':').skip(1));
        lines.find_map(|mut line| {
            let own = line.next()?;
            let found = own == controllers || own.split(',').any(|own| own == controllers);
            found.then(|| line.next())?
        })
    };
    let (file, group) = match path("cpuacct") {
        Some(group) => ("/sys/fs/cgroup/cpuacct{}/cpuacct.usage", group),
        None => (
            "/sys/fs/cgroup{}/cpu.stat",
            path("").expect("each process has a group"),
        ),
    };
    PathBuf::from(file.replace("{}", group))
}

fn seconds(account: &PathBuf) -> f64 {
    let text = fs::read_to_string(account).expect("the container runs");
    let number = |text: &str| text.trim().parse::<f64>().expect("a count");
    match text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))
    {
        Some(microseconds) => number(microseconds) / 1e6,
        None => number(&text) / 1e9,
    }
}

/// Of the engine's programs and of those that they ran and waited for.
fn engine_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;

    let processes = fs::read_dir("/proc").expect("this is Linux");
    let ticks: f64 = processes
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter_map(|stat| {
            let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
            let fields = fields.split_whitespace().skip(11).take(4);
            ENGINE.contains(&name).then(|| {
                fields
                    .filter_map(|ticks| ticks.parse::<f64>().ok())
                    .sum::<f64>()
            })
        })
        .sum();
    ticks / TICKS_PER_SECOND
}
