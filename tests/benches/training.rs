//! What monitoring a training costs: its speed and processor time with metrics and without,
//! with a gateway that answers and one that is dead; what a push takes; where a batch's
//! time goes by number of shards; what it costs that each role is a process of its own;
//! how wrong HyperLogLog is.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use clap::Parser;
use golden_system::BuildInfo;
use harness::process::cpu_seconds;
use harness::report::{Report, Target};
use harness::statistics::{median, quantile, sorted};
use rustix::time::{ClockId, clock_gettime};
use support::daemon::Daemon;
use support::peers;
use support::pushgateway::{FakeGateway, Pushgateway, free_address};
use support::samples::Samples;
use support::training::Training;
use training::Options;
use training::distinct::DistinctIds;
use training::features::{FEATURES, mix};
use training::trainer::Summary;

const BUILD: BuildInfo = BuildInfo {
    version: "0",
    revision: "unknown",
    rustc: "unknown",
};

/// Short runs and many, since the machine's own moods last for seconds: the median of so
/// many pairs is known to a fifth of what one pair is wrong by.
const STEPS: &str = "3000";
const PAIRS: usize = 41;
/// A run with a dead gateway ends three seconds late, for the last push: so only some.
const DEAD_EVERY: usize = 4;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// What a training came to.
struct Run {
    /// Examples a second.
    speed: f64,
    /// Seconds of processor time for an example.
    processor: f64,
}

/// What all threads of this process have used.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let dead = FakeGateway::start(0);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let train_as = |job: &str, gateway: Option<SocketAddr>, more: &[&str]| {
        let before = processor_seconds();
        let summary = runtime.block_on(train(job, gateway, more));
        let examples = summary.examples as f64;
        Run {
            speed: examples / summary.elapsed().as_secs_f64(),
            processor: (processor_seconds() - before) / examples,
        }
    };
    let train = |gateway: Option<SocketAddr>| train_as("bench", gateway, &[]);
    let mut report = Report::new();

    // Warm: code, memory, the gateway.
    train(Some(gateway.address()));
    let mut with_metrics = Vec::new();
    let mut more_processor = Vec::new();
    let mut with_dead = Vec::new();
    let mut speeds = Vec::new();
    for pair in 0..PAIRS {
        // Neither is always the first.
        let watched = || train(Some(gateway.address()));
        let alone = || train(None);
        let (watched, alone) = if pair % 2 == 0 {
            (watched(), alone())
        } else {
            let alone = alone();
            (watched(), alone)
        };
        speeds.push(watched.speed);
        with_metrics.push(watched.speed / alone.speed);
        more_processor.push(watched.processor / alone.processor);
        if pair % DEAD_EVERY == 0 {
            with_dead.push(train(Some(dead.address())).speed / watched.speed);
        }
    }
    for (what, ratios) in [
        ("speed with metrics ÷ without", &with_metrics),
        ("processor time with metrics ÷ without", &more_processor),
        ("speed with a dead gateway ÷ with a good one", &with_dead),
    ] {
        let ratios = sorted(ratios.clone());
        let [low, high] = [0.25, 0.75].map(|share| quantile(&ratios, share));
        println!(
            "{what}: half of {} between {low:.3} and {high:.3}",
            ratios.len()
        );
    }
    report.row(
        "training with metrics ÷ without",
        median(&with_metrics),
        3,
        "",
        Target::AtLeast(0.98),
    );
    // Of all threads; what else the machine does hardly shows in it.
    report.row(
        "processor time of an example, with metrics ÷ without",
        median(&more_processor),
        3,
        "",
        Target::None,
    );
    report.row(
        "training with a dead gateway ÷ with a good one",
        median(&with_dead),
        3,
        "",
        Target::AtLeast(0.98),
    );
    report.row(
        "training, one process, two shards",
        median(&speeds),
        0,
        "examples/s",
        Target::None,
    );

    for shards in ["1", "2", "4", "8"] {
        // A job of its own: the gateway keeps what others left.
        let job = format!("bench-{shards}");
        let runs: Vec<_> = (0..5)
            .map(|_| train_as(&job, Some(gateway.address()), &["--shards", shards]).speed)
            .collect();
        report.row(
            &format!("one process, no calls between roles, {shards} shards"),
            median(&runs),
            0,
            "examples/s",
            Target::None,
        );
        where_time_goes(&gateway.metrics(), &job);
    }

    split(&mut report);

    let samples = gateway.metrics();
    let job: &[(&str, &str)] = &[("job", "bench")];
    let mean = |name: &str| {
        let of = |what: &str| samples.sum(&format!("{name}_{what}"), job);
        of("sum") / of("count")
    };
    report.row(
        "a push, until the gateway has answered",
        mean("metrics_push_time_cost") * 1e3,
        2,
        "ms",
        Target::None,
    );
    for (role, name) in [
        ("parameter-server", "parameter server"),
        ("embedding-worker", "embedding worker"),
        ("trainer", "trainer"),
    ] {
        let labels = [("job", "bench"), ("role", role), ("instance", "rep_0")];
        report.row(
            &format!("bytes of a push, {name}"),
            samples.value("metrics_push_bytes", &labels),
            0,
            "B",
            Target::None,
        );
    }
    distinct(&mut report);
    report.print();
}

