//! The process stands still for a moment, again and again, as with a garbage collector:
//! what arrives meanwhile waits.

use std::time::Duration;

use super::conditions::Pauses;
use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "pauses",
    level: 3,
    signals: &[Signal::Latency, Signal::Saturation],
    components: &[Component::Process],
    scopes: &[Scope::Some, Scope::All],
    visible_after: 180,
    magnitudes: &[&[20, 1200], &[15, 1000]],
    describe: |of| {
        format!(
            "every {} s the process stands still for {} ms",
            of[0], of[1]
        )
    },
    act: |of, conditions| {
        conditions.pauses = Some(Pauses {
            every: Duration::from_secs(of[0].into()),
            length: Duration::from_millis(of[1].into()),
        });
    },
};
