//! More requests arrive.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "more-traffic",
    level: 1,
    signals: &[Signal::Traffic],
    components: &[Component::Clients],
    scopes: &[Scope::All],
    visible_after: 60,
    magnitudes: &[&[4], &[3], &[6], &[8]],
    describe: |of| format!("{} times the arrivals", of[0]),
    act: |of, conditions| conditions.traffic = conditions.traffic.times(f64::from(of[0])),
};
