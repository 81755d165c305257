//! A slow tail: a share of the requests takes seconds, the others are as they were.
//! Averages hardly show it, high percentiles do.

use super::kind::{Component, Kind, Scope, Signal};
use super::tail;

pub(super) const KIND: Kind = Kind {
    name: "slow-tail",
    level: 1,
    signals: &[Signal::Latency],
    components: &[Component::Handler],
    scopes: &[Scope::Some],
    visible_after: 60,
    magnitudes: &[&[5, 2], &[5, 3], &[10, 1], &[10, 2], &[10, 3]],
    describe: |of| format!("{}% of the requests follow {}", of[0], tail(of[1])),
    act: |of, conditions| {
        let delay = &conditions.faults.delay;
        conditions.faults.delay = delay.with_tail(f64::from(of[0]) / 100.0, &tail(of[1]));
    },
};
