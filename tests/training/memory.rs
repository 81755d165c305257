//! A training's memory does not grow with what it has trained on.
//!
//! Resident memory is the kernel's account of the process, not its own; without the pages
//! of the program's file, which come and go with what else the machine does.
#![cfg(target_os = "linux")]

use std::fs;

use crate::support::pushgateway::FakeGateway;
use crate::support::training::{Job, Training};

const KIB_PER_MIB: u64 = 1024;

fn resident_kib(training: &Training) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", training.pid()));
    let status = status.expect("the process runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("RssAnon is a number of kB")
}

/// Tables that are full, ids that are ever new, gradients that are dropped, a
/// gateway that never answers: nothing may pile up anywhere.
///
/// Once the tables are full, within 3,000 batches, memory may grow by 8 MiB in
/// 20,000 more: 400 bytes each, where the ids of a batch alone take 15 KiB.
#[test]
fn twenty_thousand_batches_leave_nothing_behind() {
    const MAY_GROW_KIB: u64 = 8 * KIB_PER_MIB;

    let gateway = FakeGateway::start(0);
    let job = Job::new("memory", gateway.address());
    let training = job.start(&[
        "--batch-size=256",
        "--table-capacity=5000",
        "--drift=5",
        "--nan-every=10",
        "--masked-features=context",
        "--progress-every=100ms",
    ]);
    let resident_after = |step: u64| {
        let mut seen = 0;
        loop {
            let lines = training.lines_when("examples/s", seen + 1);
            seen = lines.len();
            if lines[seen - 1]["step"].as_u64() >= Some(step) {
                return resident_kib(&training);
            }
        }
    };
    let before = resident_after(3_000);
    let after = resident_after(23_000);
    assert!(
        after <= before + MAY_GROW_KIB,
        "{before} KiB after 3,000 batches, {after} KiB after 23,000"
    );
    println!("{before} KiB, then {after} KiB");
}
