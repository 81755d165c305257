//! A build that is bad for one segment of the users: about one in a hundred waits, for the
//! others nothing has changed, and the mean hardly moves.

use super::kind::{Component, Kind, Scope, Signal};
use super::tail;

pub(super) const KIND: Kind = Kind {
    name: "bad-build",
    level: 3,
    signals: &[Signal::Latency],
    components: &[Component::Handler],
    scopes: &[Scope::Some],
    visible_after: 180,
    magnitudes: &[&[10, 3], &[15, 3], &[15, 4]],
    describe: |of| format!("{} of 1000 requests follow {}", of[0], tail(of[1])),
    act: |of, conditions| {
        let delay = &conditions.faults.delay;
        conditions.faults.delay = delay.with_tail(f64::from(of[0]) / 1000.0, &tail(of[1]));
    },
};
