//! A share of the requests is never done: they end at the request timeout, and until then
//! hold their places.

use super::hanging;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "hangs",
    level: 2,
    signals: &[Signal::Errors, Signal::Latency],
    components: &[Component::Handler],
    scopes: &[Scope::Some],
    visible_after: 120,
    magnitudes: &[&[10], &[15], &[20]],
    describe: |of| format!("{}% of the requests hang until they time out", of[0]),
    act: |of, conditions| {
        let delay = &conditions.faults.delay;
        conditions.faults.delay = delay.with_tail(f64::from(of[0]) / 100.0, &hanging());
    },
};
