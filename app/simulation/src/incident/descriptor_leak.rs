//! A leak: descriptors that are opened and never closed, until the bound of whoever leaks
//! them.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "descriptor-leak",
    level: 2,
    signals: &[Signal::Saturation],
    components: &[Component::Process],
    scopes: &[Scope::Nobody],
    visible_after: 90,
    magnitudes: &[&[120], &[60], &[240]],
    describe: |of| format!("{} descriptors a minute are not closed", of[0]),
    act: |of, conditions| conditions.leaked_descriptors_per_minute = of[0],
};
