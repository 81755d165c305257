//! Ten minutes of training, as fast as the machine lets it, with everything that could pile
//! up: full tables, ids that are ever new, NaN gradients, a masked feature, evaluations,
//! checkpoints, pushes, and each role as a process of its own beside all in one. Resident
//! memory is to be flat: its own, without the pages of the program's file.

#[path = "harness/mod.rs"]
mod harness;
#[path = "../support/mod.rs"]
mod support;

use std::thread;
use std::time::{Duration, Instant};

use harness::process::anonymous_mib;
use harness::report::{Report, Target};
use harness::statistics::median;
use support::peers;
use support::pushgateway::{Pushgateway, free_address};
use support::training::{Job, Training};

const LENGTH: Duration = Duration::from_mins(10);
/// Tables, queues and the allocator's pools are full by then.
const WARM: Duration = Duration::from_mins(2);
const EVERY: Duration = Duration::from_secs(2);

const BUSY: [&str; 6] = [
    "--table-capacity=20000",
    "--drift=5",
    "--nan-every=10",
    "--masked-features=context",
    "--checkpoint-every=2000",
    "--checkpoints",
];

fn main() {
    if !harness::wanted() {
        return;
    }
    let Some(binary) = peers::require("prometheus-pushgateway") else {
        return;
    };
    let gateway = Pushgateway::start(&binary);
    let (alone, apart) = (
        Job::new("alone", gateway.address()),
        Job::new("apart", gateway.address()),
    );
    let start = |job: &Job, more: &[&str]| {
        let checkpoints = job.file("checkpoints");
        let checkpoints = checkpoints.to_str().expect("it is UTF-8");
        job.start(&[&BUSY[..], &[checkpoints], more].concat())
    };
    let [shard_0, shard_1, worker] = [(); 3].map(|()| free_address().to_string());
    let shards = format!("--parameter-servers={shard_0},{shard_1}");
    let workers = format!("--embedding-workers={worker}");
    let role = |role: &str, bind: &str| {
        let role = format!("--role={role}");
        let bind = format!("--bind={bind}");
        start(&apart, &[&role, &bind, &shards, &workers])
    };
    let processes: [(&str, Training); 5] = [
        ("all in one", start(&alone, &[])),
        ("parameter server 0", role("parameter-server", &shard_0)),
        ("parameter server 1", role("parameter-server", &shard_1)),
        ("embedding worker", role("embedding-worker", &worker)),
        (
            "trainer",
            start(&apart, &["--role=trainer", &shards, &workers]),
        ),
    ];

    let started = Instant::now();
    let mut resident = vec![(Vec::new(), Vec::new()); processes.len()];
    while started.elapsed() < LENGTH {
        thread::sleep(EVERY);
        let now = started.elapsed();
        for ((_, process), (early, late)) in processes.iter().zip(&mut resident) {
            let mib = anonymous_mib(process.pid());
            // The first minute that is warm, and the last of all.
            if (WARM..WARM + Duration::from_mins(1)).contains(&now) {
                early.push(mib);
            } else if now > LENGTH.saturating_sub(Duration::from_mins(1)) {
                late.push(mib);
            }
        }
    }
    let mut report = Report::new();
    for ((name, process), (early, late)) in processes.into_iter().zip(resident) {
        // The median, since a checkpoint and an evaluation take some for a moment.
        let (early, late) = (median(&early), median(&late));
        report.row(
            &format!("resident, {name}, in its tenth minute"),
            late,
            1,
            "MiB",
            Target::None,
        );
        // Over tens of thousands of batches: less than a hundred bytes of each.
        report.row(
            &format!("resident, {name}, tenth minute − third"),
            late - early,
            1,
            "MiB",
            Target::AtMost(2.0),
        );
        drop(process);
    }
    let samples = gateway.metrics();
    for job in ["alone", "apart"] {
        report.row(
            &format!("batches trained on meanwhile, {job}"),
            samples.sum("train_batches", &[("job", job)]),
            0,
            "",
            Target::None,
        );
    }
    report.print();
}
