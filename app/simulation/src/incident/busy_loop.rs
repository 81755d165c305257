//! A loop that burns the processor, beside the requests and not for them.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "busy-loop",
    level: 2,
    signals: &[Signal::Saturation],
    components: &[Component::Process],
    scopes: &[Scope::Nobody],
    visible_after: 60,
    magnitudes: &[&[60], &[40], &[80]],
    describe: |of| format!("a loop takes {}% of one core", of[0]),
    act: |of, conditions| conditions.burnt_percent = of[0],
};