/// Rounds of which the median counts, since the machine's own moods last for seconds.
const ROUNDS: usize = 5;
/// How many shards there are, where roles are processes.
const SHARDS: [usize; 4] = [1, 2, 4, 8];

/// Processor time of a million examples, and speed: in one process, and with each role as a
/// process, without metrics and side by side.
fn split(report: &mut Report) {
    let (mut alone, mut apart) = (Vec::new(), SHARDS.map(|_| Vec::new()));
    for _ in 0..ROUNDS {
        alone.push(of_processes(0));
        for (runs, shards) in apart.iter_mut().zip(SHARDS) {
            runs.push(of_processes(shards));
        }
    }
    let middle = |runs: &[Run], of: fn(&Run) -> f64| {
        let each: Vec<f64> = runs.iter().map(of).collect();
        median(&each)
    };
    let seconds: fn(&Run) -> f64 = |run| run.processor * 1e6;
    let speed: fn(&Run) -> f64 = |run| run.speed;
    let one = middle(&alone, seconds);
    report.row(
        "processor time of a million examples, one process",
        one,
        2,
        "s",
        Target::None,
    );
    for (runs, shards) in apart.iter().zip(SHARDS) {
        let own = middle(runs, seconds);
        report.row(
            &format!("the same, roles with {shards} shards"),
            own,
            2,
            "s",
            Target::None,
        );
        let most = match shards {
            2 => Target::AtMost(1.4),
            8 => Target::AtMost(1.8),
            _ => Target::None,
        };
        report.row(
            &format!("the same ÷ one process, {shards} shards"),
            own / one,
            2,
            "",
            most,
        );
        let least = match shards {
            2 => Target::AtLeast(0.8),
            _ => Target::None,
        };
        report.row(
            &format!("examples/s, roles with {shards} shards ÷ one process"),
            middle(runs, speed) / middle(&alone, speed),
            2,
            "",
            least,
        );
    }
}

