//! Every request takes many times as long, so that those in flight fill the concurrency:
//! by Little's law they are arrival rate × mean delay.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "all-slow",
    level: 1,
    signals: &[Signal::Latency, Signal::Saturation],
    components: &[Component::Handler],
    scopes: &[Scope::All],
    visible_after: 60,
    magnitudes: &[&[20], &[10], &[30]],
    describe: |of| format!("{} times the delay", of[0]),
    act: |of, conditions| {
        conditions.faults.delay = conditions.faults.delay.slowed(f64::from(of[0]));
    },
};
