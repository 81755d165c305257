//! A leak: memory that is taken and never given back, until the bound of whoever leaks it.

use super::kind::{Component, Kind, Scope, Signal};

pub(super) const KIND: Kind = Kind {
    name: "memory-leak",
    level: 2,
    signals: &[Signal::Saturation],
    components: &[Component::Process],
    scopes: &[Scope::Nobody],
    visible_after: 90,
    magnitudes: &[&[1024], &[512], &[768]],
    describe: |of| format!("{} KiB of memory a second are not given back", of[0]),
    act: |of, conditions| conditions.leaked_kib_per_second = of[0],
};
