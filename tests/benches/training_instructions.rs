//! How many instructions an example of the training takes in user space: with metrics and
//! without, in one process and with each role as a process of its own.
//!
//! Callgrind counts them, so that the figure is the same on a machine that is busy with
//! something else, where processor time moves by more than what is looked for. Each training
//! is run twice, the second time for more steps, and the difference is what these took:
//! neither the start nor the last push is part of it. What the kernel does is not counted;
//! `training` has the processor time of both.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::report::{Report, Target};
use support::daemon::Daemon;
use support::pushgateway::{FakeGateway, free_address};
use support::training::Training;

const FIRST: u32 = 200;
const STEPS: u32 = 600;
/// Examples of a step, as `train` has them by default.
const BATCH: u32 = 256;

struct Counter {
    valgrind: PathBuf,
    directory: PathBuf,
}

impl Counter {
    /// One process of a training, and the file with its count, once it has ended.
    fn start(&self, name: &str, arguments: &[&str]) -> (Training, PathBuf) {
        let written = self.directory.join(name);
        let mut command = Command::new(&self.valgrind);
        command
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", written.display()))
            .arg(env!("CARGO_BIN_EXE_golden-signals"))
            .args(["train", "--log-format=json", "--evaluate-every=0"])
            .args(arguments)
            // Which of several would take the next task is chance.
            .env("TOKIO_WORKER_THREADS", "1");
        (Training::spawn(command), written)
    }

    /// In one process, with these options.
    fn alone(&self, steps: u32, more: &[&str]) -> f64 {
        let steps = format!("--steps={steps}");
        let (mut training, written) = self.start("alone", &[&[steps.as_str()], more].concat());
        assert!(training.wait().success(), "{:#?}", training.log());
        counted(&written)
    }

    /// With each role as a process of its own.
    fn apart(&self, steps: u32, shards: usize) -> f64 {
        let addresses: Vec<_> = (0..shards).map(|_| free_address().to_string()).collect();
        let all = format!("--parameter-servers={}", addresses.join(","));
        let worker = free_address().to_string();
        let mut roles: Vec<_> = addresses
            .iter()
            .enumerate()
            .map(|(number, bind)| {
                let arguments = ["--role=parameter-server", "--bind", bind, &all];
                self.start(&format!("shard-{number}"), &arguments)
            })
            .collect();
        roles.push(self.start(
            "worker",
            &["--role=embedding-worker", "--bind", &worker, &all],
        ));
        for (role, _) in &roles {
            role.address();
        }
        let (workers, steps) = (
            format!("--embedding-workers={worker}"),
            format!("--steps={steps}"),
        );
        let (mut trainer, written) = self.start("trainer", &["--role=trainer", &workers, &steps]);
        assert!(trainer.wait().success(), "{:#?}", trainer.log());
        let mut sum = counted(&written);
        for (mut role, written) in roles {
            assert!(role.interrupt().success(), "{:#?}", role.log());
            sum += counted(&written);
        }
        sum
    }
}

fn counted(written: &Path) -> f64 {
    let text = fs::read_to_string(written).expect("the program has ended");
    text.lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
        .expect("callgrind writes the sum of all it counted")
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(valgrind) = support::peers::require("valgrind") else {
        return;
    };
    let steps = if harness::brief() { 20 } else { STEPS };
    let directory = Daemon::directory("training-instructions");
    let counter = Counter {
        valgrind,
        directory: directory.clone(),
    };
    let gateway = FakeGateway::start(200);
    let config = directory.join("global_config.yaml");
    let text =
        "PersiaMetricsConfig:\n  enable_metrics: true\n  job_name: j\n  push_interval: 86400\n";
    fs::write(&config, text).expect("the directory is ours");
    let config = format!("--global-config={}", config.display());
    let gateway = format!("--metrics-gateway-addr={}", gateway.address());
    let per_example = |run: &dyn Fn(u32) -> f64| {
        let before = run(FIRST);
        (run(FIRST + steps) - before) / f64::from(steps * BATCH)
    };
    let without = per_example(&|steps| counter.alone(steps, &[]));
    let with = per_example(&|steps| counter.alone(steps, &[&config, &gateway]));
    let unit = "instructions/example";
    let mut report = Report::new();
    report.row(
        "one process, without metrics",
        without,
        0,
        unit,
        Target::None,
    );
    report.row("one process, with metrics", with, 0, unit, Target::None);
    let ratio = with / without;
    report.row("with metrics ÷ without", ratio, 4, "", Target::AtMost(1.01));
    for shards in [2, 8] {
        let apart = per_example(&|steps| counter.apart(steps, shards));
        report.row(
            &format!("each role a process, {shards} shards ÷ one process"),
            apart / without,
            2,
            "",
            Target::None,
        );
    }
    report.print();
    fs::remove_dir_all(directory).expect("it is ours");
}