/// A training of these processes, without any for the shards where all is in one.
fn of_processes(shards: usize) -> Run {
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_golden-signals"));
        command
            .args(["train", "--log-format=json", "--evaluate-every=0"])
            .args(arguments);
        Training::spawn(command)
    };
    let addresses: Vec<_> = (0..shards).map(|_| free_address().to_string()).collect();
    let all = format!("--parameter-servers={}", addresses.join(","));
    let worker = free_address().to_string();
    let workers = format!("--embedding-workers={worker}");
    let steps = format!("--steps={STEPS}");
    let mut others = Vec::new();
    let trainer = if shards == 0 {
        vec![steps.as_str()]
    } else {
        for bind in &addresses {
            others.push(start(&["--role=parameter-server", "--bind", bind, &all]));
        }
        others.push(start(&["--role=embedding-worker", "--bind", &worker, &all]));
        vec!["--role=trainer", workers.as_str(), steps.as_str()]
    };
    for other in &others {
        other.address();
    }
    let mut trainer = start(&trainer);
    let line = trainer.line_when("trained on");
    // It has not been waited for: the kernel still knows what it used.
    let mut used = cpu_seconds(trainer.pid());
    assert!(trainer.wait().success(), "{:#?}", trainer.log());
    let said = line["message"]
        .as_str()
        .expect("it is a sentence")
        .to_owned();
    let number = |before: &str, after: &str| -> f64 {
        let rest = said
            .split(before)
            .nth(1)
            .and_then(|rest| rest.split(after).next());
        let number = rest.and_then(|number| number.trim().parse().ok());
        number.unwrap_or_else(|| panic!("{said}"))
    };
    let examples = number("(", " examples)");
    used += others
        .iter()
        .map(|other| cpu_seconds(other.pid()))
        .sum::<f64>();
    Run {
        speed: number(" s, ", " examples/s"),
        processor: used / examples,
    }
}

/// Trains in this process; pushes every second, if there is a gateway.
async fn train(job: &str, gateway: Option<SocketAddr>, more: &[&str]) -> Summary {
    let directory = Daemon::directory("training-bench");
    let config = directory.join("global_config.yaml");
    fs::write(
        &config,
        format!(
            "PersiaMetricsConfig:\n  enable_metrics: {}\n  job_name: {job}\n  push_interval: 1\n",
            gateway.is_some()
        ),
    )
    .expect("the directory is ours");
    let gateway = gateway.map_or_else(|| "127.0.0.1:1".to_owned(), |gateway| gateway.to_string());
    let config_path = config.to_str().expect("it is UTF-8").to_owned();
    let arguments = ["train", "--steps", STEPS, "--global-config", &config_path];
    let gateway = ["--metrics-gateway-addr", &gateway];
    let cli = Cli::parse_from([&arguments[..], &gateway, more].concat());
    let ended = training::run(cli.options, BUILD, Box::pin(std::future::pending())).await;
    fs::remove_dir_all(directory).expect("it is ours");
    ended.expect("it trains").expect("it trained here")
}

/// The mean time of each stage of a batch.
fn where_time_goes(samples: &Samples, job: &str) {
    print!("{job}, µs:");
    for stage in [
        "lookup_create_requests_time_cost",
        "lookup_mixed_batch_time_cost",
        "lookup_rpc_time_cost",
        "summation_time_cost",
        "dense_step_time_cost",
        "update_gradient_time_cost",
    ] {
        let of = |what: &str| samples.sum(&format!("{stage}_{what}"), &[("job", job)]);
        print!(" {stage} {:.0}", of("sum") / of("count") * 1e6);
    }
    println!();
}

/// The worst error over many sets of ids of many sizes, and what it costs.
fn distinct(report: &mut Report) {
    let mut worst: f64 = 0.0;
    let mut inserted = 0;
    let start = Instant::now();
    for set in 0..20_u64 {
        let distinct = DistinctIds::default();
        for number in 1..=1_000_000_u64 {
            distinct.insert(0, mix(number ^ (set << 40)));
            if number.is_multiple_of(1 << (number.ilog2().max(4) - 4)) {
                let error = distinct.estimate(0) as f64 / number as f64 - 1.0;
                worst = worst.max(error.abs());
            }
        }
        inserted += 1_000_000;
    }
    report.row(
        "HyperLogLog, worst of 20 sets of up to a million ids",
        worst * 100.0,
        2,
        "%",
        Target::AtMost(1.0),
    );
    let features = FEATURES.len();
    report.row(
        &format!("HyperLogLog, memory of {features} features"),
        DistinctIds::BYTES as f64 / 1024.0,
        0,
        "KiB",
        Target::None,
    );
    report.row(
        "HyperLogLog, an insertion",
        start.elapsed().as_secs_f64() / f64::from(inserted) * 1e9,
        0,
        "ns",
        Target::None,
    );
}
